"""In which language is a text: a model's probabilities, what the page declares, and a second look at near relatives.

The model is py3langid's, or any of fastText's by path. The score is the probability of a language; of a relative, that
of its family times its own in it.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from openbook.corpus.addresses import site_of
from openbook.corpus.compiled import kernel
from openbook.corpus.fasttext_model import FastText
from openbook.corpus.naive_bayes import NaiveBayes
from openbook.corpus.varieties import families
from openbook.languages import ALIASES, LANGUAGES

READ = 2000
"""Characters that are looked at."""
UNKNOWN = "und"
DEFAULT = "py3langid"
LEAST = 0.0005
SCRIPTS = {
    "Latn": ((0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F), (0x1E00, 0x1EFF)),
    "Cyrl": ((0x400, 0x52F),),
    "Grek": ((0x370, 0x3FF), (0x1F00, 0x1FFF)),
    "Geor": ((0x10A0, 0x10FF), (0x1C90, 0x1CBF)),
    "Armn": ((0x530, 0x58F),),
}


@dataclass(frozen=True, slots=True)
class Identified:
    language: str
    """A code of the table, a label of the model for a language that the table lacks, or `und`."""
    score: float
    """0 to 1."""
    script_share: float
    """Of the letters looked at, the share in the language's script."""
    runner_up: str | None = None
    """The next likeliest, None where nothing else has a probability of LEAST."""
    runner_up_score: float = 0.0


@cache
def table() -> dict[str, Any]:
    return tomllib.loads(files("openbook.corpus").joinpath("identify.toml").read_text(encoding="utf-8"))


def declared_code(declared: str | None) -> str | None:
    """The table's code for a declared language (`sr-Latn-RS`, `no`, `EN_us`), None where it has none."""
    if not declared:
        return None
    parts = [part for part in declared.strip().replace("_", "-").replace("@", "-").split("-") if part]
    if not parts:
        return None
    primary, rest = parts[0].lower(), [part.lower() for part in parts[1:]]
    if primary in ("sr", "sh"):
        return "sr-Latn" if {"latn", "latin"} & set(rest) else "cnr" if "me" in rest else "sr-Cyrl"
    return primary if primary in LANGUAGES else ALIASES.get(primary)


def letters_by_script(text: str) -> dict[str, int]:
    """How many letters of each script of the table stand in `text`; `other` for the rest."""
    counts = _letters(np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32), _RANGES, _OF).tolist()
    return dict(zip((*SCRIPTS, "other"), counts, strict=True))


_RANGES = np.array([bounds for ranges in SCRIPTS.values() for bounds in ranges], np.int64)
_OF = np.array([at for at, ranges in enumerate(SCRIPTS.values()) for _ in ranges], np.int64)
"""Place in SCRIPTS of each range."""


@kernel
def _letters(points: Any, ranges: Any, of: Any) -> Any:
    """Letters in each script, and at last those in none: what lies beyond Latin and is no punctuation or symbol."""
    counts: Any = np.zeros(of[-1] + 2, np.int64)
    others: Any = 0
    marks: Any = 0
    for i in range(points.size):
        point = np.int64(points[i])
        known: Any = point <= 0x24F or 0x1E00 <= point <= 0x1EFF
        for k in range(of.size):
            if ranges[k, 0] <= point <= ranges[k, 1]:
                counts[of[k]] += 1
                known = True
                break
        others += not known
        marks += 0x2000 <= point <= 0x2BFF
    counts[-1] = max(0, others - marks)
    return counts


class Model(Protocol):
    def probabilities(self, text: str) -> dict[str, float]:
        """Label -> probability; empty where the text holds nothing that the model knows."""
        ...

    def likeliest(self, text: str) -> tuple[str, float] | None:
        """The likeliest label and its probability; None where `probabilities` is empty."""
        ...


class Identifier:
    """A model and what is made of its answers."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def probabilities(self, text: str) -> dict[str, float]:
        """What the model says: label -> probability."""
        return self.model.probabilities(text[:READ])

    def identify(self, text: str, declared: str | None = None, url: str = "") -> Identified:
        """`declared`: what the page or its source says; it makes that language likelier and decides between equals.
        `url`: of near relatives the country in the page's address makes one likelier."""
        sample = text[:READ]
        shares = self.model.probabilities(sample)
        letters = letters_by_script(sample)
        if not shares or not any(letters.values()):
            return Identified(UNKNOWN, 0.0, 0.0)
        code = declared_code(declared)
        label = next((one for one in _labels(code) if one in shares), None)
        if label is not None:
            shares[label] *= table()["declared"]
            total = sum(shares.values())
            shares = {one: share / total for one, share in shares.items()}
        for family in families():
            mine = {one: shares.pop(one) for one in family.labels if one in shares}
            together = sum(mine.values())
            likeliest = together > max(shares.values(), default=0.0)
            if not likeliest or letters.get(family.script, 0) * 2 < sum(letters.values()):
                shares |= mine
                continue
            inside = family.member(sample, mine, code, _top_domain(url))
            shares |= {member: together * share for member, share in inside.items()}
        return _answer(shares, letters)


def _top_domain(url: str) -> str:
    return site_of(url).partition(":")[0].rpartition(".")[2] if url else ""


def _labels(code: str | None) -> tuple[str, ...]:
    """What models call a code of the table."""
    if code is None:
        return ()
    for family in families():
        if code in family.label:
            return family.label[code]
    return code, code.split("-")[0]


def _answer(shares: dict[str, float], letters: dict[str, int]) -> Identified:
    score, label = max(zip(shares.values(), shares, strict=True))
    del shares[label]
    next_score, next_label = max(zip(shares.values(), shares, strict=True), default=(0.0, UNKNOWN))
    code = code_of(label)
    script = LANGUAGES[code].script if code in LANGUAGES else None
    total = sum(letters.values())
    share = letters.get(script, 0) / total if script and total else 1.0
    close = next_score >= LEAST
    return Identified(
        code,
        round(min(1.0, score), 4),
        round(share, 4),
        code_of(next_label) if close else None,
        round(next_score, 4) if close else 0.0,
    )


_CODES = {"zxx": UNKNOWN, "sr": "sr-Cyrl", "no": "nb"}


def code_of(label: str) -> str:
    """The program's code for a label of a model."""
    return _CODES.get(label, label)


@cache
def identifier(which: str = DEFAULT) -> Identifier:
    """The one of this process: `py3langid`, or a fastText model by path. Raises OpenbookError where there is none."""
    if which != DEFAULT:
        return Identifier(FastText(Path(which), table()["labels"]))
    relatives = {label for family in families() for label in family.labels}
    return Identifier(NaiveBayes({code.split("-")[0] for code in LANGUAGES} | relatives | set(table()["others"])))
