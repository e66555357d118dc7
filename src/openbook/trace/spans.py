"""Which spans of a text stand word for word in the training text? The longest ones, the rarest kept.

As OLMoTrace (Liu et al. 2025, arXiv:2504.07096, section 3): of all spans that stand there and are no part of a longer
one that does, a share of the text's length is kept, those whose words are the least likely by themselves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openbook.trace import kernel
from openbook.trace.index import Shard, TraceIndex
from openbook.trace.layout import BEHIND, FIRST, Layout

LEAST_WORDS = 5
"""Shorter spans are everybody's words."""
SHARE = 0.05
"""Spans kept for each word of the text; OLMoTrace's K = 0.05 L."""
LEAST_KEPT = 10


@dataclass(frozen=True)
class Match:
    """Words `first` to `last` of a text, which stand in the shards' suffixes [start, end) of `ranges`."""

    first: int
    last: int
    surprise: float
    """Bits: how unlikely its words are, drawn one by one by their share of the training text."""
    ranges: tuple[tuple[int, int], ...]
    """One for each shard of the index."""

    @property
    def words(self) -> int:
        return self.last - self.first + 1

    @property
    def occurrences(self) -> int:
        return sum(end - start for start, end in self.ranges)


def matches(index: TraceIndex, laid: Layout, least: int = LEAST_WORDS, most: int | None = None) -> list[Match]:
    """The spans of `least` words or more, the most surprising first; `most`: how many are kept, by default a share."""
    spans = longest(index.shards, laid, least)
    known: dict[bytes, float] = {}

    def bits(word: int) -> float:
        start, end = int(laid.words[word, FIRST]), int(laid.words[word, BEHIND])
        name = laid.bytes[start:end].tobytes()
        if name not in known:
            seen = sum(last - first for first, last in _ranges(index.shards, laid, start, end))
            known[name] = math.log2(index.words / seen)
        return known[name]

    weighed = sorted((-sum(map(bits, range(first, last + 1))), first, last) for first, last in spans)
    kept = weighed[: most if most is not None else max(LEAST_KEPT, math.ceil(SHARE * len(laid)))]
    return [
        Match(first, last, -weight, _ranges(index.shards, laid, *laid.span(first, last)))
        for weight, first, last in kept
    ]


def longest(shards: Sequence[Shard], laid: Layout, least: int) -> list[tuple[int, int]]:
    """Every span (first word, last word) that stands in a shard and is no part of a longer one that does."""
    found: NDArray[np.int64] = np.arange(len(laid), dtype=np.int64) - 1
    for shard in shards:
        kernel.reaches(shard.text, shard.suffixes, laid.bytes, laid.words, found)
    spans = []
    before = -1
    for first, last in enumerate(found.tolist()):
        if last > before:
            if last - first + 1 >= least:
                spans.append((first, last))
            before = last
    return spans


def _ranges(shards: Sequence[Shard], laid: Layout, start: int, end: int) -> tuple[tuple[int, int], ...]:
    found = []
    for shard in shards:
        first, last = kernel.count(shard.text, shard.suffixes, laid.bytes, start, end)
        found.append((int(first), int(last)))
    return tuple(found)
