"""Which tokens stand in which row of which step, and the other way round: a pure function, nothing is stored.

A run is cut into stages, a stage into blocks of rows. Every block of a stage gives each language the same whole number
of rows, spread evenly and drawn by a keyed generator, so how often a language was drawn before is a product and a sum.
The n-th draw of a language takes one of its sequences by a keyed permutation per epoch that can be inverted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from openbook.books import chance
from openbook.errors import OpenbookError
from openbook.train import cells as parts
from openbook.train.canaries import Canaries, Canary
from openbook.train.cells import Cell, DocumentTable
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
    cell: str = ""
    """The part of the language that the piece is of, where its sources or its good and bad text are drawn apart."""

    @property
    def name(self) -> str:
        return self.cell or self.language


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
    """The order of one run over languages of `tokens` many tokens each, or over `cells` of them.

    `tokens`, `sequences`, `draws` and `epochs` are by the cells' names, which are those of the languages where no
    language is parted.
    """

    def __init__(self, tokens: Mapping[str, int], settings: TrainSettings, cells: Sequence[Cell] | None = None) -> None:
        self.settings = settings
        self.length, self.batch_rows = settings.sequence, settings.batch_rows
        self.rows = settings.total_steps * settings.batch_rows
        if cells is None:
            cells = [Cell.whole(code, int(count)) for code, count in sorted(tokens.items()) if count >= 2]
        if not cells:
            raise OpenbookError("There is nothing to train on: the tokenized corpus holds no language with two tokens.")
        self.cells = {cell.name: cell for cell in cells}
        self.tokens = {name: cell.tokens for name, cell in self.cells.items()}
        self.names = list(self.cells)
        self.languages = list(dict.fromkeys(cell.language for cell in cells))
        self.of_language = {
            code: [n for n, cell in self.cells.items() if cell.language == code] for code in self.languages
        }
        self.sequences = {code: -(-(count - 1) // self.length) for code, count in self.tokens.items()}
        self.block = lru_cache(maxsize=8)(self._block)
        self.stages: list[_StageRows] = []
        self.asked = dict.fromkeys(self.names, 0.0)
        """Rows that the weights alone would give, were there no cap on repetition."""
        self.capped: set[str] = set()
        """Names of those that a cap held, in some stage."""
        self._lay_out(settings.stages or (Stage(start=0.0, temperature=settings.temperature),))
        end = self.stages[-1]
        self.draws = {name: end.drawn[name] + self._drawn_in(end, end.last, name) for name in self.names}
        """How often each language is drawn in the whole run."""
        self.homes = {code: max(mine, key=lambda name: self.draws[name]) for code, mine in self.of_language.items()}
        """Where the canaries of each language stand: in its part that is drawn most."""
        self.canaries = (
            Canaries(
                settings.canaries,
                settings.seed,
                {code: self.draws[home] for code, home in self.homes.items()},
                {code: self.tokens[home] for code, home in self.homes.items()},
                self.length + 1,
            )
            if settings.canaries
            else None
        )

    @classmethod
    def of(cls, tokens: DocumentTable, settings: TrainSettings) -> "Order":
        """The order over a tokenized corpus."""
        return cls({}, settings, parts.cells(tokens, settings))

    @property
    def epochs(self) -> dict[str, float]:
        """How often each language is read in the whole run."""
        return {name: self.draws[name] / self.sequences[name] for name in self.names}

    def limit(self, name: str) -> float:
        """How often a language, or a part of one, may be read at most."""
        cell = self.cells[name]
        return self.settings.source_epochs.get(cell.source or "", self.settings.epochs)

    def rows_of(self, language: str) -> int:
        """How many rows of the run hold a language."""
        return sum(self.draws[name] for name in self.of_language.get(language, ()))

    def read(self, language: str) -> float:
        """How often a language is read in the whole run."""
        mine = self.of_language[language]
        return self.rows_of(language) / sum(self.sequences[name] for name in mine)

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
        name, rank = self._item(stage, item)
        return self._drawn(name, stage.drawn[name] + block * stage.quotas[name] + rank)

    def drawn(self, language: str, count: int) -> Draw:
        """What the `count`-th row of a language holds (from 0, over the whole run, its parts one after another)."""
        for name in self.of_language[language]:
            if count < self.draws[name]:
                return self._drawn(name, count)
            count -= self.draws[name]
        raise IndexError(f"{language} has no row {count}")

    def _drawn(self, name: str, count: int) -> Draw:
        epoch, turn = divmod(count, self.sequences[name])
        language = self.cells[name].language
        return Draw(language, self._shuffle(name, epoch)(turn), epoch, name if name != language else "")

    def pieces(self, draw: Draw, lead: int = 0) -> list[tuple[int, int]]:
        """Where a row's tokens lie in its language, one stretch after another; before them `lead` tokens that stand
        before the row, where there are so many."""
        start, end = self.span(draw.name, draw.sequence)
        return self.cells[draw.name].pieces(max(0, start - lead), end)

    def size(self, draw: Draw) -> int:
        """Tokens in a row, the one that is only predicted included."""
        start, end = self.span(draw.name, draw.sequence)
        return end - start

    def span(self, language: str, sequence: int) -> tuple[int, int]:
        """The tokens [start, end) of the language that a sequence holds: `length` + 1 of them. The last sequence ends
        with the language's last token, so that none is left out; a language shorter than a row gives all it has."""
        count = self.tokens[language]
        start = max(0, min(sequence * self.length, count - self.length - 1))
        return start, min(start + self.length + 1, count)

    def canary(self, draw: Draw) -> tuple[Canary, int, int] | None:
        """The canary in a row and the tokens [start, end) of the row that it has taken, its `bos` included."""
        if self.canaries is None or not self.canaries.of(draw.language) or draw.name != self.homes[draw.language]:
            return None
        turn = draw.epoch * self.sequences[draw.name]
        turn += self._shuffle(draw.name, draw.epoch).inverse(draw.sequence)
        canary, size = self.canaries.at(draw.language, turn), self.size(draw)
        return (canary, size - self.canaries.size, size) if canary else None

    def canary_places(self, canary: Canary) -> list[tuple[int, int]]:
        """Every (step, row) of the run that holds a canary."""
        if self.canaries is None:
            return []
        rows = [self._row_of(self.homes[canary.language], turn) for turn in self.canaries.turns(canary)]
        return sorted(divmod(row, self.batch_rows) for row in rows)

    def seen(self, language: str, start: int, end: int) -> Iterator[Sighting]:
        """Every place of the run that holds one of the language's tokens [start, end), part by part, each one's epochs
        in order. Tokens that a canary has taken the place of were not seen there."""
        for name in self.of_language.get(language, ()):
            for first, last in self.cells[name].parts(start, end):
                yield from self._seen(name, first, last)

    def _seen(self, language: str, start: int, end: int) -> Iterator[Sighting]:
        """`seen`, within one cell and in its own tokens."""
        home = self.homes[self.cells[language].language]
        if start >= end:
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
                    own = self.cells[language].language
                    if self.canaries is not None and language == home and self.canaries.at(own, turn):
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
        for stage in stages:
            for code in stage.weights:
                if code not in self.of_language:
                    raise OpenbookError(f"The mixture names {code}, of which the tokenized corpus holds nothing.")
        within = [parts.weights(self.cells, self.settings, stage.sources) for stage in stages]
        wishes = [self._wishes(stage, own) for stage, own in zip(stages, within, strict=True)]
        wanted = [
            {code: (bounds[at + 1] - bounds[at]) * wish[code] / (sum(wish.values()) or 1) for code in wish}
            for at, wish in enumerate(wishes)
        ]
        drawn = dict.fromkeys(self.names, 0)
        for at in range(len(stages)):
            rows = bounds[at + 1] - bounds[at]
            if rows == 0:
                continue
            caps = {}
            for name in self.names:
                whole = sum(part[name] for part in wanted)
                caps[name] = self.limit(name) * self.sequences[name] * wanted[at][name] / whole if whole else 0.0
                self.asked[name] += wanted[at][name]
            size = min(rows, BLOCK_ROWS)
            given = self._shares(wishes[at], caps, rows)
            self.capped |= {name for name, most in caps.items() if 0 < most * (1 - 1e-9) <= given[name]}
            counts = quotas(given, size, rows == size)
            laid = _StageRows(len(self.stages), bounds[at], bounds[at + 1], size, counts, drawn)
            self.stages.append(laid)
            drawn = {code: drawn[code] + self._drawn_in(laid, laid.last, code) for code in drawn}

    def _wishes(self, stage: Stage, within: Mapping[str, float]) -> dict[str, float]:
        """The weight of every cell: the language's by temperature and factor, parted as `within` says."""
        found: dict[str, float] = {}
        for code, mine in self.of_language.items():
            count, whole = sum(self.tokens[name] for name in mine), sum(within[name] for name in mine)
            weight = stage.weights.get(code, 1.0) * count ** (1 / stage.temperature)
            found |= {name: weight * (within[name] / whole) if whole else 0.0 for name in mine}
        return found

    def _shares(self, wishes: Mapping[str, float], caps: Mapping[str, float], rows: int) -> dict[str, float]:
        """Rows by cell: first by language, then within each, so that what a capped source leaves stays in its
        language as long as there is other text of it."""
        languages = {code: sum(wishes[name] for name in mine) for code, mine in self.of_language.items()}
        room = {code: sum(caps[name] for name in mine if wishes[name]) for code, mine in self.of_language.items()}
        found = dict.fromkeys(self.names, 0.0)
        for code, given in shares(languages, room, rows).items():
            if given:
                mine = self.of_language[code]
                found |= (
                    shares({name: wishes[name] for name in mine}, caps, given) if len(mine) > 1 else {mine[0]: given}
                )
        return found

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
        return sum(stage.quotas[name] for name in self.names[: self.names.index(language)])

    def _item(self, stage: _StageRows, item: int) -> tuple[str, int]:
        for name in self.names:
            if item < stage.quotas[name]:
                return name, item
            item -= stage.quotas[name]
        raise AssertionError("a block holds as many items as its quotas")

    def _row_of(self, language: str, turn: int) -> int:
        stage = [stage for stage in self.stages if stage.drawn[language] <= turn][-1]
        block, rank = divmod(turn - stage.drawn[language], stage.quotas[language])
        position = self.block(stage.index, block)[1][self._offset(stage, language) + rank]
        return stage.first + block * stage.size + int(position)

    def _block(self, stage: int, block: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Position -> item and item -> position; items are the languages' draws, language by language."""
        draw = chance.generator(self.settings.seed, f"train/block/{stage}", block)
        counts = [self.stages[stage].quotas[name] for name in self.names]
        moments = [(np.arange(count) + draw.random(count)) / count for count in counts if count]
        items = np.argsort(np.concatenate(moments), kind="stable").astype(np.int32)
        positions = np.empty_like(items)
        positions[items] = np.arange(len(items), dtype=np.int32)
        return items, positions
