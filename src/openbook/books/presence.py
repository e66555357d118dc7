"""Whether a key stands in a published list or does not, from a receipt of a few hundred bytes and the list's root.

The list is sorted, each key once, so two neighbors with the key between them prove that it is absent.
"""

import hashlib
import json
from typing import Any, NamedTuple

from openbook.books.digest import canonical_json
from openbook.books.merkle import verify_inclusion
from openbook.errors import OpenbookError

RECEIPT_FORMAT = "openbook-receipt-1"
KINDS = ("documents", "urls", "domains", "texts")
MOST_RECEIPT_BYTES = 64 << 10
MOST_LEAVES = 1 << 48


class Leaf(NamedTuple):
    place: int
    """Its index in the list, from 0."""
    key: bytes
    path: tuple[bytes, ...]


class Receipt(NamedTuple):
    kind: str
    name: str | None
    """What the key is the SHA-256 of; None for a document, which is its own key, and for a text."""
    key: bytes
    present: bool
    size: int
    tree: bytes
    """Root of RFC 6962 over the list."""
    leaves: tuple[Leaf, ...]


def list_root(kind: str, size: int, tree: bytes) -> bytes:
    """What is published of a list: one hash over its kind, its size and its Merkle root."""
    return hashlib.sha256(canonical_json({"kind": kind, "size": size, "tree": tree.hex()})).digest()


def write_receipt(receipt: Receipt) -> bytes:
    """The receipt as one line of JSON with a digest over it."""
    plain = _plain(receipt)
    # Of an absent key any other one in the same gap is absent, too: this tells a changed receipt from another one.
    plain["sha256"] = hashlib.sha256(canonical_json(plain)).hexdigest()
    return canonical_json(plain) + b"\n"


def _plain(receipt: Receipt) -> dict[str, Any]:
    leaves = [
        {"index": leaf.place, "key": leaf.key.hex(), "path": [one.hex() for one in leaf.path]}
        for leaf in receipt.leaves
    ]
    return {
        "format": RECEIPT_FORMAT,
        "kind": receipt.kind,
        "name": receipt.name,
        "key": receipt.key.hex(),
        "present": receipt.present,
        "size": receipt.size,
        "tree": receipt.tree.hex(),
        "leaves": leaves,
    }


def read_receipt(data: bytes) -> Receipt:
    """Raises OpenbookError for whatever is not a receipt in its one form."""
    if len(data) > MOST_RECEIPT_BYTES:
        raise OpenbookError(f"this is no receipt: it has more than {MOST_RECEIPT_BYTES:,} bytes.")
    try:
        found = json.loads(data)
        receipt = Receipt(
            found["kind"],
            found["name"],
            bytes.fromhex(found["key"]),
            found["present"],
            found["size"],
            bytes.fromhex(found["tree"]),
            tuple(
                Leaf(one["index"], bytes.fromhex(one["key"]), tuple(bytes.fromhex(node) for node in one["path"]))
                for one in found["leaves"]
            ),
        )
        whole = write_receipt(receipt) == data
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise OpenbookError("this is no receipt, or it was changed: it cannot be read.") from None
    if not whole or not _shaped(receipt):
        raise OpenbookError("this is no receipt, or it was changed: receipts are written in another form.")
    return receipt


def _shaped(receipt: Receipt) -> bool:
    return (
        receipt.kind in KINDS
        and isinstance(receipt.present, bool)
        and _whole(receipt.size)
        and receipt.size < MOST_LEAVES
        and all(_whole(leaf.place) and len(leaf.key) == 32 for leaf in receipt.leaves)
        and all(len(node) == 32 for leaf in receipt.leaves for node in leaf.path)
        and len(receipt.key) == len(receipt.tree) == 32
        and (receipt.name is None or isinstance(receipt.name, str))
    )


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def check_receipt(data: bytes, root: bytes) -> Receipt:
    """The receipt, if it proves what it says under this published root of a list (`list_root`).

    Raises OpenbookError when it does not.
    """
    receipt = read_receipt(data)
    if list_root(receipt.kind, receipt.size, receipt.tree) != root:
        raise OpenbookError("the receipt was made for another list, or was changed: its root is not the published one.")
    hashed = receipt.name is not None and hashlib.sha256(receipt.name.encode("utf-8", "surrogatepass")).digest()
    if (receipt.name is None) != (receipt.kind in ("documents", "texts")) or (hashed and hashed != receipt.key):
        raise OpenbookError("the receipt was changed: its key is not the SHA-256 of what it names.")
    for leaf in receipt.leaves:
        if not verify_inclusion(leaf.key, leaf.place, receipt.size, leaf.path, receipt.tree):
            raise OpenbookError(f"the receipt was changed: its path does not lead from entry {leaf.place} to the root.")
    if not (_shows_presence(receipt) if receipt.present else _shows_absence(receipt)):
        raise OpenbookError("the receipt does not prove what it says: its entries are not those beside the key.")
    return receipt


def _shows_presence(receipt: Receipt) -> bool:
    return len(receipt.leaves) == 1 and receipt.leaves[0].key == receipt.key


def _shows_absence(receipt: Receipt) -> bool:
    """Two neighbors around the key; one entry, the first or the last, for a key before or behind all of them."""
    leaves, key, size = receipt.leaves, receipt.key, receipt.size
    if len(leaves) == 2:
        return leaves[0].key < key < leaves[1].key and leaves[0].place + 1 == leaves[1].place
    if len(leaves) == 1:
        [one] = leaves
        return (one.place == 0 and key < one.key) or (one.place == size - 1 and key > one.key)
    return not leaves and size == 0 and receipt.tree == hashlib.sha256(b"").digest()
