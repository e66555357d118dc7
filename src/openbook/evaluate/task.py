"""One language scored by one model: the piece of work that a worker does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from openbook.errors import OpenbookError
from openbook.evaluate.scorer import ModelSource, Scorer, open_scorer
from openbook.evaluate.texts import LanguageTexts
from openbook.evaluate.windows import method, windows

DIGITS = 7
"""Significant digits kept of a sum of log-probabilities."""


@dataclass(frozen=True)
class Scores:
    """Texts in their order: bytes, tokens, and nats (negative log-likelihood) of each."""

    bytes: np.ndarray
    tokens: np.ndarray
    nats: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any]]) -> "Scores":
        return cls(*(np.array([row[name] for row in rows], dtype=np.float64) for name in ("bytes", "tokens", "nats")))

    @property
    def bits_per_byte(self) -> float:
        return float(self.nats.sum() / np.log(2) / self.bytes.sum())


def score_texts(scorer: Scorer, texts: Sequence[str], overlap: float) -> list[dict[str, Any]]:
    """Bytes, tokens and nats of each text, windows put together again."""
    rows, owners, carried = [], [], []
    encoded = scorer.encode(texts)
    for index, ids in enumerate(encoded):
        for window in windows(ids, scorer.start, scorer.context, overlap):
            rows.append(window.row)
            owners.append(index)
            carried.append(window.carried)
    nats = [0.0] * len(texts)
    for owner, skip, scored in zip(owners, carried, scorer.score(rows), strict=True):
        nats[owner] -= float(scored[skip:].sum())
    return [
        {"bytes": len(text.encode()), "tokens": len(ids), "nats": float(f"{value:.{DIGITS}g}")}
        for text, ids, value in zip(texts, encoded, nats, strict=True)
    ]


def score_language(texts: LanguageTexts, source: ModelSource, overlap: float) -> dict[str, Any]:
    """{"language", "aligned", "method", "documents": [...with id], "lines": [...]} as it is kept in the artifact."""
    scorer = open_scorer(source)
    documents = score_texts(scorer, texts.documents, overlap)
    lines = score_texts(scorer, texts.lines, overlap)
    require_numbers(texts.language, [*documents, *lines])
    return {
        "language": texts.language,
        "aligned": texts.aligned,
        "method": method(scorer.decode_start(), scorer.context, overlap),
        "documents": [{"id": name, **row} for name, row in zip(texts.ids, documents, strict=True)],
        "lines": lines,
    }


def require_numbers(language: str, rows: Sequence[dict[str, Any]]) -> None:
    """Raises OpenbookError, naming the language, when a score is infinite or not a number: no gate would see it."""
    bad = sum(not math.isfinite(row["nats"]) for row in rows)
    if bad:
        raise OpenbookError(
            f"{language}: the model's score of {bad} of {len(rows)} texts is no number: it gives them no probability, "
            "or its weights are damaged. Look at the model; there is nothing to compare or to publish."
        )
