"""Large tables that every process needs and none changes: made once, kept in a file that all of them map into memory.

What is made twice costs each process half a second; what is mapped is in memory once, however many workers there are.
"""

import mmap
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import orjson
import xxhash
from numpy.typing import NDArray

from openbook.books.store import write_bytes

Tables = Mapping[str, NDArray[np.generic]]
_folder: list[Path] = []
_ALIGN = 64
_SIZE = 8
"""Bytes of the length of the description at the beginning of a file."""


def keep_in(folder: Path) -> None:
    """From now on, in this process, tables are kept in this folder; without it they are made and kept nowhere."""
    _folder[:] = [folder]


def tables(name: str, key: str, make: Callable[[], Tables]) -> Tables:
    """What `make` returns, from the file that an earlier process left. `key`: digest over all that decides it.

    A file that cannot be read, or does not match its own digest, is made anew.
    """
    if not _folder:
        return make()
    path = _folder[0] / f"{name}-{key}.tables"
    found = _opened(path)
    if found is None:
        try:
            write_bytes(path, _packed(make()))
        except OSError:  # a full or read-only disk: nothing is kept
            return make()
        found = _opened(path)
    return make() if found is None else found


def _packed(made: Tables) -> bytes:
    rows, data, at = [], [], 0
    for name, table in made.items():
        content = np.ascontiguousarray(table).tobytes()
        rows.append([name, table.dtype.str, list(table.shape), at])
        content += bytes(-len(content) % _ALIGN)
        data.append(content)
        at += len(content)
    body = b"".join(data)
    told = orjson.dumps({"digest": xxhash.xxh3_128_hexdigest(body), "tables": rows})
    told += b" " * (-(len(told) + _SIZE) % _ALIGN)
    return len(told).to_bytes(_SIZE, "little") + told + body


def _opened(path: Path) -> Tables | None:
    try:
        with path.open("rb") as file:
            whole = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        size = int.from_bytes(whole[:_SIZE].tobytes(), "little")
        told = orjson.loads(whole[_SIZE : _SIZE + size].tobytes())
        body = whole[_SIZE + size :]
        if xxhash.xxh3_128_hexdigest(body.data) != told["digest"]:
            return None
        return {name: _table(body, np.dtype(kind), shape, at) for name, kind, shape, at in told["tables"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _table(body: NDArray[np.uint8], kind: np.dtype[np.generic], shape: list[int], at: int) -> NDArray[np.generic]:
    size = int(np.prod(shape)) * kind.itemsize
    return body[at : at + size].view(kind).reshape(shape)
