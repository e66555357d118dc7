"""Which documents say what another one says: equal normalized text, or MinHash signatures that agree.

Documents are numbered by rank, best first; rank is content, so the result does not know the order of arrival. The
search for near ones lies on disk: what a task holds is bounded. Its files: laid, signatures, buckets, pairs, edges,
states, dropped.
"""

import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from openbook.books.store import atomic_path, write_bytes
from openbook.compute import Engine
from openbook.corpus import resemblance
from openbook.corpus.banding import chosen
from openbook.corpus.candidates import BUCKET, LayTask, Plan, RangeTask, lay, order, pair, read_signatures
from openbook.corpus.settings import DuplicateSettings
from openbook.corpus.shuffle import fresh

FORMAT = 1
SMALL = 300_000
"""Documents that are sought in this process, in some seconds: starting workers for each stage would take longer."""
RANGE_ROWS = 1 << 16
PARTITION_BYTES = 32 << 20
"""Of band keys that one task sorts, about."""
DOCUMENTS = 1 << 28
"""Up to so many, tasks stay as small as that. Beyond, they and their number both grow with the square root."""


@dataclass(frozen=True, slots=True)
class Near:
    """Dropped documents, in order of rank."""

    worse: NDArray[np.int64]
    better: NDArray[np.int64]
    """The kept document that it resembles most."""
    similarity: NDArray[np.float64]
    """Share of equal MinHash values."""


def exact(hashes: NDArray[np.void]) -> NDArray[np.int64]:
    """For each document the best one with the same hash of its normalized text (itself, where it is that).

    hashes: [n] of 16 bytes, in order of rank.
    """
    words = np.ascontiguousarray(hashes).view(np.uint64).reshape(-1, 2)
    return first_of_equals([words[:, 0], words[:, 1]])


def first_of_equals(columns: Sequence[NDArray[np.uint64]]) -> NDArray[np.int64]:
    """For each row the first row with the same values in all columns."""
    by_value = np.argsort(columns[0], kind="stable")  # equal rows stay in their order
    begins = _begins(columns, by_value)
    if (begins[1:] & ~_begins(columns[:1], by_value)[1:]).any():  # equal there alone: hashes nearly never are
        by_value = np.lexsort(columns)
        begins = _begins(columns, by_value)
    first = np.empty(by_value.size, np.int64)
    first[by_value] = by_value[np.maximum.accumulate(np.where(begins, np.arange(by_value.size), 0))]
    return first


