"""Which share of a language's text is drawn by itself: all of it, or its parts by source and by quality.

A cell's documents follow one another in the order in which the tokenized corpus holds them, as if they were a text of
their own. Where its tokens lie in the language is a table of stretches, so both directions are a binary search.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from openbook.errors import OpenbookError
from openbook.train.settings import TrainSettings


class DocumentTable(Protocol):
    """What the cells ask of a tokenized corpus (`openbook.tokenizer.TokenizedCorpus`)."""

    @property
    def languages(self) -> list[str]: ...
    def tokens(self, language: str) -> NDArray[Any]: ...
    def spans(self, language: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
    def sources(self, language: str) -> Sequence[str]: ...
    def quality(self, language: str, score: str) -> NDArray[np.float64]: ...


@dataclass(frozen=True, eq=False)
class Cell:
    language: str
    source: str | None
    """None: of all sources."""
    tier: int | None
    """Which stretch between the limits of quality, from the lowest (0); -1 without a score; None: of any quality."""
    starts: NDArray[np.int64]
    """Where each stretch begins in the language's tokens, rising."""
    ends: NDArray[np.int64]
    """Where each stretch ends in the cell: sums of their lengths."""

    @classmethod
    def whole(cls, language: str, tokens: int) -> "Cell":
        return cls(language, None, None, np.zeros(1, np.int64), np.array([tokens], np.int64))

    @property
    def name(self) -> str:
        """The language, and what else the cell is told apart by: `mt`, `mt/crawl`, `mt/crawl/2`."""
        return "/".join(str(part) for part in (self.language, self.source, self.tier) if part is not None)

    @property
    def tokens(self) -> int:
        return int(self.ends[-1])

    def pieces(self, start: int, end: int) -> list[tuple[int, int]]:
        """Where the cell's tokens [start, end) lie in the language."""
        found = []
        at = int(np.searchsorted(self.ends, start, side="right"))
        while start < end:
            first = int(self.ends[at - 1]) if at else 0
            until = min(end, int(self.ends[at]))
            place = int(self.starts[at]) + start - first
            found.append((place, place + until - start))
            start, at = until, at + 1
        return found

    def parts(self, start: int, end: int) -> list[tuple[int, int]]:
        """Which of the cell's tokens the language's tokens [start, end) are."""
        found = []
        at = max(0, int(np.searchsorted(self.starts, start, side="right")) - 1)
        while at < len(self.starts) and self.starts[at] < end:
            before = int(self.ends[at - 1]) if at else 0
            first = int(self.starts[at])
            last = first + int(self.ends[at]) - before
            if start < last:
                found.append((before + max(start, first) - first, before + min(end, last) - first))
            at += 1
        return found


def cells(tokens: DocumentTable, settings: TrainSettings) -> list[Cell]:
    """The cells of every language with two tokens, in the order of languages, sources and tiers.

    Raises OpenbookError for a source or a score that the recipe names and no document has.
    """
    if not settings.by_source and settings.quality is None:
        return [
            Cell.whole(code, len(tokens.tokens(code))) for code in tokens.languages if len(tokens.tokens(code)) >= 2
        ]
    found: list[Cell] = []
    scored = settings.quality is None
    for code in tokens.languages:
        starts, ends = tokens.spans(code)
        if not len(starts):
            continue
        names = np.array(tokens.sources(code)) if settings.by_source else np.zeros(len(starts), np.int8)
        tiers = np.zeros(len(starts), np.int64)
        if settings.quality is not None:
            scores = tokens.quality(code, settings.quality.score)
            missing = np.isnan(scores)
            scored = scored or not bool(missing.all())
            tiers = np.where(missing, -1, np.searchsorted(settings.quality.limits, scores, side="right"))
        for source in sorted(set(names.tolist())):
            for tier in sorted(set(tiers[names == source].tolist())):
                chosen = (names == source) & (tiers == tier)
                found.append(
                    _cell(
                        code,
                        str(source) if settings.by_source else None,
                        int(tier) if settings.quality is not None else None,
                        starts[chosen],
                        ends[chosen],
                    )
                )
    if not scored and settings.quality is not None:
        raise OpenbookError(
            f"train.quality: no document has a score {settings.quality.score!r}; [[corpus.quality]] gives scores."
        )
    there = {cell.source for cell in found}
    for name in settings.sources_named if settings.by_source else ():
        if name not in there:
            raise OpenbookError(f"The mixture names the source {name!r}, of which the tokenized corpus holds nothing.")
    return [cell for cell in found if cell.tokens >= 2]


def _cell(
    language: str, source: str | None, tier: int | None, starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> Cell:
    """Documents that follow one another in the language are one stretch."""
    first = np.concatenate(([True], starts[1:] != ends[:-1]))
    begins, sizes = starts[first], np.add.reduceat(ends - starts, np.flatnonzero(first))
    return Cell(language, source, tier, begins.astype(np.int64), np.cumsum(sizes))


def weights(cells: Mapping[str, Cell], settings: TrainSettings, sources: Mapping[str, float]) -> dict[str, float]:
    """What part of its language each cell gets, before caps: its tokens, by the factors of its source and quality."""
    found = {}
    for name, cell in cells.items():
        factor = 1.0
        if cell.source is not None:
            factor *= sources.get(cell.source, settings.source_weights.get(cell.source, 1.0))
        if cell.tier is not None and settings.quality is not None:
            factor *= settings.quality.unscored if cell.tier < 0 else settings.quality.weights[cell.tier]
        found[name] = factor * cell.tokens
    return found
