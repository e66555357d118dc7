"""How likely a text is a good one: logistic regression over hashed words, pairs of words and characters in words.

Plain arithmetic in a fixed order, the exponential included, so that every machine trains the same weights.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbook.books.chance import generator
from openbook.corpus import characters
from openbook.corpus.compiled import kernel
from openbook.corpus.kernel import TABLE_SIZE, WORD, decode, mix, word_end, word_start

BUCKETS = 1 << 18
READ = 5000
"""Characters of a text that are looked at."""
GRAM = 4
"""Characters of a run inside a word, the edges of the word counted as characters; a shorter word is one run."""
EPOCHS = 5
RATE = 0.25
"""AdaGrad's (Duchi et al. 2011) step."""

_SEED, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_PAIR, _RUN = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_LOG2_E, _LN2_HIGH, _LN2_LOW = 1.4426950408889634, 0.693145751953125, 1.42860682030941723212e-6


@kernel
def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x) to twelve digits, by sums and products alone: libraries' exponentials differ in the last bits."""
    x = min(max(-x, -30.0), 30.0)
    k = np.floor(x * _LOG2_E + 0.5)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    power = 1.0
    for term in range(14, 0, -1):
        power = 1.0 + power * r / term
    scale = 1.0
    for _ in range(int(abs(k))):
        scale *= 2.0
    return 1.0 / (1.0 + (power * scale if k >= 0 else power / scale))


@kernel
def features(data: Any, classes: Any, lower: Any, stamps: Any, stamp: Any) -> Any:
    """Buckets of a text, each once, in order of appearance. `stamps`: [BUCKETS], none equal to `stamp`."""
    points, kinds = np.empty(data.size, np.int32), np.empty(data.size, np.uint8)
    n = decode(data, classes, points, kinds)
    out = np.empty(4 * n + 4, np.int32)
    word = np.empty(n + 2, np.uint64)
    mask = np.uint64(BUCKETS - 1)
    count = 0
    before = np.uint64(0)
    i = word_start(points, kinds, 0, n)
    while i < n:
        j = word_end(points, kinds, i, n)
        h = _SEED
        word[0] = np.uint64(32)
        for k in range(i, j):
            point = points[k]
            small = np.uint64(lower[point] if point < TABLE_SIZE else point)
            word[k - i + 1] = small
            h = (h ^ small) * _PRIME
        word[j - i + 1] = np.uint64(32)
        h = mix(h)
        count = _note(out, count, h & mask, stamps, stamp)
        count = _note(out, count, mix(before * _PAIR ^ h) & mask, stamps, stamp)
        before = h
        if kinds[i] & WORD:
            size = j - i + 2
            for first in range(max(size - GRAM, 0) + 1):
                run = _RUN
                for k in range(first, min(first + GRAM, size)):
                    run = (run ^ word[k]) * _PRIME
                count = _note(out, count, mix(run) & mask, stamps, stamp)
        i = word_start(points, kinds, j, n)
    return out[:count].copy()


@kernel(inline=True)
def _note(out: Any, count: Any, bucket: Any, stamps: Any, stamp: Any) -> Any:
    if stamps[bucket] != stamp:
        stamps[bucket] = stamp
        out[count] = bucket
        count += 1
    return count


@kernel
def _fit(starts: Any, buckets: Any, labels: Any, weights_of: Any, order: Any, weights: Any, squares: Any) -> Any:
    """One pass of AdaGrad over the texts in `order`. The last weight is the bias."""
    bias = weights.size - 1
    for at in order:
        first, last = starts[at], starts[at + 1]
        size = max(last - first, 1)
        value = 1.0 / np.sqrt(np.float64(size))
        total = 0.0
        for k in range(first, last):
            total += weights[buckets[k]]
        error = (sigmoid(total * value + weights[bias]) - labels[at]) * weights_of[labels[at]]
        step = error * value
        for k in range(first, last):
            place = buckets[k]
            squares[place] += step * step
            weights[place] -= RATE * step / np.sqrt(squares[place])
        squares[bias] += error * error
        weights[bias] -= RATE * error / np.sqrt(squares[bias])


@kernel
def _score(starts: Any, buckets: Any, weights: Any, out: Any) -> Any:
    for at in range(out.size):
        total = 0.0
        for k in range(starts[at], starts[at + 1]):
            total += np.float64(weights[buckets[k]])
        size = max(starts[at + 1] - starts[at], 1)
        out[at] = sigmoid(total / np.sqrt(np.float64(size)) + np.float64(weights[weights.size - 1]))


class Featurizer:
    """Holds the scratch memory of features()."""

    def __init__(self) -> None:
        self._stamps = np.zeros(BUCKETS, np.int32)
        self._stamp = 0

    def __call__(self, text: str) -> NDArray[np.int32]:
        self._stamp += 1
        data = np.frombuffer(text[:READ].encode(), np.uint8)
        found: NDArray[np.int32] = features(data, characters.classes(), characters.lower(), self._stamps, self._stamp)
        return found


def packed(rows: Sequence[NDArray[np.int32]]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Buckets of all texts in one array, and where each begins; one more at the end."""
    starts = np.cumsum([0, *(row.size for row in rows)], dtype=np.int64)
    return starts, np.concatenate([np.empty(0, np.int32), *rows])


def fit(rows: Sequence[NDArray[np.int32]], good: NDArray[np.bool_], purpose: str) -> NDArray[np.float32]:
    """Weights of a classifier, the bias last. Both kinds count as much, however many there are of each.

    rows: buckets of each text; good: [texts]; `purpose` keys the order of the texts. Both kinds must be there.
    """
    starts, buckets = packed(rows)
    labels = good.astype(np.int64)
    kinds = np.array([good.size / (2 * int((~good).sum())), good.size / (2 * int(good.sum()))])
    weights, squares = np.zeros(BUCKETS + 1), np.full(BUCKETS + 1, 1e-6)
    for epoch in range(EPOCHS):
        order = generator(0, purpose, epoch).permutation(good.size)
        _fit(starts, buckets, labels, kinds, order, weights, squares)
    return weights.astype(np.float32)


def score(rows: Sequence[NDArray[np.int32]], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probability that each text is good, four digits."""
    starts, buckets = packed(rows)
    out = np.empty(len(rows))
    _score(starts, buckets, weights, out)
    return np.round(out, 4)
