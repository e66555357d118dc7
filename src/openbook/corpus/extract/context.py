"""The second look at a block: what the first look thought of its neighbors and of the whole page."""

import numpy as np
from numpy.typing import NDArray

from openbook.corpus.extract.features import NAMES
from openbook.corpus.extract.pointers import address, hold
from openbook.corpus.extract.scan import kernel
from openbook.corpus.extract.surroundings import type_floats

REACHES = (4, 12)
SECOND = (
    "chance", "chance -3", "chance -2", "chance -1", "chance +1", "chance +2", "chance +3", "chance within 4",
    "chance within 12", "chance of page", "chance before", "likely blocks",
)  # fmt: skip
SECOND_NAMES = NAMES + list(SECOND)
WIDEST = 300.0


@kernel
def second_rows(rows: type_floats, chances: NDArray[np.float64]) -> type_floats:
    """The rows with the columns of SECOND behind them. Sums weigh a block by its width, at most WIDEST."""
    count, columns = rows.shape
    wider = np.empty((count, columns + 12), np.float32)
    sums = np.zeros(2 * count + 2)
    old, new, chance = address(rows), address(wider), address(chances)
    weights, likely = address(sums), address(sums[count + 1 :])
    above = 0
    for k in range(count):
        weight = min(max(float(old[columns * k]), 1.0), WIDEST)
        weights[k + 1] = weights[k] + weight
        likely[k + 1] = likely[k] + weight * chance[k]
        above += chance[k] > 0.5
    for k in range(count):
        at = (columns + 12) * k
        for place in range(columns):
            new[at + place] = old[columns * k + place]
        at += columns
        new[at] = chance[k]
        at += 1
        for offset in (-3, -2, -1, 1, 2, 3):
            new[at] = chance[k + offset] if 0 <= k + offset < count else -0.1
            at += 1
        for reach in REACHES:
            first, last = max(0, k - reach), min(count, k + reach + 1)
            new[at] = (likely[last] - likely[first]) / (weights[last] - weights[first])
            at += 1
        new[at] = likely[count] / weights[count]
        new[at + 1] = likely[k + 1] / max(likely[count], 1e-9)
        new[at + 2] = above
    hold(sums)
    hold(rows)
    hold(chances)
    return wider
