"""Which pairs of documents are worth comparing: signatures in order of rank, band keys in buckets, pairs of these.

Each function is one task of the search in `near`; what it needs lies on disk, what it holds is bounded.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from openbook.books.store import atomic_path
from openbook.corpus.banding import Banding
from openbook.corpus.compiled import kernel
from openbook.corpus.kernel import mix
from openbook.corpus.shuffle import once, read_partition, write_run
from openbook.errors import OpenbookError

BEST = NEAREST = 8
"""Each document of a bucket is compared with the best ones and with those just before it in rank, which are about as
long. All pairs of a bucket of up to 17; a bucket of a million copies costs 16 million comparisons, not 500 billion."""
NO_VALUE = np.uint32(0xFFFFFFFF)
"""All values of a document that is not to be searched."""
BUCKET = np.dtype([("key", "<u8"), ("rank", "<i8")])
RANK_BITS = 40
"""A pair is one number: the worse one's place in its range, then the rank of the better one in so many bits."""
PAIR_BLOCK = 4 << 20
"""Pairs that a task holds before it writes them."""


@dataclass(frozen=True)
class Plan:
    """How the work is cut up: it decides memory and the number of files, never the result."""

    folder: Path
    documents: int
    values: int
    banding: Banding
    range_rows: int
    """Documents of a range of ranks."""
    partitions: int
    """Of the band keys, a power of two."""

    @property
    def ranges(self) -> int:
        return -(-self.documents // self.range_rows)

    @cached_property
    def signed(self) -> np.dtype[Any]:
        return np.dtype([("rank", "<i8"), ("values", "<u4", (self.values,))])

    def span(self, at: int) -> tuple[int, int]:
        """First rank of a range, and how many it has."""
        start = at * self.range_rows
        return start, min(self.range_rows, self.documents - start)

    def path(self, kind: str, at: int, block: int | None = None) -> Path:
        return self.folder / kind / (f"{at:06d}" if block is None else f"{at:06d}-{block:06d}")

    def done(self, kind: str, at: int) -> Path:
        return self.folder / kind / f"{at:06d}.done"

    def signatures(self, at: int) -> NDArray[np.uint32]:
        """[documents of the range, values], a memory map."""
        return np.memmap(self.path("signatures", at), np.uint32, mode="r", shape=(self.span(at)[1], self.values))


@dataclass(frozen=True)
class LayTask:
    plan: Plan
    number: int
    files: tuple[Path, ...]
    """Parquet with a column `signature`."""
    ranks: Path
    """npy: the rank of every row of all files, -1 for those that are not searched."""
    start: int
    """Where in it these files begin."""


def read_signatures(path: Path) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Rows of the file that have a signature, and these: [rows, values]. Raises OpenbookError for unequal lengths."""
    column = pq.read_table(path, columns=["signature"]).column(0).combine_chunks()
    present = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    column = column.drop_null()
    if not len(column):
        return present, np.zeros((0, 1), np.uint32)
    sizes = np.unique(pa.compute.binary_length(column).to_numpy())
    if sizes.size > 1 or sizes[0] % 4:
        raise OpenbookError(f"{path} holds signatures of different lengths: delete the annotated pages and run again.")
    width, data = int(sizes[0]), column.buffers()[-1]
    first = int(np.frombuffer(column.buffers()[1], np.int32)[column.offset])
    return present, np.frombuffer(data, np.uint32, len(column) * width // 4, first).reshape(-1, width // 4)


def lay(task: LayTask) -> int:
    """The signatures of some files, sorted by the range of their ranks."""
    return once(task.plan.done("laid", task.number), lambda: _lay(task))


def _lay(task: LayTask) -> int:
    plan, row, pieces = task.plan, task.start, []
    every = np.load(task.ranks, mmap_mode="r")
    for path in task.files:
        rows, values = read_signatures(path)
        ranks = np.asarray(every[row + rows])
        wanted = ranks >= 0
        if wanted.any() and values.shape[1] != plan.values:
            raise OpenbookError(f"{path} holds {values.shape[1]} signature values, other files {plan.values}.")
        piece = np.empty(int(wanted.sum()), plan.signed)
        piece["rank"] = ranks[wanted]
        if wanted.any():
            piece["values"] = values[wanted]
        pieces.append(piece)
        row += pq.read_metadata(path).num_rows
    records = np.concatenate(pieces)
    del pieces
    write_run(plan.path("laid", task.number), records, records["rank"] // plan.range_rows, plan.ranges)
    return int(records.size)


@dataclass(frozen=True)
class RangeTask:
    plan: Plan
    number: int
    runs: int
    """Run files to read from."""


def order(task: RangeTask) -> int:
    """The signatures of one range in order of rank, and their band keys sorted by partition."""
    return once(task.plan.done("signatures", task.number), lambda: _order(task))


def _order(task: RangeTask) -> int:
    plan = task.plan
    start, rows = plan.span(task.number)
    matrix = np.full((rows, plan.values), NO_VALUE)
    for run in range(task.runs):
        piece = read_partition([plan.path("laid", run)], task.number, plan.ranges, plan.signed)
        matrix[piece["rank"] - start] = piece["values"]
    with atomic_path(plan.path("signatures", task.number)) as temporary:
        matrix.tofile(temporary)
    filled = np.flatnonzero((matrix != NO_VALUE).any(axis=1))
    matrix = matrix[filled]
    bands = plan.banding.bands
    records = np.empty((bands, filled.size), BUCKET)
    for band in range(bands):
        records[band]["key"] = band_keys(matrix, band, plan.banding.rows)
        records[band]["rank"] = start + filled
    flat = records.reshape(-1)
    write_run(plan.path("buckets", task.number), flat, partition_of(flat["key"], plan.partitions), plan.partitions)
    return int(filled.size)


def partition_of(keys: NDArray[np.uint64], partitions: int) -> NDArray[np.int64]:
    """By the highest bits; partitions is a power of two."""
    bits = partitions.bit_length() - 1
    return (keys >> np.uint64(64 - bits)).astype(np.int64) if bits else np.zeros(keys.size, np.int64)


def band_keys(signatures: NDArray[np.uint32], band: int, rows: int) -> NDArray[np.uint64]:
    """[documents]: a hash of the values in this band, which knows the band."""
    out = np.empty(signatures.shape[0], np.uint64)
    _mix_rows(np.ascontiguousarray(signatures[:, band * rows : (band + 1) * rows]), np.uint64(band), out)
    return out


@kernel
def _mix_rows(values: Any, band: Any, out: Any) -> Any:
    for i in range(values.shape[0]):
        h = mix(np.uint64(0xCBF29CE484222325) + band)
        for k in range(values.shape[1]):
            h = (h ^ np.uint64(values[i, k])) * np.uint64(0xFF51AFD7ED558CCD)
            h ^= h >> np.uint64(32)
        out[i] = mix(h)


def pair(task: RangeTask) -> int:
    """The pairs of one partition of the band keys, sorted by the range of the worse one; returns the blocks written."""
    return once(task.plan.done("pairs", task.number), lambda: _pair(task))


def _pair(task: RangeTask) -> int:
    plan = task.plan
    paths = [plan.path("buckets", run) for run in range(task.runs)]
    records = read_partition(paths, task.number, plan.partitions, BUCKET)
    keys = np.ascontiguousarray(records["key"])
    by_key = np.argsort(keys)
    keys, ranks = keys[by_key], records["rank"][by_key]
    del records, by_key
    keys, ranks = shared(keys, ranks)
    packed, ranges = np.empty(PAIR_BLOCK, np.uint64), np.empty(PAIR_BLOCK, np.int64)
    blocks, at, start = 0, 0, 0
    while at < keys.size:
        at, start, count = fill_pairs(keys, ranks, at, start, plan.range_rows, packed, ranges)
        if count:
            write_run(plan.path("pairs", task.number, blocks), packed[:count], ranges[:count], plan.ranges)
            blocks += 1
    return blocks


@kernel
def shared(keys: Any, ranks: Any) -> Any:
    """Only the buckets that hold two or more, ranks ascending in each. keys: sorted."""
    out, n = 0, keys.size
    start = 0
    while start < n:
        end = start + 1
        while end < n and keys[end] == keys[start]:
            end += 1
        if end - start > 1:
            members = np.sort(ranks[start:end])
            for k in range(end - start):
                keys[out] = keys[start]
                ranks[out] = members[k]
                out += 1
        start = end
    return keys[:out], ranks[:out]


@kernel
def fill_pairs(keys: Any, ranks: Any, at: Any, start: Any, range_rows: Any, packed: Any, ranges: Any) -> Any:
    """Pairs of the records from `at` on, as many as fit; `start` is where the bucket of record `at` begins.

    Returns (next record, start of its bucket, pairs).
    """
    count = 0
    while at < keys.size:
        if keys[at] != keys[start]:
            start = at
        if count + BEST + NEAREST > packed.size:
            break
        worse = ranks[at]
        place = np.uint64(worse % range_rows) << np.uint64(RANK_BITS)
        for j in range(start, min(at, start + BEST)):
            packed[count] = place | np.uint64(ranks[j])
            ranges[count] = worse // range_rows
            count += 1
        for j in range(max(start + BEST, at - NEAREST), at):
            packed[count] = place | np.uint64(ranks[j])
            ranges[count] = worse // range_rows
            count += 1
        at += 1
    return at, start, count
