"""A few dozen small decision trees, trained by benchmarks/corpus/train_extraction.py, evaluated in compiled code."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from openbook.corpus.extract.context import SECOND_NAMES, second_rows
from openbook.corpus.extract.pointers import LANES, address, hold, lowest_bit, strike_out
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


class Trees(NamedTuple):
    """The tests of tree t are those from `starts[t]` to `starts[t + 1]`: a row whose feature, one of those `used`, is
    more than `threshold` comes to none of the leaves that `without` lacks. `leaves[t]`: what each leaf, from the left,
    adds."""

    used: type_ints
    starts: type_ints
    feature: type_ints
    threshold: type_floats
    without: NDArray[np.int32]
    leaves: type_floats


@kernel
def evaluate(rows: type_floats, trees: Trees) -> NDArray[np.float64]:
    """Every test of a tree is made for LANES rows at once and strikes out the leaves that it rules out; the first leaf
    left is the tree's answer (Lucchese et al. 2015, QuickScorer). No branch depends on a row, so it runs in vectors."""
    count, width = rows.shape
    scores = np.zeros(count)
    lanes = np.zeros((trees.used.size, LANES), np.float32)
    still = np.empty(LANES, np.int32)
    table, score = address(rows), address(scores)
    columns, left = address(lanes), address(still)
    used, starts, feature = address(trees.used), address(trees.starts), address(trees.feature)
    threshold, without, leaves = address(trees.threshold), address(trees.without), address(trees.leaves)
    for first in range(0, count, LANES):
        many = min(LANES, count - first)
        for k in range(many):
            row = width * (first + k)
            for place in range(trees.used.size):
                columns[LANES * place + k] = table[row + used[place]]
        for tree in range(trees.starts.size - 1):
            strike_out(left, columns, feature, threshold, without, starts[tree], starts[tree + 1])
            for k in range(many):
                score[first + k] += leaves[MOST_LEAVES * tree + lowest_bit(left[k])]
    for k in range(count):
        score[k] = logistic(score[k])
    hold(lanes)
    hold(still)
    hold(rows)
    return scores


@dataclass(frozen=True)
class Forest:
    trees: Trees

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
        used = sorted(set(feature))
        return cls(
            Trees(
                np.array(used, np.int64),
                np.array(starts, np.int64),
                np.array([used.index(name) for name in feature], np.int64),
                np.array(threshold, np.float32),
                np.array(without, np.int32),
                leaves,
            )
        )

    def chances(self, rows: type_floats) -> NDArray[np.float64]:
        return evaluate(np.ascontiguousarray(rows), self.trees)


@kernel
def judge_rows(rows: type_floats, first: Trees, second: Trees) -> NDArray[np.float64]:
    chances = evaluate(second_rows(rows, evaluate(rows, first)), second)
    for k in range(chances.size):
        if rows[k, _CONSENT] < LARGEST_CONSENT:
            chances[k] = 0.0
    return chances


@dataclass(frozen=True)
class Judge:
    """Two looks at the blocks of a page; the second knows what the first thought of the neighbors."""

    first: Forest
    second: Forest

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Judge":
        return cls(Forest.of(document["first"]), Forest.of(document["second"]))

    def chances(self, rows: type_floats) -> NDArray[np.float64]:
        """The chance of each row's block to be main text."""
        return judge_rows(np.ascontiguousarray(rows), self.first.trees, self.second.trees)


@cache
def judge() -> Judge:
    return Judge.of(orjson.loads(files("openbook.corpus.extract").joinpath("forest.json").read_bytes()))
