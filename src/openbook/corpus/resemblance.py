"""Which candidates do resemble one another, and which documents stay: the best, and every dropped one is near one.

A document is dropped when it resembles a kept better one. That rule has exactly one answer (the lexicographically first
maximal independent set of the graph); ranges settle what they can, in rounds, until nothing is open (Blelloch, Fineman
and Shun 2012). A decision is final, so it does not matter when another range learns of it.
"""

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from openbook.books.store import atomic_path
from openbook.corpus.candidates import RANK_BITS, Plan, RangeTask
from openbook.corpus.compiled import kernel
from openbook.corpus.shuffle import once, read_run, write_run

OPEN, KEPT, DROPPED = 0, 1, 2
EDGE = np.dtype([("pair", "<u8"), ("equal", "<i4")])
DROP = np.dtype([("worse", "<i8"), ("better", "<i8"), ("equal", "<i4")])
MERGE = 4 << 20
"""Pairs that are gathered before equal ones become one."""


def verify(task: RangeTask, least_equal: int) -> int:
    """Of the pairs whose worse one lies in this range, those with at least so many equal values; returns how many."""
    return once(task.plan.done("edges", task.number), lambda: _verify(task, least_equal))


def _verify(task: RangeTask, least_equal: int) -> int:
    plan = task.plan
    pairs = _distinct_pairs(task)
    better = (pairs & np.uint64((1 << RANK_BITS) - 1)).astype(np.int64)
    worse = (pairs >> np.uint64(RANK_BITS)).astype(np.int64)
    equal = np.zeros(pairs.size, np.int32)
    if pairs.size:
        mine = np.array(plan.signatures(task.number))
        there = better // plan.range_rows
        by_range = np.argsort(there, kind="stable")
        bounds = np.searchsorted(there[by_range], np.arange(plan.ranges + 1))
        for number in np.flatnonzero(np.diff(bounds)):  # one map at a time: its pages leave memory with it
            chosen = by_range[bounds[number] : bounds[number + 1]]
            theirs = plan.signatures(int(number))
            equal[chosen] = _equal_values(mine, theirs, worse[chosen], better[chosen] - number * plan.range_rows)
            del theirs
    like = equal >= least_equal
    edges = np.empty(int(like.sum()), EDGE)
    edges["pair"], edges["equal"] = pairs[like], equal[like]
    write_run(plan.path("edges", task.number), edges, np.zeros(edges.size, np.int64), 1)
    return int(edges.size)


def _distinct_pairs(task: RangeTask) -> NDArray[np.uint64]:
    """Sorted: by the worse one, then the better one."""
    plan, kind = task.plan, np.dtype(np.uint64)
    blocks = orjson.loads((plan.folder / "blocks.json").read_bytes())
    pairs, waiting, held = np.zeros(0, np.uint64), [], 0
    for run in range(task.runs):
        for block in range(blocks[run]):
            waiting.append(read_run(plan.path("pairs", run, block), task.number, plan.ranges, kind))
            held += waiting[-1].size
            if held > MERGE:
                pairs, waiting, held = np.unique(np.concatenate([pairs, *waiting])), [], 0
    return np.unique(np.concatenate([pairs, *waiting]))


@kernel
def _equal_values(mine: Any, theirs: Any, worse: Any, better: Any) -> Any:
    out = np.empty(worse.size, np.int32)
    for i in range(worse.size):
        a, b = mine[worse[i]], theirs[better[i]]
        equal = np.int32(0)
        for k in range(a.size):
            equal += np.int32(a[k] == b[k])
        out[i] = equal
    return out


def settle(task: RangeTask) -> int:
    """Decide what can be decided of one range with what is known now; returns how many stay open."""
    plan = task.plan
    start, rows = plan.span(task.number)
    edges = read_run(plan.path("edges", task.number), 0, 1, EDGE)
    every = np.memmap(state_path(plan), np.uint8, mode="r", shape=(plan.documents,))
    mine = np.array(every[start : start + rows])
    _settle(np.ascontiguousarray(edges["pair"]), start, mine, every)
    with state_path(plan).open("r+b") as file:
        file.seek(start)
        file.write(mine.tobytes())
    return int((mine == OPEN).sum())


def state_path(plan: Plan) -> Any:
    return plan.folder / "states"


@kernel
def _settle(pairs: Any, start: Any, mine: Any, every: Any) -> Any:
    """pairs: sorted by the worse one, so that the better ones of this range are settled before."""
    low = np.uint64((1 << RANK_BITS) - 1)
    at = 0
    for i in range(mine.size):
        kept_one, open_one = False, False
        while at < pairs.size and np.int64(pairs[at] >> np.uint64(RANK_BITS)) == i:
            better = np.int64(pairs[at] & low)
            state = mine[better - start] if better >= start else every[better]
            kept_one |= state == KEPT
            open_one |= state == OPEN
            at += 1
        if mine[i] == OPEN and (kept_one or not open_one):
            mine[i] = DROPPED if kept_one else KEPT


def name(task: RangeTask) -> int:
    """Write for each dropped document of a range the kept one that it resembles most (the best of equals)."""
    plan = task.plan
    start, rows = plan.span(task.number)
    edges = read_run(plan.path("edges", task.number), 0, 1, EDGE)
    every = np.memmap(state_path(plan), np.uint8, mode="r", shape=(plan.documents,))
    original, equal = np.full(rows, -1, np.int64), np.zeros(rows, np.int32)
    _name(np.ascontiguousarray(edges["pair"]), np.ascontiguousarray(edges["equal"]), every, original, equal)
    dropped = np.flatnonzero(np.asarray(every[start : start + rows]) == DROPPED)
    drops = np.empty(dropped.size, DROP)
    drops["worse"], drops["better"], drops["equal"] = start + dropped, original[dropped], equal[dropped]
    with atomic_path(plan.path("dropped", task.number)) as temporary:
        drops.tofile(temporary)
    return int(dropped.size)


@kernel
def _name(pairs: Any, equals: Any, every: Any, original: Any, equal: Any) -> Any:
    low = np.uint64((1 << RANK_BITS) - 1)
    for at in range(pairs.size):
        i, better = np.int64(pairs[at] >> np.uint64(RANK_BITS)), np.int64(pairs[at] & low)
        if every[better] == KEPT and equals[at] > equal[i]:
            original[i], equal[i] = better, equals[at]