def _begins(columns: Sequence[NDArray[np.uint64]], order: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the row at each place of the order differs from the one before."""
    begins = np.zeros(order.size, bool)
    begins[:1] = True
    for column in columns:
        begins[1:] |= column[order[1:]] != column[order[:-1]]
    return begins


def near(
    files: Sequence[Path],
    ranks: NDArray[np.int64],
    settings: DuplicateSettings,
    engine: Engine,
    folder: Path,
    range_rows: int | None = None,
    partitions: int | None = None,
    say: Callable[[str], None] = lambda stage: None,
) -> Near:
    """Near duplicates among n documents.

    files: Parquet with a column `signature`, a row a document, null for one without words. ranks: [rows of all files]
    0..n-1, or -1 for a row that is not searched. folder: for what lies on disk meanwhile; a search that was killed goes
    on there. range_rows, partitions: how the work is cut up; no result depends on them.
    """
    count = int(ranks.max(initial=-1)) + 1
    values = next((one.shape[1] for one in (read_signatures(path)[1] for path in files) if one.size), 0)
    if count < 2 or not values:
        return Near(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    banding = chosen(settings, values)
    rows, parts = sizes(count, banding.bands)
    plan = Plan(folder, count, values, banding, range_rows or rows, partitions or parts)
    _open(plan, files, ranks, settings, engine)
    return _search(plan, files, settings.similarity, engine, say)


def sizes(documents: int, bands: int) -> tuple[int, int]:
    """Documents of a range, and number of partitions (a power of two)."""
    growth = max(1.0, math.sqrt(documents / DOCUMENTS))
    partition = PARTITION_BYTES * growth / BUCKET.itemsize
    return int(RANGE_ROWS * growth) >> 12 << 12, 1 << max(0, math.ceil(math.log2(documents * bands / partition)))


def _open(
    plan: Plan, files: Sequence[Path], ranks: NDArray[np.int64], settings: DuplicateSettings, engine: Engine
) -> None:
    """Make the folder ready: empty, unless it holds the beginning of this very search."""
    digests = list(_map(engine, plan)(_digest, files))
    asked = [FORMAT, plan.range_rows, plan.partitions, plan.banding.bands, plan.banding.rows, settings.similarity]
    fresh(plan.folder, orjson.dumps([asked, digests]) + xxhash.xxh3_128_digest(np.ascontiguousarray(ranks).data))
    with atomic_path(plan.folder / "ranks.npy") as temporary, temporary.open("wb") as file:
        np.save(file, ranks)


def _map(engine: Engine, plan: Plan) -> Callable[..., Iterator[Any]]:
    return engine.map if plan.documents >= SMALL else map


def _digest(path: Path) -> str:
    hashed = xxhash.xxh3_128()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            hashed.update(data)
    return hashed.hexdigest()


def _search(plan: Plan, files: Sequence[Path], similarity: float, engine: Engine, say: Callable[[str], None]) -> Near:
    tasks = _lay_tasks(plan, files)
    ranges, run = range(plan.ranges), _map(engine, plan)
    if not (plan.folder / "laid.done").exists():
        say("signatures in order")
        list(run(lay, tasks))
        list(run(order, [RangeTask(plan, at, len(tasks)) for at in ranges]))
        _finished(plan, "laid", "laid")
    if not (plan.folder / "pairs.done").exists():
        say("candidates")
        buckets = [RangeTask(plan, at, plan.ranges) for at in range(plan.partitions)]
        write_bytes(plan.folder / "blocks.json", orjson.dumps(list(run(pair, buckets))))
        _finished(plan, "pairs", "buckets")
    if not (plan.folder / "edges.done").exists():
        say("comparisons")
        least = math.ceil(similarity * plan.values - 1e-9)
        compared = [RangeTask(plan, at, plan.partitions) for at in ranges]
        list(run(partial(resemblance.verify, least_equal=least), compared))
        with atomic_path(resemblance.state_path(plan)) as temporary:
            np.zeros(plan.documents, np.uint8).tofile(temporary)
        _finished(plan, "edges", "pairs")
    say("who stays")
    left = [RangeTask(plan, at, 0) for at in ranges]
    while left:
        still = list(run(resemblance.settle, left))
        left = [task for task, count in zip(left, still, strict=True) if count]
    list(run(resemblance.name, [RangeTask(plan, at, 0) for at in ranges]))
    drops = np.concatenate([np.fromfile(plan.path("dropped", at), resemblance.DROP) for at in ranges])
    return Near(drops["worse"].copy(), drops["better"].copy(), drops["equal"] / plan.values)


def _lay_tasks(plan: Plan, files: Sequence[Path]) -> list[LayTask]:
    """Files are taken together until they hold as many rows as a range."""
    tasks: list[LayTask] = []
    held: list[Path] = []
    row = start = 0
    for path in files:
        held.append(path)
        row += pq.read_metadata(path).num_rows
        if row - start >= plan.range_rows:
            tasks.append(LayTask(plan, len(tasks), tuple(held), plan.folder / "ranks.npy", start))
            held, start = [], row
    if held:
        tasks.append(LayTask(plan, len(tasks), tuple(held), plan.folder / "ranks.npy", start))
    return tasks


def _finished(plan: Plan, stage: str, read: str) -> None:
    """Note that a stage is done, then let go of what it has read."""
    write_bytes(plan.folder / f"{stage}.done", b"")
    shutil.rmtree(plan.folder / read, ignore_errors=True)
