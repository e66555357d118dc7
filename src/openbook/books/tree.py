"""Proofs over a Merkle tree of which only some nodes are stored: every eighth level, as in C2SP tlog-tiles.

All trees are those of RFC 6962, section 2.1.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from openbook.books.merkle import node_hash, root_of_hashes

HEIGHT = 8
WIDTH = 1 << HEIGHT
"""Hashes in a full tile."""

Stored = Callable[[int, int, int], bytes]
"""(level, first, count) -> so many hashes of 32 bytes, joined: roots of complete subtrees of 256**level leaves."""


def subtree(stored: Stored, begin: int, end: int) -> bytes:
    """The root over leaves [begin, end), which is a node of the tree: `begin` is a multiple of the width rounded up."""
    size = end - begin
    level = 0
    while size > 1 and size >= 1 << HEIGHT * (level + 1):
        level += 1
    unit = 1 << HEIGHT * level
    whole = size // unit
    joined = stored(level, begin // unit, whole) if whole else b""
    hashes = [joined[at : at + 32] for at in range(0, len(joined), 32)]
    rest = begin + whole * unit
    top = root_of_hashes(hashes)
    return top if rest == end else _joined(stored, hashes, rest, end)


def _joined(stored: Stored, hashes: Sequence[bytes], begin: int, end: int) -> bytes:
    """Complete subtrees of one level, then fewer leaves than one of them has: the root over both."""
    tail = subtree(stored, begin, end)
    groups, at = [], 0
    for bit in range(len(hashes).bit_length() - 1, -1, -1):
        if len(hashes) >> bit & 1:
            groups.append(root_of_hashes(hashes[at : at + (1 << bit)]))
            at += 1 << bit
    for group in reversed(groups):
        tail = node_hash(group, tail)
    return tail


def _half(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def inclusion(stored: Stored, index: int, size: int) -> list[bytes]:
    """The audit path of a leaf (RFC 6962, 2.1.1), nearest sibling first. Raises IndexError when there is none."""
    if not 0 <= index < size:
        raise IndexError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _half(end - begin)
        if index < middle:
            path.append(subtree(stored, middle, end))
            end = middle
        else:
            path.append(subtree(stored, begin, middle))
            begin = middle
    return path[::-1]


def consistency(stored: Stored, first: int, second: int) -> list[bytes]:
    """What proves the tree of `first` leaves a prefix of that of `second` (RFC 6962, 2.1.2).

    Raises IndexError unless 0 < first <= second.
    """
    if not 0 < first <= second:
        raise IndexError(f"no tree of {first} leaves in a tree of {second}")
    path: list[bytes] = []
    begin, end, whole = 0, second, True
    while first != end:
        middle = begin + _half(end - begin)
        if first <= middle:
            path.append(subtree(stored, middle, end))
            end = middle
        else:
            path.append(subtree(stored, begin, middle))
            begin, whole = middle, False
    if not whole:
        path.append(subtree(stored, begin, end))
    return path[::-1]


def levels(leaves: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """(level, hash) of every complete subtree of 256**level leaves, level 1 and up; `leaves` are hashed already."""
    pending: list[list[bytes]] = [[]]
    for leaf in leaves:
        pending[0].append(leaf)
        level = 0
        while len(pending[level]) == WIDTH:
            top = root_of_hashes(pending[level])
            pending[level].clear()
            level += 1
            if level == len(pending):
                pending.append([])
            pending[level].append(top)
            yield level, top
