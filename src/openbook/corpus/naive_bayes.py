"""The identifier that needs no file: py3langid's model (Lui and Baldwin 2012) in a compiled walk.

Its columns are restricted to the labels that identify.toml and the table of languages name.
"""

import unicodedata
from collections.abc import Set
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbook.books.digest import canonical_json, sha256_bytes
from openbook.corpus import mapped
from openbook.corpus.compiled import kernel

SCALE = 512
"""Weights are whole numbers of 1/512. The model has them in 16 bits, all from 2 to 64: exact, and half as much to read
as floats."""
OFTEN = 8
"""A feature that occurs more often than this is added by itself; the others in whole numbers, by how often they do."""
NEARLY_NONE = 1e-9
"""A label with less is left out."""
FORMAT = 2
"""Of the tables in the cache."""
AHEAD = 16
"""Features whose weights are asked for before they are added up."""
LANES = 8
"""Stretches of a text that are walked side by side."""
_LINE = 32
"""Weights in a line of the processor's cache."""


class NaiveBayes:
    """Label -> probability, over some hundred labels of py3langid. Maps some 60 MB."""

    name = "py3langid"

    def __init__(self, allowed: Set[str]) -> None:
        found = mapped.tables("identifier", _key(allowed), lambda: _tables(allowed))
        self.labels: list[str] = found["labels"].tolist()
        self._tables = tuple(found[name] for name in ("moves", "rows", "outputs", "weights", "start"))
        self._depth = int(found["depth"])
        self._seen = np.zeros(found["weights"].shape[0], np.int32)
        self._last: tuple[str, NDArray[np.float64] | None] = "", None
        """What was asked last and the answer: a paragraph that is likely in another language is asked for twice."""

    def probabilities(self, text: str) -> dict[str, float]:
        """Label -> probability, of those that have any; empty where the text holds nothing that the model knows."""
        shares = self._shares(text)
        if shares is None:
            return {}
        places = np.flatnonzero(shares > NEARLY_NONE)
        merged: dict[str, float] = {}
        for at, share in zip(places.tolist(), shares[places].tolist(), strict=True):
            merged[self.labels[at]] = merged.get(self.labels[at], 0.0) + share
        return merged

    def likeliest(self, text: str) -> tuple[str, float] | None:
        """The likeliest label and its probability, in a third of the time; None as above."""
        shares = self._shares(text)
        if shares is None:
            return None
        best = int(shares.argmax())
        return self.labels[best], float(shares[best])

    def _shares(self, text: str) -> NDArray[np.float64] | None:
        if text != self._last[0]:
            self._last = text, self._scored(text)
        return self._last[1]

    def _scored(self, text: str) -> NDArray[np.float64] | None:
        if text.isupper():
            text = text.lower()
        data = unicodedata.normalize("NFC", text).encode("utf-8", "replace")
        shares: NDArray[np.float64] = _score(np.frombuffer(data, np.uint8), *self._tables, self._depth, self._seen)
        return shares if shares.size else None


def _key(allowed: Set[str]) -> str:
    package = find_spec("py3langid")
    places = (package.submodule_search_locations if package else None) or [""]
    files = [[path.name, path.stat().st_size] for path in sorted(Path(places[0]).glob("data/*"))]
    return sha256_bytes(canonical_json([FORMAT, version("py3langid"), files, sorted(allowed), SCALE]))[:16]


def _tables(allowed: Set[str]) -> mapped.Tables:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    columns = [at for at, label in enumerate(model.nb_classes) if label in allowed]
    moves = np.frombuffer(model.tk_nextmove, f"u{model.tk_nextmove.itemsize}").astype(np.uint32)
    rows = np.asarray(model.tk_row, np.int32)
    return {
        "labels": np.array([model.nb_classes[at] for at in columns]),
        "weights": np.rint(model.nb_ptc[:, columns].astype(np.float32) * SCALE).astype(np.int16),
        "start": np.asarray(model.nb_pc, np.float64)[columns],
        "moves": moves,
        "rows": rows,
        "outputs": np.asarray(model.tk_output, np.int32),
        "depth": np.array(_depth(moves.reshape(-1, 256), rows)),
    }


def _depth(moves: NDArray[np.uint32], rows: NDArray[np.int32]) -> int:
    """Bytes behind which the automaton has forgotten where it began: as many as its longest n-gram has."""
    known = np.zeros(rows.size, bool)
    known[0] = True
    reached = np.flatnonzero(known)
    for depth in range(rows.size):
        following = np.unique(moves[np.unique(rows[reached])]).astype(np.int64)
        reached = following[~known[following]]
        known[reached] = True
        if not reached.size:
            return depth
    return rows.size


@kernel
def _walk(data: Any, moves: Any, rows: Any, outputs: Any, depth: Any, features: Any) -> Any:
    """The feature that ends at each byte, -1 for none.

    Each step waits for memory, so stretches of the text are walked side by side; each is entered `depth` bytes before
    it begins, behind which its state is that of a walk from the start of the text.
    """
    size = data.size
    stretch = (size + LANES - 1) // LANES
    states = np.zeros(LANES, np.int64)
    for i in range(-depth, stretch):
        for lane in range(LANES):
            at = lane * stretch + i
            if 0 <= at < size:
                state = np.int64(moves[(np.int64(rows[states[lane]]) << 8) + data[at]])
                states[lane] = state
                if i >= 0:
                    features[at] = outputs[state]


@kernel
def _score(data: Any, moves: Any, rows: Any, outputs: Any, weights: Any, start: Any, depth: Any, seen: Any) -> Any:
    """Naive Bayes over the byte n-grams that the automaton finds: [labels] probabilities, none where it finds nothing.

    `seen` is all zeros before and after.
    """
    features = np.empty(data.size, np.int32)
    _walk(data, moves, rows, outputs, depth, features)
    touched = np.empty(data.size, np.int64)
    count = 0
    for i in range(data.size):
        feature = np.int64(features[i])
        if feature >= 0:
            if seen[feature] == 0:
                touched[count] = feature
                count += 1
            seen[feature] += 1
    if count == 0:
        return np.empty(0, np.float64)
    labels = start.size
    sums = np.zeros((OFTEN, labels), np.int32)
    scores = start.copy()
    asked = 0
    for first in range(0, count, AHEAD):
        last = min(count, first + AHEAD)
        # The weights lie all over tens of megabytes: asked for together, they come from memory side by side.
        for k in range(first, last):
            for j in range(0, labels, _LINE):
                asked += weights[touched[k], j]
        for k in range(first, last):
            feature = touched[k]
            times = seen[feature]
            seen[feature] = 0
            if times <= OFTEN:
                mine = sums[times - 1]
                for j in range(labels):
                    mine[j] += weights[feature, j]
            else:
                weight = np.log1p(np.float64(times)) / SCALE
                for j in range(labels):
                    scores[j] += weight * weights[feature, j]
    if asked == np.iinfo(np.int64).max:  # never so, but the compiler cannot leave the asking out
        return np.empty(0, np.float64)
    for times in range(OFTEN):
        weight = np.log1p(np.float64(times + 1)) / SCALE
        for j in range(labels):
            scores[j] += weight * sums[times, j]
    scores /= np.sqrt(np.float64(data.size))
    scores = np.exp(scores - scores.max())
    return scores / scores.sum()
