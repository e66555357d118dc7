"""A few dozen small decision trees, trained by benchmarks/corpus/train_extraction.py, evaluated in compiled code."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from openbook.corpus.extract.context import SECOND_NAMES, second_rows
from openbook.corpus.extract.scan import kernel, type_ints
from openbook.corpus.extract.surroundings import type_floats

# Elements that ask for consent to cookies are never main text, unless they hold most of the page.
LARGEST_CONSENT = 0.5
_CONSENT = SECOND_NAMES.index("class consent")
MOST_LEAVES = 31
"""Of a tree: a bit for each in an int32."""


@kernel
def logistic(score: float) -> float:
    """1 / (1 + exp(-score)) to three digits, from additions and products alone: the same bits on every machine."""
    power = 1.0 - min(max(score, -20.0), 20.0) / 1024.0
    for _ in range(10):
        power *= power
    return 1.0 / (1.0 + power)


_PLACES = np.zeros(32, np.int64)
for _place in range(32):
    _PLACES[(0x077CB531 << _place & 0xFFFFFFFF) >> 27] = _place


@kernel
def lowest_bit(bits: int) -> int:
    """Place of the lowest bit that is set, without a branch: the lowest bit times a de Bruijn sequence (Leiserson,
    Prokop and Randall 1998)."""
    return _PLACES[((bits & -bits) * 0x077CB531 & 0xFFFFFFFF) >> 27]


@kernel
def evaluate(
    columns: type_floats,
    starts: type_ints,
    feature: NDArray[np.int16],
    threshold: type_floats,
    without: NDArray[np.int32],
    leaves: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Every test of a tree is made for all rows at once and strikes out the leaves that it rules out; the first leaf
    left is the tree's answer (Lucchese et al. 2015, QuickScorer). No branch depends on a row, so it runs in vectors."""
    count = columns.shape[1]
    scores = np.zeros(count)
    left = np.empty(count, np.int32)
    for tree in range(starts.size - 1):
        left[:] = -1
        for node in range(starts[tree], starts[tree + 1]):
            column, bound, mask = columns[feature[node]], threshold[node], without[node]
            for k in range(count):
                left[k] &= mask if column[k] > bound else np.int32(-1)
        for k in range(count):
            scores[k] += leaves[tree, lowest_bit(left[k])]
    for k in range(count):
        scores[k] = logistic(scores[k])
    return scores


@dataclass(frozen=True)
class Forest:
    """The tests of tree t are those from `starts[t]` to `starts[t + 1]`: a row whose `feature` is more than `threshold`
    comes to none of the leaves that `without` lacks. `leaves[t]`: what each leaf, from the left, adds."""

    starts: type_ints
    feature: NDArray[np.int16]
    threshold: type_floats
    without: NDArray[np.int32]
    leaves: NDArray[np.float32]

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Forest":
        """From `features`, names, and `trees`: [place of the feature, threshold, left, right] or a leaf's number."""
        names = [SECOND_NAMES.index(name) for name in document["features"]]
        tests: list[tuple[int, float, int]] = []
        starts, leaves = [0], np.zeros((len(document["trees"]), MOST_LEAVES), np.float32)

        def place(tree: Any, number: int, seen: int) -> int:
            """Put the tree's tests and leaves behind those seen; returns how many leaves there are then."""
            if not isinstance(tree, list):
                leaves[number, seen] = tree
                return seen + 1
            middle = place(tree[2], number, seen)
            tests.append((names[tree[0]], tree[1], ~((1 << middle) - (1 << seen))))
            return place(tree[3], number, middle)

        for number, tree in enumerate(document["trees"]):
            place(tree, number, 0)
            starts.append(len(tests))
        feature, threshold, without = zip(*tests, strict=True)
        return cls(
            np.array(starts, np.int64),
            np.array(feature, np.int16),
            np.array(threshold, np.float32),
            np.array(without, np.int32),
            leaves,
        )

    def chances(self, rows: type_floats) -> NDArray[np.float64]:
        columns = np.ascontiguousarray(rows.T)
        return evaluate(columns, self.starts, self.feature, self.threshold, self.without, self.leaves)


@dataclass(frozen=True)
class Judge:
    """Two looks at the blocks of a page; the second knows what the first thought of the neighbours."""

    first: Forest
    second: Forest

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Judge":
        return cls(Forest.of(document["first"]), Forest.of(document["second"]))

    def chances(self, rows: type_floats) -> NDArray[np.float64]:
        """The chance of each row's block to be main text."""
        chances = self.second.chances(second_rows(rows, self.first.chances(rows)))
        chances[rows[:, _CONSENT] < LARGEST_CONSENT] = 0.0
        return chances


@cache
def judge() -> Judge:
    return Judge.of(orjson.loads(files("openbook.corpus.extract").joinpath("forest.json").read_bytes()))
