"""The folder that an evaluation leaves: the two tables, and the scores of each text behind them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from openbook.errors import OpenbookError
from openbook.model.checkpoint import read_json

BITS, PARITY, REPORT, SCORES = "bits.json", "parity.json", "report.html", "scores"
PAIRS = "pairs.json"
"""Only where there are minimal pairs: {"languages": {code: {"all", "phenomena"}}, "method"}; they lie in pairs/."""
EARLIER = "earlier"
"""Only where a gate names an earlier model: `scores/` of it, and what separates the two in differences.json."""
MEMORIZATION = "memorization.json"
"""Only in the evaluation that a run makes of its own model: what was trained on is known there."""


@dataclass(frozen=True)
class Evaluation:
    folder: Path
    bits: dict[str, Any]
    """{"languages": {code: {bits_per_byte, low, high, documents, bytes, baseline, ...}}, "summary", "method"}."""
    parity: dict[str, Any]
    """{"languages": {code: {relative, low, high, bits, lines, ...}}, "reference", "summary", "caveat"}."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Raises OpenbookError when the folder is no evaluation."""
        if not (folder / BITS).exists():
            raise OpenbookError(f"{folder} is not an evaluation: it has no {BITS}.")
        return cls(folder, read_json(folder / BITS), read_json(folder / PARITY))

    @property
    def pairs(self) -> dict[str, Any]:
        """{code: {"all": {accuracy, low, high, n}, "phenomena": {name: ...}}}; empty where no pairs were scored."""
        found: dict[str, Any] = read_json(self.folder / PAIRS)["languages"] if (self.folder / PAIRS).exists() else {}
        return found

    @property
    def languages(self) -> list[str]:
        return sorted({*self.bits["languages"], *self.parity["languages"]})

    def scores(self, language: str) -> dict[str, Any]:
        """Bytes, tokens and nats of every document and parallel line of a language."""
        path = self.folder / SCORES / f"{language}.json"
        if not path.exists():
            raise OpenbookError(f"{self.folder} holds no scores of {language!r}; it has {', '.join(self.languages)}.")
        content: dict[str, Any] = read_json(path)
        return content
