"""A sorted list of keys of 32 bytes in a file, and where a key stands in it or would stand, proved by its tree."""

from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from openbook.books import tree
from openbook.books.merkle import leaf_hash
from openbook.books.presence import Leaf
from openbook.books.store import atomic_path
from openbook.errors import OpenbookError

KEY = 32
_BUFFER = 1 << 20


class KeyFile:
    """Keys in order, each once: 32 bytes each, or a line of 64 hex digits. `nodes` keeps every eighth level."""

    def __init__(self, path: Path, nodes: Path, in_hex: bool = False) -> None:
        """Raises OpenbookError when the file is missing or cut off."""
        self.path, self.nodes, self.in_hex = path, nodes, in_hex
        self.stride = 2 * KEY + 1 if in_hex else KEY
        if not path.is_file() or path.stat().st_size % self.stride:
            raise OpenbookError(f"{path} is no list of keys: it is missing or cut off.")
        self.size = path.stat().st_size // self.stride

    def read(self, first: int, count: int) -> list[bytes]:
        with self.path.open("rb") as file:
            file.seek(first * self.stride)
            data = file.read(count * self.stride)
        pieces = [data[at : at + self.stride] for at in range(0, len(data), self.stride)]
        if not self.in_hex:
            return pieces
        try:
            return [bytes.fromhex(piece.decode("ascii")) for piece in pieces]
        except ValueError:
            raise OpenbookError(f"{self.path} holds lines that are not 64 hex digits.") from None

    def __iter__(self) -> Iterator[bytes]:
        step = _BUFFER // self.stride
        for first in range(0, self.size, step):
            yield from self.read(first, step)

    def place(self, key: bytes) -> tuple[int, bool]:
        """Where the key stands, or would stand, and whether it does; reads a few keys."""
        low, high = 0, self.size
        while low < high:
            middle = (low + high) // 2
            [found] = self.read(middle, 1)
            if found == key:
                return middle, True
            low, high = (middle + 1, high) if found < key else (low, middle)
        return low, False

    def beside(self, key: bytes) -> tuple[bool, tuple[Leaf, ...]]:
        """Whether the key is in the list, and the proof: its own entry, or those before and behind its place."""
        at, present = self.place(key)
        wanted = [at] if present else [one for one in (at - 1, at) if 0 <= one < self.size]
        return present, tuple(self._leaf(one) for one in wanted)

    def _leaf(self, at: int) -> Leaf:
        return Leaf(at, self.read(at, 1)[0], tuple(tree.inclusion(self.stored, at, self.size)))

    def root(self) -> bytes:
        """Merkle root of RFC 6962, from the stored nodes."""
        return tree.subtree(self.stored, 0, self.size)

    def write_nodes(self) -> None:
        """Hash all keys and keep what stands on every eighth level: a 255th of the keys; no file below 256 keys."""
        found: dict[int, list[bytes]] = {}
        for level, node in tree.levels(map(leaf_hash, self)):
            found.setdefault(level, []).append(node)
        if not found:
            return
        with atomic_path(self.nodes) as temporary, temporary.open("wb") as out:
            for level in sorted(found):
                out.writelines(found[level])

    @cached_property
    def _starts(self) -> list[int]:
        """For each level above the leaves' the node at which it begins in the file."""
        counts = [0]
        size = self.size
        while size := size // tree.WIDTH:
            counts.append(size)
        return [0, *accumulate(counts)]

    def stored(self, level: int, first: int, count: int) -> bytes:
        if level == 0:
            return b"".join(map(leaf_hash, self.read(first, count)))
        with self.nodes.open("rb") as file:
            file.seek(32 * (self._starts[level] + first))
            return file.read(32 * count)
