"""What of a text stands word for word in the training data, and in which documents?"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from openbook.trace.index import Shard, Source, TraceIndex
from openbook.trace.layout import Layout, lay_out, plain
from openbook.trace.spans import LEAST_WORDS, Match, matches

DOCUMENTS = 5
"""Documents that are named for a span."""
_LOOKED_AT = 256
"""Occurrences of a span that are looked at in a shard, spread evenly over all."""
_CANDIDATES = 4
"""Times as many documents are looked at, so that those which training read are named before those which it did not."""
_AROUND = 120
"""Bytes of an open document that are shown before and after a span."""


@dataclass(frozen=True)
class Holder:
    """A document that holds a span."""

    source: Source
    before: str | None
    after: str | None
    """What stands around it there, white space as single spaces; None for a sealed document."""
    steps: tuple[int, ...] | None
    """Training steps that read these words of it, ascending; None where no run can be asked."""

    def as_dict(self) -> dict[str, Any]:
        told = asdict(self.source)
        del told["tokens"]
        steps = None if self.steps is None else list(self.steps)
        return told | {"before": self.before, "after": self.after, "steps": steps}


@dataclass(frozen=True)
class Span:
    """A part of the text [start, end), in code points."""

    start: int
    end: int
    text: str
    words: int
    surprise: float
    occurrences: int
    holders: tuple[Holder, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "start": self.start,
            "end": self.end,
            "text": self.text,
            "words": self.words,
            "bits": round(self.surprise, 1),
            "occurrences": self.occurrences,
            "documents": [one.as_dict() for one in self.holders],
        }


Steps = Callable[[Source, int, int], tuple[int, ...]]
"""The training steps that read a document's laid-out bytes [start, end): `Reading.steps`."""


def trace(
    index: TraceIndex,
    text: str,
    least: int = LEAST_WORDS,
    most: int | None = None,
    documents: int = DOCUMENTS,
    steps: Steps | None = None,
) -> list[Span]:
    """The spans of a text in the order in which they begin.

    Documents that training read are named first, and of these the ones that hold several of the spans.
    """
    laid = lay_out(text)
    found = matches(index, laid, least, most)
    places = [_places(index, one) for one in found]
    often = Counter(place for held in places for place in held)
    spans = []
    for match, held in zip(found, places, strict=True):
        best = sorted(held, key=lambda place: (-often[place], place))[: _CANDIDATES * documents]
        found_in = [_holder(index.shards[shard], row, held[shard, row], match, laid, steps) for shard, row in best]
        holders = tuple(sorted(found_in, key=lambda one: one.steps == ())[:documents])
        start, end = laid.place(match.first, match.last)
        spans.append(Span(start, end, text[start:end], match.words, match.surprise, match.occurrences, holders))
    return sorted(spans, key=lambda span: (span.start, span.end))


def _places(index: TraceIndex, match: Match) -> dict[tuple[int, int], int]:
    """(shard, document) -> the first byte of the span there; of very many occurrences a few, spread evenly."""
    found: dict[tuple[int, int], int] = {}
    for number, (shard, (start, end)) in enumerate(zip(index.shards, match.ranges, strict=True)):
        if start == end:
            continue
        chosen = np.unique(np.linspace(start, end - 1, min(end - start, _LOOKED_AT)).astype(np.int64))
        places = np.sort(np.asarray(shard.suffixes[chosen]).astype(np.int64))
        for row, place in zip(shard.rows(places).tolist(), places.tolist(), strict=True):
            found.setdefault((number, row), place)
    return found


def _holder(
    shard: Shard,
    row: int,
    place: int,
    match: Match,
    laid: Layout,
    steps: Steps | None,
) -> Holder:
    source = shard.source(row)
    first, last = laid.span(match.first, match.last)
    end = place + last - first
    begins, ends = shard.bounds(row)
    before = after = None
    if source.open:
        before = plain(shard.text[max(begins, place - _AROUND) : place])
        after = plain(shard.text[end : min(ends, end + _AROUND)])
    read = steps(source, place - begins, end - begins) if steps else None
    return Holder(source, before, after, read)
