"""Signatures are judged as the standards' own examples and a library judge them."""

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from openbook.books.signature import ed25519_verify, p256_verify, read_public_key, strict_base64, verify_with
from openbook.errors import OpenbookError

# RFC 8032, section 7.1: TEST 1 and TEST 2 (public key, message, signature).
RFC_8032 = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595b"
        "be24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb430"
        "2aeeb00d291612bb0c00",
    ),
)
# RFC 6979, appendix A.2.5: P-256 with SHA-256 over "sample".
PUBLIC = bytes.fromhex(
    "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
)
R = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
S = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_ed25519_agrees_with_rfc_8032(public: str, message: str, signature: str) -> None:
    key, said, signed = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert ed25519_verify(key, said, signed)
    assert not ed25519_verify(key, said + b"x", signed)
    order = 2**252 + 27742317777372353535851937790883648493
    twin = signed[:32] + (int.from_bytes(signed[32:], "little") + order).to_bytes(32, "little")
    assert not ed25519_verify(key, said, twin)  # the second way to write the same number is refused


def test_p256_agrees_with_rfc_6979() -> None:
    signature = encode_dss_signature(R, S)
    assert p256_verify(PUBLIC, b"sample", signature)
    assert not p256_verify(PUBLIC, b"samplf", signature)
    assert not p256_verify(PUBLIC, b"sample", signature + b"\0")
    off_curve = PUBLIC[:-1] + bytes([PUBLIC[-1] ^ 1])
    assert not p256_verify(off_curve, b"sample", signature)


@settings(max_examples=15, deadline=None)
@given(st.binary(max_size=40), st.data())
def test_what_a_library_signed_is_good_and_with_any_bit_changed_it_is_not(message: bytes, data: st.DataObject) -> None:
    edwards, nist = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)), ec.derive_private_key(7, ec.SECP256R1())
    for public, signature in (
        (edwards.public_key(), edwards.sign(message)),
        (nist.public_key(), nist.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))),
    ):
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        key = read_public_key(public.public_bytes(serialization.Encoding.PEM, form))
        assert verify_with(key, message, signature)
        bit = data.draw(st.integers(0, 8 * len(signature) - 1))
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert not verify_with(key, message, bytes(changed))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_key_are_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(OpenbookError):
        read_public_key(data)


@given(st.binary(max_size=32), st.binary(max_size=72), st.binary(max_size=72))
def test_no_bytes_make_a_check_fail_otherwise_than_by_saying_no(message: bytes, key: bytes, signature: bytes) -> None:
    assert not ed25519_verify(key.ljust(32, b"\7")[:32], message, signature)
    assert not p256_verify(PUBLIC, message, signature)
    assert not p256_verify(key, message, signature)


def test_base_64_is_read_in_one_form_only() -> None:
    assert strict_base64("QQ==") == b"A"
    for other in ("QR==", "QQ=", "QQ", " QQ==", "QQ==\n", "Q-=="):
        with pytest.raises(ValueError, match="base 64"):
            strict_base64(other)
