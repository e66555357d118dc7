"""Which draw of which cell stands in which row of a run, and the other way round: stages, cut into blocks of rows.

Every block of a stage gives each cell the same whole number of rows, spread evenly and drawn by a keyed generator, so
how often a cell was drawn before is a product and a sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from openbook.books import chance
from openbook.errors import OpenbookError
from openbook.train import cells as parts
from openbook.train.cells import Cell
from openbook.train.mixture import quotas, shares
from openbook.train.settings import Stage, TrainSettings

BLOCK_ROWS = 65_536
"""Rows of a block at most; a language's share is rounded to one in so many."""


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


class Layout:
    """The rows of a run, over cells by name of `sequences` many sequences each."""

    def __init__(self, cells: Mapping[str, Cell], sequences: Mapping[str, int], settings: TrainSettings) -> None:
        self.settings = settings
        self.rows = settings.total_steps * settings.batch_rows
        self.cells, self.sequences = cells, sequences
        self.names = list(cells)
        self.of_language = {
            code: [name for name, cell in cells.items() if cell.language == code]
            for code in dict.fromkeys(cell.language for cell in cells.values())
        }
        self.block = lru_cache(maxsize=8)(self._block)
        self.stages: list[_StageRows] = []
        self.asked = dict.fromkeys(self.names, 0.0)
        """Rows that the weights alone would give, were there no cap on repetition."""
        self.capped: set[str] = set()
        """Names of those that a cap held, in some stage."""
        self._lay_out(settings.stages or (Stage(start=0.0, temperature=settings.temperature),))
        end = self.stages[-1]
        self.draws = {name: end.drawn[name] + self._drawn_in(end, end.last, name) for name in self.names}
        """How often each cell is drawn in the whole run."""

    def limit(self, name: str) -> float:
        """How often a language, or a part of one, may be read at most."""
        return self.settings.source_epochs.get(self.cells[name].source or "", self.settings.epochs)

    def at(self, place: int) -> tuple[str, int]:
        """The cell in a row of the run (from 0), and which of its draws this is (from 0)."""
        stage = next(stage for stage in self.stages if stage.first <= place < stage.last)
        block, position = divmod(place - stage.first, stage.size)
        name, rank = self._item(stage, int(self.block(stage.index, block)[0][position]))
        return name, stage.drawn[name] + block * stage.quotas[name] + rank

    def row_of(self, name: str, turn: int) -> int:
        """The row of the run that holds a cell's `turn`-th draw; `at` undone."""
        stage = [stage for stage in self.stages if stage.drawn[name] <= turn][-1]
        block, rank = divmod(turn - stage.drawn[name], stage.quotas[name])
        position = self.block(stage.index, block)[1][self._offset(stage, name) + rank]
        return stage.first + block * stage.size + int(position)

    def _lay_out(self, stages: tuple[Stage, ...]) -> None:
        steps = self.settings.total_steps
        bounds = [round(stage.start * steps) * self.settings.batch_rows for stage in stages] + [self.rows]
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
            count, whole = sum(self.cells[name].tokens for name in mine), sum(within[name] for name in mine)
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

    def _block(self, stage: int, block: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Position -> item and item -> position; items are the languages' draws, language by language."""
        draw = chance.generator(self.settings.seed, f"train/block/{stage}", block)
        counts = [self.stages[stage].quotas[name] for name in self.names]
        moments = [(np.arange(count) + draw.random(count)) / count for count in counts if count]
        items = np.argsort(np.concatenate(moments), kind="stable").astype(np.int32)
        positions = np.empty_like(items)
        positions[items] = np.arange(len(items), dtype=np.int32)
        return items, positions
