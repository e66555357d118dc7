"""In which language is a text: py3langid's model in a compiled walk, what the page declares, and a second look at kin.

The score is a probability over the labels that identify.toml allows, times that of the member inside its family.
"""

import math
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numba import njit

from openbook.corpus.varieties import families
from openbook.languages import ALIASES, LANGUAGES

READ = 2000
"""Characters that are looked at."""
UNKNOWN = "und"
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
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    counts = {
        script: int(sum(np.count_nonzero((points >= low) & (points <= high)) for low, high in ranges))
        for script, ranges in SCRIPTS.items()
    }
    counts["other"] = (
        int(np.count_nonzero(points > 0x24F))
        - sum(counts[script] for script in SCRIPTS if script != "Latn")
        - int(np.count_nonzero((points >= 0x1E00) & (points <= 0x1EFF)))
    )
    counts["other"] = max(0, counts["other"] - int(np.count_nonzero((points >= 0x2000) & (points <= 0x2BFF))))
    return counts


class Identifier:
    """py3langid's model (Lui and Baldwin 2012), its columns restricted to the labels that may be answered."""

    def __init__(self) -> None:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self.families = families()
        ours = {code.split("-")[0] for code in LANGUAGES} | {label for one in self.families for label in one.labels}
        allowed = (ours | set(table()["others"])) & set(model.nb_classes)
        columns = [at for at, label in enumerate(model.nb_classes) if label in allowed]
        self.labels = [model.nb_classes[at] for at in columns]
        self._weights = np.ascontiguousarray(model.nb_ptc[:, columns], dtype=np.float32)
        self._start = np.asarray(model.nb_pc, dtype=np.float64)[columns]
        self._moves = np.frombuffer(model.tk_nextmove, dtype=f"u{model.tk_nextmove.itemsize}")
        self._rows = np.asarray(model.tk_row, dtype=np.int64)
        self._outputs = np.asarray(model.tk_output, dtype=np.int64)
        self._seen = np.zeros(self._weights.shape[0], np.int32)

    def probabilities(self, text: str) -> dict[str, float]:
        """Label -> probability; empty where the text holds nothing that the model knows."""
        text = text[:READ]
        if text.isupper():
            text = text.lower()
        data = unicodedata.normalize("NFC", text).encode("utf-8", "replace")
        scores, features = _score(
            np.frombuffer(data, np.uint8),
            self._moves,
            self._rows,
            self._outputs,
            self._weights,
            self._start,
            self._seen,
        )
        if not features:
            return {}
        scores /= math.sqrt(len(data))
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        merged: dict[str, float] = {}
        for label, share in zip(self.labels, shares.tolist(), strict=True):
            merged[label] = merged.get(label, 0.0) + share
        return merged

    def identify(self, text: str, declared: str | None = None) -> Identified:
        """`declared`: what the page or its source says; it makes that language likelier and decides between equals."""
        sample = text[:READ]
        shares = self.probabilities(sample)
        if not shares:
            return Identified(UNKNOWN, 0.0, 0.0)
        letters = letters_by_script(sample)
        code = declared_code(declared)
        label = self._label(code)
        if label in shares:
            shares[label] *= table()["declared"]
            total = sum(shares.values())
            shares = {one: share / total for one, share in shares.items()}
        for family in self.families:
            if letters.get(family.script, 0) * 2 < sum(letters.values()):
                continue
            mine = {one: shares.pop(one, 0.0) for one in family.labels}
            together = sum(mine.values())
            if together > max(shares.values(), default=0.0):
                inside = family.member(sample, mine, code)
                member = max(inside, key=lambda one: (inside[one], one))
                return self._result(member, together * inside[member], letters)
            shares[family.labels[0]] = together
        best = max(shares, key=lambda one: (shares[one], one))
        found = "und" if best == "zxx" else "sr-Cyrl" if best == "sr" else "nb" if best == "no" else best
        return self._result(found, shares[best], letters)

    def _label(self, code: str | None) -> str:
        """The model's label for a code of the table."""
        code = code or ""
        for family in self.families:
            if code in family.label:
                return family.label[code]
        return code.split("-")[0]

    @staticmethod
    def _result(code: str, score: float, letters: dict[str, int]) -> Identified:
        script = LANGUAGES[code].script if code in LANGUAGES else None
        total = sum(letters.values())
        share = letters.get(script, 0) / total if script and total else 1.0
        return Identified(code, round(score, 4), round(share, 4))


@cache
def identifier() -> Identifier:
    """The one of this process: it holds some 60 MB."""
    return Identifier()


@njit(cache=True, nogil=True)
def _score(data: Any, moves: Any, rows: Any, outputs: Any, weights: Any, start: Any, seen: Any) -> Any:
    """Naive Bayes over the byte n-grams that the automaton finds; `seen` is all zeros before and after."""
    touched = np.empty(data.size, np.int64)
    count = 0
    state = np.int64(0)
    for i in range(data.size):
        state = np.int64(moves[(rows[state] << 8) + data[i]])
        feature = outputs[state]
        if feature >= 0:
            if seen[feature] == 0:
                touched[count] = feature
                count += 1
            seen[feature] += 1
    scores = start.copy()
    for k in range(count):
        feature = touched[k]
        weight = np.log1p(np.float64(seen[feature]))
        seen[feature] = 0
        for j in range(scores.size):
            scores[j] += weight * weights[feature, j]
    return scores, count
