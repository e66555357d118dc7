"""Trees that lie in memory whole, and the auditor's side of RFC 9162: who checks that a log only grew."""

from collections.abc import Sequence

from openbook.books.merkle import leaf_hash, node_hash, root_of_hashes
from openbook.books.tree import WIDTH, Stored


def stored(leaves: Sequence[bytes]) -> Stored:
    """The nodes of a tree over raw leaves, as `books.tree` asks for them."""
    hashes = [leaf_hash(leaf) for leaf in leaves]

    def read(level: int, first: int, count: int) -> bytes:
        wide = WIDTH**level
        return b"".join(root_of_hashes(hashes[at * wide : (at + 1) * wide]) for at in range(first, first + count))

    return read


def verify_consistency(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows the tree of `first` leaves to be a prefix of the tree of `second` (RFC 9162, 2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        return False
    position, last = first - 1, second - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root
