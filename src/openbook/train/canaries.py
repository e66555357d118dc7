"""Random sequences put into the training on purpose, to measure how much of it a model repeats (Carlini et al. 2019).

A canary takes the place of the last tokens of a row: `bos` and its tokens. Which rows of a language, is a keyed
permutation of that language's rows, so that every place can be computed, in both directions, and nothing is stored.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from openbook.books import chance
from openbook.errors import OpenbookError
from openbook.train.permutation import Permutation, permutation

CANARY = "canary:"
"""How the name of a canary begins."""
MOST_ROWS = 4
"""At most one row of a language in so many holds a canary."""
POOL_TOKENS = 1 << 20
"""Canaries are drawn from the distinct tokens among so many first ones of a language."""


class CanarySettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    count: int = Field(1, ge=1, le=1000)
    """Canaries for each language and number of repeats."""
    length: int = Field(16, ge=2, le=1024)
    """Tokens of each, the `bos` before it not counted."""
    repeats: tuple[Annotated[int, Field(ge=1)], ...] = Field((1, 4, 16), min_length=1)
    """How often a canary is trained on; `count` of each."""
    languages: tuple[str, ...] | None = None
    """All when not given."""


@dataclass(frozen=True)
class Canary:
    language: str
    index: int
    """From 0, within the language."""
    repeats: int

    @property
    def name(self) -> str:
        """Stands where a document's id stands; no document's id looks like it."""
        return f"{CANARY}{self.language}:{self.index}"


class Canaries:
    """The canaries of one run. `drawn`: rows of each language in the whole run; `tokens`: how many it has."""

    def __init__(
        self, settings: CanarySettings, seed: int, drawn: Mapping[str, int], tokens: Mapping[str, int], row: int
    ) -> None:
        """`row`: tokens of a row, the one that is only predicted included."""
        self.settings, self.seed, self.drawn = settings, seed, drawn
        self.size = settings.length + 1
        for code in settings.languages or ():
            if code not in drawn:
                raise OpenbookError(f"train.canaries names {code}, of which the tokenized corpus holds nothing.")
        if self.size > row:
            raise OpenbookError(
                f"train.canaries.length ({settings.length}) does not fit into a row: give less than {row}."
            )
        self.left_out: dict[str, int] = {}
        """Canaries for which a language has too few rows, or rows too short."""
        self._planned: dict[str, list[Canary]] = {}
        self._ends: dict[str, list[int]] = {}
        for code in sorted(settings.languages or drawn):
            repeats = sorted(times for times in settings.repeats for _ in range(settings.count))
            room = drawn[code] // MOST_ROWS if tokens[code] >= self.size else 0
            ends = [end for end in accumulate(repeats) if end <= room]
            self._planned[code] = [Canary(code, index, repeats[index]) for index in range(len(ends))]
            self._ends[code] = ends
            if len(ends) < len(repeats):
                self.left_out[code] = len(repeats) - len(ends)

    def __iter__(self) -> Iterator[Canary]:
        for code in self._planned:
            yield from self._planned[code]

    def of(self, language: str) -> Sequence[Canary]:
        return self._planned.get(language, ())

    def at(self, language: str, turn: int) -> Canary | None:
        """The canary in the `turn`-th row of a language (from 0, over the whole run), or None."""
        ends = self._ends.get(language)
        if not ends:
            return None
        insertion = self._shuffle(language).inverse(turn)
        return self._planned[language][bisect_right(ends, insertion)] if insertion < ends[-1] else None

    def turns(self, canary: Canary) -> list[int]:
        """Every row of the language that holds the canary, counted over the whole run, in rising order."""
        end = self._ends[canary.language][canary.index]
        shuffle = self._shuffle(canary.language)
        return sorted(shuffle(insertion) for insertion in range(end - canary.repeats, end))

    def tokens(self, canary: Canary, pool: NDArray[np.int64]) -> NDArray[np.int64]:
        """The canary's own tokens [length], without the `bos` before them."""
        draw = chance.generator(self.seed, f"train/canary/{canary.language}", canary.index)
        return pool[draw.integers(0, len(pool), self.settings.length)]

    def alternatives(self, language: str, count: int, pool: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sequences [count, length] drawn as the canaries were and never trained on: theirs are ranked among them."""
        draw = chance.generator(self.seed, f"train/canary-alternatives/{language}")
        return pool[draw.integers(0, len(pool), (count, self.settings.length))]

    def _shuffle(self, language: str) -> Permutation:
        return permutation(self.drawn[language], self.seed, f"train/canaries/{language}")


def pool(stream: NDArray[Any], bos: int) -> NDArray[np.int64]:
    """The tokens that a language's canaries are drawn from, in rising order: those that stand in its text."""
    found = np.unique(stream[:POOL_TOKENS]).astype(np.int64)
    return found[found != bos]
