"""The identifier that needs no file: py3langid's model (Lui and Baldwin 2012) in a compiled walk.

Its columns are restricted to the labels that identify.toml and the table of languages name.
"""

import math
import unicodedata
from collections.abc import Set
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


class NaiveBayes:
    """Label -> probability, over some hundred labels of py3langid. Holds some 60 MB."""

    name = "py3langid"

    def __init__(self, allowed: Set[str]) -> None:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        columns = [at for at, label in enumerate(model.nb_classes) if label in allowed]
        self.labels: list[str] = [model.nb_classes[at] for at in columns]
        self._single = len(set(self.labels)) == len(self.labels)
        self._weights = np.ascontiguousarray(model.nb_ptc[:, columns], dtype=np.float32)
        self._start = np.asarray(model.nb_pc, dtype=np.float64)[columns]
        self._moves = np.frombuffer(model.tk_nextmove, dtype=f"u{model.tk_nextmove.itemsize}")
        self._rows = np.asarray(model.tk_row, dtype=np.int64)
        self._outputs = np.asarray(model.tk_output, dtype=np.int64)
        self._seen = np.zeros(self._weights.shape[0], np.int32)

    def probabilities(self, text: str) -> dict[str, float]:
        """Label -> probability; empty where the text holds nothing that the model knows."""
        shares = self._shares(text)
        if shares is None:
            return {}
        if self._single:
            return dict(zip(self.labels, shares.tolist(), strict=True))
        merged: dict[str, float] = {}
        for label, share in zip(self.labels, shares.tolist(), strict=True):
            merged[label] = merged.get(label, 0.0) + share
        return merged

    def likeliest(self, text: str) -> tuple[str, float] | None:
        """The likeliest label and its probability, in a third of the time; None as above."""
        shares = self._shares(text)
        if shares is None:
            return None
        best = int(shares.argmax())
        return self.labels[best], float(shares[best])

    def _shares(self, text: str) -> NDArray[np.float64] | None:
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
            return None
        scores /= math.sqrt(len(data))
        shares: NDArray[np.float64] = np.exp(scores - scores.max())
        return shares / shares.sum()


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
