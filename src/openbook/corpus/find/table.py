"""A lookup table on disk: from 64-bit keys to rows of the corpus, memory-mapped, made by an external sort.

Entries are sorted by key and row. The keys' first bits are not stored: a directory says where each bucket of them
begins. Of what follows, 32 bits are: with sixteen entries a bucket an entry takes 8.5 bytes, 12.5 in a corpus of more
than four billion pages, and two of a billion keys agree by chance once in 250 million.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openbook.books.store import atomic_path

PARTITION = 1 << 22
"""Entries that are sorted in memory at a time, about."""
Keys = NDArray[np.uint64]
Rows = NDArray[np.uint64]


@dataclass(frozen=True)
class Table:
    folder: Path
    name: str

    @cached_property
    def _starts(self) -> NDArray[np.uint64]:
        return np.load(_path(self.folder, self.name, "starts"), mmap_mode="r")

    @cached_property
    def _keys(self) -> NDArray[np.uint32]:
        return np.load(_path(self.folder, self.name, "keys"), mmap_mode="r")

    @cached_property
    def _rows(self) -> NDArray[np.unsignedinteger]:
        return np.load(_path(self.folder, self.name, "rows"), mmap_mode="r")

    def __len__(self) -> int:
        return int(self._keys.size)

    def get(self, key: int) -> NDArray[np.int64]:
        """The rows of a key, ascending."""
        return self.between(key, key)

    def between(self, low: int, high: int) -> NDArray[np.int64]:
        """The rows of the keys from `low` to `high`, both included, in order of the keys."""
        bits = (self._starts.size - 1).bit_length() - 1
        first, last = _bucket(low, bits), _bucket(high, bits)
        begin, end = int(self._starts[first]), int(self._starts[last + 1])
        after = int(self._starts[first + 1])
        begin += int(np.searchsorted(self._keys[begin:after], np.uint32(_rest(low, bits)), "left"))
        behind = int(self._starts[last])
        end = behind + int(np.searchsorted(self._keys[behind:end], np.uint32(_rest(high, bits)), "right"))
        return self._rows[begin:end].astype(np.int64)


def _bucket(key: int, bits: int) -> int:
    return key >> (64 - bits)


def _rest(key: int, bits: int) -> int:
    return key >> (32 - bits) & 0xFFFFFFFF


def _path(folder: Path, name: str, part: str) -> Path:
    return folder / f"{name}.{part}.npy"


def write_run(folder: Path, name: str, keys: Keys, rows: Rows) -> int:
    """A sorted run of entries, each once; returns how many. Runs are merged in the order of their rows."""
    order = np.lexsort([rows, keys])
    keys, rows = keys[order], rows[order]
    fresh = np.ones(keys.size, bool)
    fresh[1:] = (keys[1:] != keys[:-1]) | (rows[1:] != rows[:-1])
    folder.mkdir(parents=True, exist_ok=True)
    np.save(_path(folder, name, "keys"), keys[fresh])
    np.save(_path(folder, name, "rows"), rows[fresh])
    return int(fresh.sum())


@dataclass(frozen=True)
class MergeTask:
    """One partition of the keys of one table."""

    name: str
    runs: tuple[Path, ...]
    out: Path
    part: int
    parts: int
    """A power of two, at most 2^bits."""
    bits: int
    wide: bool
    """Whether a row takes eight bytes."""


def merge_tasks(name: str, runs: Sequence[Path], count: int, rows: int, out: Path) -> list[MergeTask]:
    """`count`: entries of all runs together; `rows`: of the corpus."""
    bits = min(max((count >> 4).bit_length(), 0), 32)
    parts = 1 << min(max((count - 1) // PARTITION, 0).bit_length(), bits)
    wide = rows > 1 << 32
    return [MergeTask(name, tuple(runs), out / f"{name}-{at:05d}", at, parts, bits, wide) for at in range(parts)]


def merge(task: MergeTask) -> int:
    """Write one partition; returns the number of its entries."""
    low = task.part * ((1 << 64) // task.parts)
    high = low + (1 << 64) // task.parts - 1
    keys, rows = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for run in task.runs:
        run_keys = np.load(_path(run, task.name, "keys"), mmap_mode="r")
        begin = int(np.searchsorted(run_keys, np.uint64(low), "left"))
        end = int(np.searchsorted(run_keys, np.uint64(high), "right"))
        keys.append(run_keys[begin:end])
        rows.append(np.load(_path(run, task.name, "rows"), mmap_mode="r")[begin:end])
    key, row = np.concatenate(keys), np.concatenate(rows)
    order = np.argsort(key, kind="stable")
    key, row = key[order], row[order]
    buckets = (key >> np.uint64(64 - task.bits)).astype(np.int64) if task.bits else np.zeros(key.size, np.int64)
    first, size = (low >> (64 - task.bits), (1 << task.bits) // task.parts)
    task.out.mkdir(parents=True, exist_ok=True)
    np.save(task.out / "counts.npy", np.bincount(buckets - first, minlength=size).astype(np.uint64))
    np.save(task.out / "keys.npy", ((key >> np.uint64(32 - task.bits)) & np.uint64(0xFFFFFFFF)).astype(np.uint32))
    np.save(task.out / "rows.npy", row.astype(np.uint64 if task.wide else np.uint32))
    return int(key.size)


def join(tasks: Sequence[MergeTask], counts: Sequence[int], folder: Path) -> None:
    """The table from its partitions, in their order, one of them in memory at a time."""
    name, bits = tasks[0].name, tasks[0].bits
    row = np.dtype(np.uint64 if tasks[0].wide else np.uint32)
    with array_writer(_path(folder, name, "starts"), np.dtype(np.uint64), (1 << bits) + 1) as write:
        begin = np.zeros(1, np.uint64)
        write(begin)
        for task in tasks:
            ends = begin[-1] + np.cumsum(np.load(task.out / "counts.npy"), dtype=np.uint64)
            write(ends)
            begin = ends[-1:]
    for part, kind in (("keys", np.dtype(np.uint32)), ("rows", row)):
        with array_writer(_path(folder, name, part), kind, sum(counts)) as write:
            for task in tasks:
                write(np.load(task.out / f"{part}.npy"))


@contextmanager
def array_writer(path: Path, kind: np.dtype, size: int) -> Iterator[Callable[[np.ndarray], None]]:
    """Write a one-dimensional array piece by piece."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        header = {"descr": kind.str, "fortran_order": False, "shape": (int(size),)}
        np.lib.format.write_array_header_1_0(file, header)

        def write(piece: np.ndarray) -> None:
            assert piece.dtype == kind
            file.write(piece.tobytes())

        yield write
