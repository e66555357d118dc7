"""Which token comes next? Penalties, forms and marks on the logits, then the cuts, then a draw with its own seed."""

import math
import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from openbook.serve.engine.interface import Sampling
from openbook.serve.watermark import Watermark

LOOKED_BACK = 64  # tokens that repeat_penalty looks at, those of the prompt too; llama.cpp's default

Logits = NDArray[np.float32]


class Form(Protocol):
    """What an answer may go on with."""

    def restrict(self, logits: Logits) -> None:
        """Set what may not come to minus infinity."""

    def take(self, token: int) -> None: ...


class Sampler:
    """Chooses the tokens of one answer."""

    def __init__(
        self, sampling: Sampling, prompt: Sequence[int], form: Form | None, mark: Watermark | None, ends: frozenset[int]
    ) -> None:
        self._sampling = sampling
        self._form = form
        self._mark = mark
        self._ends = list(ends)
        self._row = list(prompt[-LOOKED_BACK:])
        self._written = Counter[int]()
        seed = secrets.randbits(64) if sampling.seed is None else sampling.seed % 2**64
        self._random = np.random.Generator(np.random.Philox(seed))

    def choose(self, logits: Logits) -> int:
        """The next token after `logits` [V], which stay as they are."""
        logits = logits.copy()
        self._bias(logits)
        if self._mark is not None and self._row:
            self._mark.favor(self._row[-1], logits, self._ends)
        if self._form is not None:
            self._form.restrict(logits)
        token = int(logits.argmax()) if self._sampling.temperature == 0 else self._draw(logits)
        self._row = [*self._row[1 - LOOKED_BACK :], token]
        self._written[token] += 1
        if self._form is not None:
            self._form.take(token)
        return token

    def _bias(self, logits: Logits) -> None:
        asked = self._sampling
        for token, value in asked.logit_bias:
            if token < len(logits):
                logits[token] = -np.inf if value <= -100 else logits[token] + value
        if asked.repeat_penalty != 1.0 and self._row:  # Keskar et al. 2019, section 4.1
            seen = np.unique(self._row)
            found = logits[seen]
            logits[seen] = np.where(found > 0, found / asked.repeat_penalty, found * asked.repeat_penalty)
        if (asked.presence_penalty or asked.frequency_penalty) and self._written:
            tokens = np.fromiter(self._written.keys(), np.int64)
            counts = np.fromiter(self._written.values(), np.float32)
            logits[tokens] -= asked.presence_penalty + asked.frequency_penalty * counts

    def _draw(self, logits: Logits) -> int:
        asked = self._sampling
        order = np.flatnonzero(np.isfinite(logits))
        values = logits[order].astype(np.float64)
        if asked.top_k and asked.top_k < len(values):
            kept = np.sort(np.argpartition(values, -asked.top_k)[-asked.top_k :])
            order, values = order[kept], values[kept]
        if asked.top_p < 1:  # sorting costs more than all else, so only where something is cut by rank
            ranked = np.argsort(-values, kind="stable")
            order, values = order[ranked], values[ranked]
            count = int(np.searchsorted(softmax(values).cumsum(), asked.top_p)) + 1
            order, values = order[:count], values[:count]
        if asked.min_p > 0:
            kept = values >= values.max() + math.log(asked.min_p)
            order, values = order[kept], values[kept]
        heaped = softmax(values / asked.temperature).cumsum()
        place = int(np.searchsorted(heaped, self._random.random() * heaped[-1], side="right"))
        return int(order[min(place, len(order) - 1)])


def softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.exp(values - values.max())
    found /= found.sum()
    return found


def log_softmax(row: Logits) -> NDArray[np.float64]:
    """In double precision, so that the sum over a large vocabulary loses nothing."""
    shifted = row.astype(np.float64) - row.max()
    found: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum())
    return found


def likeliest(logprobs: NDArray[np.float64], count: int) -> list[int]:
    """The likeliest tokens in falling order; of equals the lower id first."""
    if count <= 0:
        return []
    edge = np.partition(logprobs, -count)[-count] if count < len(logprobs) else -np.inf
    found = np.flatnonzero(logprobs >= edge)
    return [int(token) for token in found[np.lexsort((found, -logprobs[found]))][:count]]
