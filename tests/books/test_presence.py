"""Receipts: every key that is in a list is proved in, every other one absent, and no changed bit gets through."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openbook.books import merkle
from openbook.books.key_list import KeyFile
from openbook.books.presence import Leaf, Receipt, check_receipt, list_root, read_receipt, write_receipt
from openbook.books.tree import inclusion
from openbook.errors import OpenbookError
from tests.books.trees import stored


def key(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


class Published:
    def __init__(self, folder: Path, size: int, in_hex: bool = False) -> None:
        self.held = sorted(key(one) for one in range(size))
        path = folder / "keys"
        path.write_bytes(b"".join(one.hex().encode() + b"\n" if in_hex else one for one in self.held))
        self.keys = KeyFile(path, folder / "nodes", in_hex)
        self.keys.write_nodes()
        self.root = list_root("documents", self.keys.size, self.keys.root())

    def receipt(self, asked: bytes) -> bytes:
        present, leaves = self.keys.beside(asked)
        return write_receipt(Receipt("documents", None, asked, present, self.keys.size, self.keys.root(), leaves))


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Published]:
    sizes = (0, 1, 2, 3, 7, 256, 700)
    return {size: Published(tmp_path_factory.mktemp("list"), size, in_hex=size == 7) for size in sizes}


def test_the_root_is_that_of_rfc_6962(lists: dict[int, Published]) -> None:
    for published in lists.values():
        assert published.keys.root() == merkle.root(published.held)
        assert list(published.keys) == published.held


@settings(deadline=None)
@given(st.sampled_from((1, 2, 3, 7, 256, 700)), st.integers(0, 699), st.binary(min_size=32, max_size=32))
def test_what_is_in_is_proved_in_and_what_is_not_absent(
    lists: dict[int, Published], size: int, number: int, other: bytes
) -> None:
    published = lists[size]
    assert check_receipt(published.receipt(key(number % size)), published.root).present
    for absent in (key(size + number), other, bytes(32), b"\xff" * 32):
        if absent not in published.held:
            assert not check_receipt(published.receipt(absent), published.root).present


def test_in_an_empty_list_everything_is_absent(lists: dict[int, Published]) -> None:
    assert not check_receipt(lists[0].receipt(key(5)), lists[0].root).present


@settings(max_examples=300, deadline=None)
@given(st.sampled_from((0, 1, 2, 3, 7, 256)), st.integers(0, 600), st.data())
def test_a_receipt_with_any_bit_changed_is_refused(
    lists: dict[int, Published], size: int, number: int, data: st.DataObject
) -> None:
    receipt = bytearray(lists[size].receipt(key(number)))
    bit = data.draw(st.integers(0, 8 * len(receipt) - 1))
    receipt[bit // 8] ^= 1 << bit % 8
    with pytest.raises(OpenbookError):
        check_receipt(bytes(receipt), lists[size].root)


def test_no_receipt_says_that_a_key_is_absent_which_is_there(lists: dict[int, Published]) -> None:
    """Every pair of entries that are no neighbors, and every single one that is no end, is refused as a proof."""
    published = lists[7]
    size, root, held = 7, published.keys.root(), stored(published.held)
    leaves = [Leaf(at, one, tuple(inclusion(held, at, size))) for at, one in enumerate(published.held)]
    for asked in published.held:
        tries = [(one,) for one in leaves] + [(one, other) for one in leaves for other in leaves] + [()]
        for chosen in tries:
            forged = write_receipt(Receipt("documents", None, asked, False, size, root, tuple(chosen)))
            with pytest.raises(OpenbookError):
                check_receipt(forged, published.root)


def test_a_receipt_holds_for_its_own_list_only(lists: dict[int, Published]) -> None:
    receipt = lists[7].receipt(key(3))
    with pytest.raises(OpenbookError, match="another list"):
        check_receipt(receipt, lists[256].root)
    other_kind = write_receipt(read_receipt(receipt)._replace(kind="texts"))
    with pytest.raises(OpenbookError, match="another list"):
        check_receipt(other_kind, lists[7].root)


def test_a_receipt_names_what_its_key_is_the_hash_of(tmp_path: Path) -> None:
    name = "example.org/page"
    tree = merkle.root([hashlib.sha256(name.encode()).digest()])
    leaf = Leaf(0, hashlib.sha256(name.encode()).digest(), ())
    good = Receipt("urls", name, leaf.key, True, 1, tree, (leaf,))
    root = list_root("urls", 1, tree)
    assert check_receipt(write_receipt(good), root).name == name
    with pytest.raises(OpenbookError, match="not the SHA-256"):
        check_receipt(write_receipt(good._replace(name="example.org/other")), root)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=300) | json_values.map(lambda one: repr(one).encode()))
def test_no_bytes_fail_otherwise_than_in_a_sentence(data: bytes) -> None:
    with pytest.raises(OpenbookError):
        read_receipt(data)


@given(st.sampled_from(("kind", "name", "key", "present", "size", "tree", "leaves", "format")), json_values)
def test_no_value_of_a_field_fails_otherwise_than_in_a_sentence(field: str, value: object) -> None:
    import json

    good = json.loads(write_receipt(Receipt("documents", None, bytes(32), False, 0, bytes(32), ())))
    with pytest.raises(OpenbookError):
        check_receipt(json.dumps({**good, field: value}).encode(), bytes(32))


def test_a_receipt_is_bounded_and_deep_ones_are_refused() -> None:
    for data in (b" " * (1 << 17), b"[" * 60_000):
        with pytest.raises(OpenbookError):
            read_receipt(data)
