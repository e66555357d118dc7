"""How a measure is distributed, counted in one pass without knowing its range before.

Values from -1 to 1 fall into hundredths, those beyond into sixteenths of an octave: fine enough to be put together
afterwards into a few bars that fit what was found, the same for every language.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_UNIT, _OCTAVE, _OCTAVES = 100, 16, 48
_HALF = _UNIT + _OCTAVE * _OCTAVES
FINE = 2 * _HALF
"""Fine bins; the last half of them for values from 0 on."""
BARS = 32

Counts = NDArray[np.int64]
"""[FINE]"""


def count(values: NDArray[np.float64]) -> Counts:
    """Of the finite ones how many fall into each fine bin."""
    values = values[np.isfinite(values)]
    size = np.abs(values)
    place = np.where(size < 1, size * _UNIT, _UNIT + _OCTAVE * np.log2(np.maximum(size, 1.0)))
    index = np.minimum(np.floor(np.round(place, 9)), _HALF - 1).astype(np.int64)
    return np.bincount(np.where(values < 0, _HALF - 1 - index, _HALF + index), minlength=FINE)


def edges() -> NDArray[np.float64]:
    """[FINE + 1], where the fine bins begin and end."""
    above = np.concatenate([np.arange(_UNIT) / _UNIT, 2.0 ** (np.arange(_OCTAVE * _OCTAVES + 1) / _OCTAVE)])
    return np.concatenate([-above[:0:-1], above])


@dataclass(frozen=True)
class Bars:
    """A few bars: the first and the last also hold what lies beyond `edges`."""

    edges: list[float]
    logarithmic: bool
    groups: list[int]
    """Where in the fine bins each begins; one more at the end."""

    def of(self, counts: Counts) -> list[int]:
        return [int(part) for part in np.add.reduceat(counts, self.groups[:-1])]


def bars(total: Counts) -> Bars:
    """Bars that fit all values but the outermost thousandths: equal steps up to 1, equal ratios beyond it."""
    cumulated = np.cumsum(total)
    low = int(np.searchsorted(cumulated, cumulated[-1] / 1000, "right"))
    high = min(int(np.searchsorted(cumulated, cumulated[-1] * 0.999)), FINE - 1)
    straight = low >= _HALF - _UNIT and high <= _HALF + _UNIT
    starts, end = [_HALF], _HALF + 1
    for grid in _LINEAR if straight else _RATIOS:
        first = max(int(np.searchsorted(grid, low, "right")) - 1, 0)
        last = int(np.searchsorted(grid, high, "right"))
        starts, end = grid[first:last].tolist(), int(grid[min(last, grid.size - 1)])
        if len(starts) <= BARS:
            break
    shown = edges()[[*starts, max(end, starts[-1] + 1)]].tolist()
    return Bars([round(one, 6) for one in shown], not straight, [0, *starts[1:], FINE])


def _grid(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    return _HALF + np.unique(np.concatenate([-offsets, [0], offsets]))


_LINEAR = [_grid(np.arange(0, _UNIT + 1, width)) for width in (1, 2, 4, 5, 10)]
_RATIOS = [_grid(np.arange(_UNIT, _HALF, width)) for width in (1, 2, 4, 8, 16, 32, 64)]
"""Places where bars may begin, ever wider ones. Beside large values all of 0 to 1 is one bar."""


def quantiles(counts: Counts, shares: Sequence[float] = (0.1, 0.5, 0.9)) -> list[float | None]:
    """Values below which these shares lie, to the width of a fine bin."""
    total = int(counts.sum())
    if not total:
        return [None] * len(shares)
    places = np.searchsorted(np.cumsum(counts), [share * total for share in shares])
    bounds = edges()
    return [float(f"{(bounds[at] + bounds[at + 1]) / 2:.4g}") for at in places]


def summed(parts: Mapping[Any, Counts]) -> Counts:
    return np.sum([*parts.values(), np.zeros(FINE, np.int64)], axis=0)
