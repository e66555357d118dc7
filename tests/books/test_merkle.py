"""Merkle hashing against the reference values of RFC 6962's own implementation, and proofs against tampering."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openbook.books import merkle, tree
from tests.books.trees import stored, verify_consistency

# The eight leaves and the roots over the first 1, 2, ... 8 of them, from the tests of the Certificate Transparency
# reference implementation (certificate-transparency, merkletree/merkle_tree_test.cc).
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference_implementation(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_the_empty_tree_hashes_to_sha256_of_nothing() -> None:
    assert merkle.root([]) == sha256(b"").digest()


def test_inclusion_proof_is_the_reference_implementations() -> None:
    # certificate-transparency, merkletree/merkle_tree_test.cc: path of leaf 0 in the tree of 8.
    assert [node.hex() for node in tree.inclusion(stored(LEAVES), 0, len(LEAVES))] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


leaf_lists = st.lists(st.binary(max_size=20), min_size=1, max_size=40)


@given(leaf_lists, st.data())
def test_a_leaf_is_proved_and_another_is_not(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, path = merkle.root(leaves), tree.inclusion(stored(leaves), index, len(leaves))
    assert merkle.verify_inclusion(leaves[index], index, len(leaves), path, root)
    assert not merkle.verify_inclusion(leaves[index] + b"x", index, len(leaves), path, root)
    assert not merkle.verify_inclusion(leaves[index], index, len(leaves), [*path, root], root)
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        bad = [*path[:at], bytes([path[at][0] ^ 1]) + path[at][1:], *path[at + 1 :]]
        assert not merkle.verify_inclusion(leaves[index], index, len(leaves), bad, root)


@given(leaf_lists, st.data())
def test_a_grown_tree_is_proved_consistent_and_a_changed_one_is_not(leaves: list[bytes], data: st.DataObject) -> None:
    first = data.draw(st.integers(1, len(leaves)))
    old, new = merkle.root(leaves[:first]), merkle.root(leaves)
    proof = tree.consistency(stored(leaves), first, len(leaves))
    assert verify_consistency(first, old, len(leaves), new, proof)
    changed = [leaves[0] + b"x", *leaves[1:]]
    assert not verify_consistency(first, merkle.root(changed[:first]), len(leaves), new, proof)
    assert not verify_consistency(first, old, len(leaves), merkle.root(changed), proof)


def test_there_is_no_proof_for_a_leaf_that_is_not_there() -> None:
    with pytest.raises(IndexError):
        tree.inclusion(stored(LEAVES), 8, len(LEAVES))
