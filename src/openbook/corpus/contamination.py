"""Which runs of words of evaluation sets stand in a text: an index over the sets, and a compiled search through texts.

Words are folded and without symbols, as where duplicates are sought; in scripts without spaces every character is one.
A text is searched for the first words of all runs at once; only where those stand are whole runs looked up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from openbook.books.store import atomic_path
from openbook.corpus import characters
from openbook.corpus.compiled import kernel
from openbook.corpus.kernel import QUAD, SINGLE, TABLE_SIZE, WORD, decode, mix, word_end, word_start
from openbook.corpus.repetition import power, prefixes, run_hash

_SEED, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
CHARACTERS_A_WORD = {SINGLE: 2, QUAD: 4}
"""How many characters of scripts without spaces stand for one word."""
_BITS = 1 << 16
"""Fewest bits of the first test, a bitmap; sixteen an anchor otherwise."""


@kernel
def _units(points: Any, kinds: Any, n: Any, lower: Any, prefix: Any, starts: Any, ends: Any) -> Any:
    """Prefix hashes of the folded words, and where each begins and ends; returns their number."""
    count = 0
    i = word_start(points, kinds, 0, n)
    hashes = prefix[1:]
    while i < n:
        j = word_end(points, kinds, i, n)
        if kinds[i] & WORD:
            step = 1 if kinds[i] & QUAD else j - i
            for first in range(i, j, step):
                h = _SEED
                for k in range(first, first + step):
                    point = points[k]
                    h = (h ^ np.uint64(lower[point] if point < TABLE_SIZE else point)) * _PRIME
                hashes[count] = mix(h)
                starts[count], ends[count] = first, first + step
                count += 1
        i = word_start(points, kinds, j, n)
    prefix[0] = np.uint64(0)
    prefixes(hashes, count, prefix)  # in place: each hash is read before it is written over
    return count


@kernel
def _analyze(data: Any, classes: Any, lower: Any) -> Any:
    """Prefix hashes, starts, ends, and how many words are single characters of the two kinds."""
    points, kinds = np.empty(data.size, np.int32), np.empty(data.size, np.uint8)
    n = decode(data, classes, points, kinds)
    prefix = np.empty(n + 1, np.uint64)
    starts, ends = np.empty(n, np.int32), np.empty(n, np.int32)
    count = _units(points, kinds, n, lower, prefix, starts, ends)
    single, quad = 0, 0
    for at in range(count):
        single += (kinds[starts[at]] & SINGLE) != 0
        quad += (kinds[starts[at]] & QUAD) != 0
    return prefix[: count + 1].copy(), starts[:count].copy(), single, quad


@kernel
def _grams(prefix: Any, first: Any, last: Any, size: Any) -> Any:
    """Hashes of the runs of `size` words that begin in [first, last)."""
    out = np.empty(max(last - first, 0), np.uint64)
    factor = power(size)
    for at in range(first, last):
        out[at - first] = run_hash(prefix, at, size, factor)
    return out


@kernel
def _found(table: Any, wanted: Any) -> Any:
    """Place of a hash among sorted ones, -1 for none."""
    low, high = 0, table.size
    while low < high:
        middle = (low + high) // 2
        if table[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < table.size and table[low] == wanted else -1


@kernel
def _search(
    data: Any,
    offsets: Any,
    wanted: Any,
    classes: Any,
    lower: Any,
    index: Any,
    rows: Any,
    starts: Any,
    ends: Any,
    out: Any,
) -> Any:
    """Where runs of the index stand in the texts data[offsets[r]:offsets[r + 1]], r among the wanted.

    Into `rows`, `starts`, `ends` (characters) and `out` (place of the run in the index); returns how many there are,
    of which only as many are written as there is room for.
    """
    anchor, bits, anchors, lengths, factors, grams = index
    size = 0
    for at in range(wanted.size):
        size = max(size, offsets[wanted[at] + 1] - offsets[wanted[at]])
    points, kinds = np.empty(size, np.int32), np.empty(size, np.uint8)
    prefix = np.empty(size + 1, np.uint64)
    first, last = np.empty(size, np.int32), np.empty(size, np.int32)
    mask = np.uint64(bits.size * 8 - 1)
    anchor_factor = power(anchor)
    found = 0
    for row in wanted:
        n = decode(data[offsets[row] : offsets[row + 1]], classes, points, kinds)
        count = _units(points, kinds, n, lower, prefix, first, last)
        for at in range(count - anchor + 1):
            h = run_hash(prefix, at, anchor, anchor_factor)
            bit = h & mask
            if not (bits[bit >> np.uint64(3)] >> np.uint8(bit & np.uint64(7))) & 1 or _found(anchors, h) < 0:
                continue
            for k in range(lengths.size):
                length = lengths[k]
                if at + length > count:
                    break
                place = _found(grams, run_hash(prefix, at, length, factors[k]))
                if place >= 0:
                    if found < rows.size:
                        rows[found], starts[found], ends[found] = row, first[at], last[at + length - 1]
                        out[found] = place
                    found += 1
                    break
    return found


def _bitmap(anchors: NDArray[np.uint64]) -> NDArray[np.uint8]:
    size = _BITS
    while size < 16 * anchors.size:
        size *= 2
    bits = np.zeros(size, np.uint8)
    bits[(anchors & np.uint64(size - 1)).astype(np.int64)] = 1
    return np.packbits(bits, bitorder="little")


@dataclass(frozen=True)
class Hit:
    row: int
    start: int
    """Of the run, in characters; `end` behind it."""
    end: int
    items: tuple[tuple[str, str], ...]
    """(Evaluation set, item) of each place where the run stands."""


@dataclass(frozen=True)
class Index:
    """Runs of words of evaluation sets."""

    anchor: int
    """Words that every run begins with."""
    anchors: NDArray[np.uint64]
    lengths: NDArray[np.int64]
    grams: NDArray[np.uint64]
    """Sorted; those at places[k]:places[k + 1] of `origins` are where grams[k] stands."""
    places: NDArray[np.int64]
    origins: NDArray[np.int64]
    names: NDArray[np.str_]
    """[origins, 2]: evaluation set, item."""

    def save(self, path: Path) -> None:
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            arrays = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "anchor"}
            np.savez(file, anchor=np.array(self.anchor), **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        with np.load(path, allow_pickle=False) as stored:
            rest = {name: stored[name] for name in cls.__dataclass_fields__ if name != "anchor"}
            return cls(anchor=int(stored["anchor"]), **rest)

    def search(self, data: NDArray[np.uint8], offsets: NDArray[Any], wanted: NDArray[np.int64]) -> list[Hit]:
        """Runs in the texts data[offsets[row]:offsets[row + 1]] (UTF-8), for the rows that are wanted."""
        if not wanted.size or not self.grams.size:
            return []
        room = 1024
        while True:
            rows, starts, ends, out = (np.empty(room, np.int64) for _ in range(4))
            tables = (characters.classes(), characters.lower())
            found = _search(data, offsets, wanted, *tables, self._tables, rows, starts, ends, out)
            if found <= room:
                break
            room = found
        return [Hit(int(rows[at]), int(starts[at]), int(ends[at]), self._items(int(out[at]))) for at in range(found)]

    @cached_property
    def _tables(self) -> tuple[Any, ...]:
        factors = np.array([power(int(length)) for length in self.lengths], np.uint64)
        return self.anchor, _bitmap(self.anchors), self.anchors, self.lengths, factors, self.grams

    def _items(self, gram: int) -> tuple[tuple[str, str], ...]:
        mine = self.origins[self.places[gram] : self.places[gram + 1]]
        return tuple(dict.fromkeys((str(name), str(item)) for name, item in self.names[mine]))


@dataclass
class IndexBuilder:
    """Takes in evaluation sets, text by text."""

    n: int
    least: int
    items: int = 0
    too_short: int = 0
    """Of `items`, those too short to be sought."""
    _grams: list[NDArray[np.uint64]] = field(default_factory=list)
    _anchors: list[NDArray[np.uint64]] = field(default_factory=list)
    _origins: list[NDArray[np.int64]] = field(default_factory=list)
    _lengths: set[int] = field(default_factory=set)
    _names: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, name: str, segments: Sequence[tuple[str, str]]) -> None:
        """Segments (item, text) that follow one another: a run may reach from one into the next."""
        text = "\n".join(segment for _, segment in segments)
        data = np.frombuffer(text.encode(), np.uint8)
        prefix, starts, single, quad = _analyze(data, characters.classes(), characters.lower())
        count = starts.size
        factor = CHARACTERS_A_WORD[SINGLE] if 2 * single > count else CHARACTERS_A_WORD[QUAD] if 2 * quad > count else 1
        edges = np.cumsum([0, *(len(segment) + 1 for _, segment in segments)])
        bounds = np.searchsorted(starts, edges)
        size, least = self.n * factor, self.least * factor
        for (item, _), first, last in zip(segments, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            origin = self._names.setdefault((name, item), len(self._names))
            self.items += 1
            self._take(prefix, first, min(last, count - size + 1), size, origin)
            if least <= last - first < size:
                self._take(prefix, first, first + 1, last - first, origin)
            elif last - first < least and count < size:
                self.too_short += 1

    def _take(self, prefix: NDArray[np.uint64], first: int, last: int, size: int, origin: int) -> None:
        grams = _grams(prefix, first, last, size)
        if grams.size:
            self._grams.append(grams)
            self._anchors.append(_grams(prefix, first, last, self.least))
            self._origins.append(np.full(grams.size, origin, np.int64))
            self._lengths.add(size)

    def index(self) -> Index:
        empty = np.empty(0, np.uint64)
        grams = np.concatenate([empty, *self._grams])
        origins = np.concatenate([np.empty(0, np.int64), *self._origins])
        order = np.lexsort([origins, grams])
        unique, places = np.unique(grams[order], return_index=True)
        return Index(
            anchor=self.least,
            anchors=np.unique(np.concatenate([empty, *self._anchors])),
            lengths=np.array(sorted(self._lengths), np.int64),
            grams=unique,
            places=np.append(places, grams.size).astype(np.int64),
            origins=origins[order],
            names=np.array(list(self._names) or [("", "")], np.str_),
        )
