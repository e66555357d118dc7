"""Which tokens stand in which row of which step, and the other way round: a pure function, nothing is stored.

A run is cut into stages, a stage into blocks of rows. Every block of a stage gives each language the same whole number
of rows, spread evenly and drawn by a keyed generator, so how often a language was drawn before is a product and a sum.
The n-th draw of a language takes one of its sequences by a keyed permutation per epoch that can be inverted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from openbook.books import chance
from openbook.errors import OpenbookError
from openbook.train.canaries import Canaries, Canary
from openbook.train.mixture import quotas, shares
from openbook.train.permutation import Permutation, permutation
from openbook.train.settings import Stage, TrainSettings

BLOCK_ROWS = 65_536
"""Rows of a block at most; a language's share is rounded to one in so many."""


@dataclass(frozen=True)
class Draw:
    """One row of training: the `sequence`-th piece of a language, for the `epoch`-th time (both from 0)."""

    language: str
    sequence: int
    epoch: int


@dataclass(frozen=True, order=True)
class Sighting:
    """Tokens [start, end) of a row, of its `length` + 1 tokens; the last is only predicted."""

    step: int
    row: int
    start: int
    end: int


@dataclass(frozen=True)
class _StageRows:
    index: int
    first: int
    """First row of the stage; the next stage's is `last`."""
    last: int
    size: int
    """Rows of a block; the last one may be cut short."""
    quotas: dict[str, int]
    drawn: dict[str, int]
    """How often each language was drawn before this stage."""


