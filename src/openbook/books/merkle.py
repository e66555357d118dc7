"""Which short hash stands for a list of entries, and what proves that one of them is in it.

Merkle tree hashing of RFC 6962, section 2.1: leaves and nodes are hashed with different first bytes, so that a node
can never be passed off as a leaf. An empty list hashes to SHA-256 of nothing.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over `leaves` (raw entries, in this order), in memory logarithmic in their number."""
    return root_of_hashes(map(leaf_hash, leaves))


def root_of_hashes(hashes: Iterable[bytes]) -> bytes:
    """The root over leaves that are hashed already."""
    pending: list[tuple[int, bytes]] = []  # (height, hash) of complete subtrees, heights strictly falling
    for entry in hashes:
        height = 0
        while pending and pending[-1][0] == height:
            entry = node_hash(pending.pop()[1], entry)
            height += 1
        pending.append((height, entry))
    if not pending:
        return sha256(b"").digest()
    top = pending.pop()[1]
    while pending:
        top = node_hash(pending.pop()[1], top)
    return top


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes) -> bool:
    """Whether `path` proves that `leaf` stands at `index` of the `size` leaves under `expected_root` (RFC 9162)."""
    if not 0 <= index < size:
        return False
    position, last, entry = index, size - 1, leaf_hash(leaf)
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            entry = node_hash(sibling, entry)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            entry = node_hash(entry, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and entry == expected_root
