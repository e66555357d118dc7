"""Notes are those of C2SP signed-note and of Go's sumdb/note, whose published example is read and written here."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from openbook.books.note import open_note, parse_verifier_key, sign_note, verifier_key
from openbook.errors import OpenbookError

# golang.org/x/mod/sumdb/note, note_test.go: the key of Peter Neumann, his note, and keys that must be refused.
KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PRIVATE = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
SIGNED = f"{TEXT}\n\u2014 PeterNeumann {SIGNATURE}\n"
BAD_KEYS = (
    "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
    "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
)


def test_the_published_note_is_good_under_the_published_key() -> None:
    key = parse_verifier_key(KEY)
    assert key.id.hex() == "c74f20a3"
    assert str(key) == KEY
    assert open_note(SIGNED, key) == TEXT


def test_signing_with_the_published_key_gives_the_published_note() -> None:
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(PRIVATE)[1:])
    assert sign_note(TEXT, "PeterNeumann", private.public_key().public_bytes_raw(), private.sign) == SIGNED


@pytest.mark.parametrize("text", BAD_KEYS)
def test_a_key_that_is_not_its_own_is_refused(text: str) -> None:
    with pytest.raises(OpenbookError, match="no key of a log"):
        parse_verifier_key(text)


@given(st.integers(0, len(SIGNED) - 1), st.characters(codec="utf-8"))
def test_a_note_with_any_sign_changed_is_refused(at: int, letter: str) -> None:
    changed = SIGNED[:at] + letter + SIGNED[at + 1 :]
    if changed != SIGNED:
        with pytest.raises(OpenbookError):
            open_note(changed, parse_verifier_key(KEY))


def test_signatures_of_others_are_passed_over() -> None:
    other = Ed25519PrivateKey.generate()
    more = sign_note(TEXT, "witness.example", other.public_key().public_bytes_raw(), other.sign)
    both = SIGNED + more.rpartition("\n\n")[2]
    assert open_note(both, parse_verifier_key(KEY)) == TEXT
    with pytest.raises(OpenbookError, match="not signed by"):
        open_note(more, parse_verifier_key(KEY))


@given(st.text(max_size=300))
def test_no_text_fails_otherwise_than_in_a_sentence(text: str) -> None:
    with pytest.raises(OpenbookError):
        open_note(text, parse_verifier_key(KEY))
    with pytest.raises(OpenbookError):
        parse_verifier_key(text)


def test_a_name_that_a_note_cannot_carry_is_refused() -> None:
    for name in ("", "a b", "a+b", "a\nb"):
        with pytest.raises(OpenbookError, match="cannot name a key"):
            verifier_key(name, bytes(32))