class Order:
    """The order of one run over languages of `tokens` many tokens each."""

    def __init__(self, tokens: Mapping[str, int], settings: TrainSettings) -> None:
        self.settings = settings
        self.length, self.batch_rows = settings.sequence, settings.batch_rows
        self.rows = settings.total_steps * settings.batch_rows
        self.tokens = {code: int(count) for code, count in sorted(tokens.items()) if count >= 2}
        if not self.tokens:
            raise OpenbookError("There is nothing to train on: the tokenized corpus holds no language with two tokens.")
        self.languages = list(self.tokens)
        self.sequences = {code: -(-(count - 1) // self.length) for code, count in self.tokens.items()}
        self.block = lru_cache(maxsize=8)(self._block)
        self.stages: list[_StageRows] = []
        self._lay_out(settings.stages or (Stage(start=0.0, temperature=settings.temperature),))
        end = self.stages[-1]
        self.draws = {code: end.drawn[code] + self._drawn_in(end, end.last, code) for code in self.languages}
        """How often each language is drawn in the whole run."""
        self.canaries = (
            Canaries(settings.canaries, settings.seed, self.draws, self.tokens, self.length + 1)
            if settings.canaries
            else None
        )

    @property
    def epochs(self) -> dict[str, float]:
        """How often each language is read in the whole run."""
        return {code: self.draws[code] / self.sequences[code] for code in self.languages}

    def draw(self, step: int, row: int) -> Draw:
        """What stands in a row. Raises OpenbookError for a place that the run does not have."""
        if not 0 <= row < self.batch_rows or not 0 <= step * self.batch_rows < self.rows:
            raise OpenbookError(
                f"There is no row {row} in step {step}: the run has {self.settings.total_steps} steps (from 0) "
                f"of {self.batch_rows} rows."
            )
        place = step * self.batch_rows + row
        stage = next(stage for stage in self.stages if stage.first <= place < stage.last)
        block, position = divmod(place - stage.first, stage.size)
        item = int(self.block(stage.index, block)[0][position])
        language, rank = self._item(stage, item)
        count = stage.drawn[language] + block * stage.quotas[language] + rank
        return self.drawn(language, count)

    def drawn(self, language: str, count: int) -> Draw:
        """What the `count`-th row of a language holds (from 0, over the whole run)."""
        epoch, turn = divmod(count, self.sequences[language])
        return Draw(language, self._shuffle(language, epoch)(turn), epoch)

    def span(self, language: str, sequence: int) -> tuple[int, int]:
        """The tokens [start, end) of the language that a sequence holds: `length` + 1 of them. The last sequence ends
        with the language's last token, so that none is left out; a language shorter than a row gives all it has."""
        count = self.tokens[language]
        start = max(0, min(sequence * self.length, count - self.length - 1))
        return start, min(start + self.length + 1, count)

    def canary(self, draw: Draw) -> tuple[Canary, int, int] | None:
        """The canary in a row and the tokens [start, end) of the row that it has taken, its `bos` included."""
        if self.canaries is None or not self.canaries.of(draw.language):
            return None
        turn = draw.epoch * self.sequences[draw.language]
        turn += self._shuffle(draw.language, draw.epoch).inverse(draw.sequence)
        canary = self.canaries.at(draw.language, turn)
        first, last = self.span(draw.language, draw.sequence)
        return (canary, last - first - self.canaries.size, last - first) if canary else None

    def canary_places(self, canary: Canary) -> list[tuple[int, int]]:
        """Every (step, row) of the run that holds a canary."""
        if self.canaries is None:
            return []
        rows = [self._row_of(canary.language, turn) for turn in self.canaries.turns(canary)]
        return sorted(divmod(row, self.batch_rows) for row in rows)

    def seen(self, language: str, start: int, end: int) -> Iterator[Sighting]:
        """Every place of the run that holds one of the language's tokens [start, end), language's epochs in order.
        Tokens that a canary has taken the place of were not seen there."""
        if language not in self.tokens or start >= end:
            return
        last = self.sequences[language] - 1
        near = range(max(0, start // self.length - 1), min(last, (end - 1) // self.length) + 1)
        touched = [
            sequence for sequence in dict.fromkeys([*near, last]) if self._overlap(language, sequence, start, end)
        ]
        for epoch in range(-(-self.draws[language] // self.sequences[language])):
            for sequence in touched:
                turn = epoch * self.sequences[language] + self._shuffle(language, epoch).inverse(sequence)
                if turn < self.draws[language]:
                    step, row = divmod(self._row_of(language, turn), self.batch_rows)
                    begin, until = self._overlap(language, sequence, start, end)
                    if self.canaries is not None and self.canaries.at(language, turn):
                        first, last = self.span(language, sequence)
                        until = min(until, last - first - self.canaries.size)
                    if begin < until:
                        yield Sighting(step, row, begin, until)

    def _overlap(self, language: str, sequence: int, start: int, end: int) -> tuple[int, ...]:
        first, last = self.span(language, sequence)
        return (max(start, first) - first, min(end, last) - first) if start < last and first < end else ()

    def _shuffle(self, language: str, epoch: int) -> Permutation:
        return permutation(self.sequences[language], self.settings.seed, f"train/order/{language}/{epoch}")

    def _lay_out(self, stages: tuple[Stage, ...]) -> None:
        steps = self.settings.total_steps
        bounds = [round(stage.start * steps) * self.batch_rows for stage in stages] + [self.rows]
        wishes = [
            {
                code: stage.weights.get(code, 1.0) * count ** (1 / stage.temperature)
                for code, count in self.tokens.items()
            }
            for stage in stages
        ]
        for stage in stages:
            for code in stage.weights:
                if code not in self.tokens:
                    raise OpenbookError(f"The mixture names {code}, of which the tokenized corpus holds nothing.")
        wanted = [
            {code: (bounds[at + 1] - bounds[at]) * wish[code] / (sum(wish.values()) or 1) for code in wish}
            for at, wish in enumerate(wishes)
        ]
        drawn = dict.fromkeys(self.languages, 0)
        for at, stage in enumerate(stages):
            rows = bounds[at + 1] - bounds[at]
            if rows == 0:
                continue
            caps = {}
            for code in self.languages:
                whole = sum(part[code] for part in wanted)
                caps[code] = self.settings.epochs * self.sequences[code] * wanted[at][code] / whole if whole else 0.0
            size = min(rows, BLOCK_ROWS)
            counts = quotas(shares(self.tokens, stage.temperature, stage.weights, caps, rows), size, rows == size)
            laid = _StageRows(len(self.stages), bounds[at], bounds[at + 1], size, counts, drawn)
            self.stages.append(laid)
            drawn = {code: drawn[code] + self._drawn_in(laid, laid.last, code) for code in drawn}

    def _drawn_in(self, stage: _StageRows, row: int, language: str) -> int:
        """Draws of a language in rows [stage.first, row)."""
        blocks, rest = divmod(row - stage.first, stage.size)
        count = blocks * stage.quotas[language]
        if rest:
            items = self.block(stage.index, blocks)[0][:rest]
            first = self._offset(stage, language)
            count += int(((items >= first) & (items < first + stage.quotas[language])).sum())
        return count

    def _offset(self, stage: _StageRows, language: str) -> int:
        return sum(stage.quotas[code] for code in self.languages[: self.languages.index(language)])

    def _item(self, stage: _StageRows, item: int) -> tuple[str, int]:
        for code in self.languages:
            if item < stage.quotas[code]:
                return code, item
            item -= stage.quotas[code]
        raise AssertionError("a block holds as many items as its quotas")

    def _row_of(self, language: str, turn: int) -> int:
        stage = [stage for stage in self.stages if stage.drawn[language] <= turn][-1]
        block, rank = divmod(turn - stage.drawn[language], stage.quotas[language])
        position = self.block(stage.index, block)[1][self._offset(stage, language) + rank]
        return stage.first + block * stage.size + int(position)

    def _block(self, stage: int, block: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Position -> item and item -> position; items are the languages' draws, language by language."""
        draw = chance.generator(self.settings.seed, f"train/block/{stage}", block)
        counts = [self.stages[stage].quotas[code] for code in self.languages]
        moments = [(np.arange(count) + draw.random(count)) / count for count in counts if count]
        items = np.argsort(np.concatenate(moments), kind="stable").astype(np.int32)
        positions = np.empty_like(items)
        positions[items] = np.arange(len(items), dtype=np.int32)
        return items, positions
