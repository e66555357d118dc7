"""How records get from the tasks that make them to the tasks that need them together, without memory: files of runs.

A run file holds records sorted by partition behind the table of where each partition begins. A later task reads its
own partition out of all of them.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import xxhash
from numpy.typing import NDArray

from openbook.books.store import atomic_path, write_bytes


def write_run(path: Path, records: NDArray[Any], partition: NDArray[np.int64], partitions: int) -> None:
    """records: [n, ...] of any fixed type; partition: [n] in 0..partitions. Records keep their order in each."""
    narrow = partition.astype(np.uint16) if partitions <= 1 << 16 else partition  # numpy sorts 16 bits by radix
    order = np.argsort(narrow, kind="stable")
    starts = np.zeros(partitions + 1, np.int64)
    np.cumsum(np.bincount(partition, minlength=partitions), out=starts[1:])
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(starts.tobytes())
        step = max(1, (16 << 20) // max(1, records[:1].nbytes))
        for at in range(0, order.size, step):
            file.write(np.ascontiguousarray(records[order[at : at + step]]).data)


def read_run(path: Path, at: int, partitions: int, kind: np.dtype[Any]) -> NDArray[Any]:
    """The records of one partition, in the order in which they were written."""
    with path.open("rb") as file:
        file.seek(8 * at)
        start, end = np.frombuffer(file.read(16), np.int64)
        file.seek(8 * (partitions + 1) + int(start) * kind.itemsize)
        return np.fromfile(file, kind, int(end - start))


def read_partition(paths: Sequence[Path], at: int, partitions: int, kind: np.dtype[Any]) -> NDArray[Any]:
    """The records of one partition of all the files, in the order of the files."""
    return np.concatenate([np.zeros(0, kind), *(read_run(path, at, partitions, kind) for path in paths)])


def once(marker: Path, work: Callable[[], int]) -> int:
    """What `work` returns; not done again where it was done before: the marker is written behind its files."""
    if marker.exists():
        return int(orjson.loads(marker.read_bytes()))
    result = work()
    write_bytes(marker, orjson.dumps(result))
    return result


def fresh(folder: Path, asked: bytes) -> bool:
    """Make the folder ready for the work that `asked` describes: emptied, unless it holds the beginning of that."""
    note, key = folder / "asked.json", xxhash.xxh3_128_hexdigest(asked)
    if note.exists() and orjson.loads(note.read_bytes()) == key:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    write_bytes(note, orjson.dumps(key))
    return True
