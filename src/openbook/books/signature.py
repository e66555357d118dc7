"""Whether a signature is good: Ed25519 and ECDSA over P-256, checked with whole numbers alone.

Checking handles no secret, so it needs no guard against being timed; signing does, and is left to a library.
"""

import base64
import binascii
import hashlib

from openbook.errors import OpenbookError

# Ed25519: RFC 8032, section 5.1.
_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)
_Point = tuple[int, int, int, int]
"""Extended homogeneous coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, x*y = T/Z."""

# P-256: FIPS 186-4, appendix D.1.2.3.
_Q = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_Affine = tuple[int, int] | None
"""A point of P-256; None is the one at infinity."""

_SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")
_SPKI_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""What stands before the key itself in its DER form (RFC 8410; RFC 5480)."""


def _add(a: _Point, b: _Point) -> _Point:
    """RFC 8032, section 5.1.4."""
    left, right = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    t, z = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = right - left, z - t, z + t, right + left
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(factor: int, point: _Point) -> _Point:
    result: _Point = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            result = _add(result, point)
        point, factor = _add(point, point), factor >> 1
    return result


def _decompress(data: bytes) -> _Point | None:
    """RFC 8032, section 5.1.3; None for what is no point, or not written in the one allowed way."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


_BASE = _decompress((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))


def ed25519_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """RFC 8032, section 5.1.7. `public` has 32 bytes, `signature` 64; other lengths are no signature."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, commitment = _decompress(public), _decompress(signature[:32])
    response = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or response >= _L or _BASE is None:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    left, right = _times(response, _BASE), _add(commitment, _times(challenge, key))
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (left[1] * right[2] - right[1] * left[2]) % _P == 0


def _sum(a: _Affine, b: _Affine) -> _Affine:
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0]:
        if (a[1] + b[1]) % _Q == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, _Q)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, _Q)
    x = (slope * slope - a[0] - b[0]) % _Q
    return x, (slope * (a[0] - x) - a[1]) % _Q


def _multiple(factor: int, point: _Affine) -> _Affine:
    result: _Affine = None
    while factor:
        if factor & 1:
            result = _sum(result, point)
        point, factor = _sum(point, point), factor >> 1
    return result


def p256_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """ECDSA with SHA-256 (FIPS 186-4, 6.4). `public`: 65 bytes, uncompressed; `signature`: DER."""
    numbers = _der_numbers(signature)
    if numbers is None or len(public) != 65 or public[0] != 4:
        return False
    r, s = numbers
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    if not (0 < r < _N and 0 < s < _N and x < _Q and y < _Q and (y * y - x * x * x + 3 * x - _B) % _Q == 0):
        return False
    digest, inverse = int.from_bytes(hashlib.sha256(message).digest(), "big"), pow(s, -1, _N)
    point = _sum(_multiple(digest * inverse % _N, _G), _multiple(r * inverse % _N, (x, y)))
    return point is not None and point[0] % _N == r


def _der_numbers(data: bytes) -> tuple[int, int] | None:
    """The two whole numbers of an ECDSA signature, if it is written in the one form that DER allows."""
    found: list[int] = []
    if len(data) < 8 or data[0] != 0x30 or data[1] != len(data) - 2 or data[1] > 0x7F:
        return None
    at = 2
    while at + 2 < len(data):
        size, body = data[at + 1], data[at + 2 : at + 2 + data[at + 1]]
        if data[at] != 2 or not 0 < size == len(body) or body[0] > 0x7F:
            return None
        if size > 1 and body[0] == 0 and body[1] <= 0x7F:
            return None
        found.append(int.from_bytes(body, "big"))
        at += 2 + size
    return (found[0], found[1]) if len(found) == 2 and at == len(data) else None


def strict_base64(text: str) -> bytes:
    """Raises ValueError for all but the one way in which bytes are written in base 64."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("not base 64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("not the plain form of base 64")
    return data


def read_public_key(pem: bytes) -> tuple[str, bytes]:
    """("ed25519", 32 bytes) or ("p256", 65 bytes) of a PEM file. Raises OpenbookError for anything else."""
    lines = pem.decode("ascii", "replace").strip().splitlines()
    if len(lines) < 3 or lines[0] != "-----BEGIN PUBLIC KEY-----" or lines[-1] != "-----END PUBLIC KEY-----":
        raise OpenbookError("the key is no public key in PEM form: its first line is not BEGIN PUBLIC KEY.")
    try:
        data = strict_base64("".join(line.strip() for line in lines[1:-1]))
    except ValueError as error:
        raise OpenbookError(f"the public key cannot be read: {error}.") from None
    for name, head, size in (("ed25519", _SPKI_ED25519, 32), ("p256", _SPKI_P256, 65)):
        if data.startswith(head) and len(data) == len(head) + size:
            return name, data[len(head) :]
    raise OpenbookError("the public key is of another kind than Ed25519 and P-256; make one with `openbook sign`.")


def verify_with(key: tuple[str, bytes], message: bytes, signature: bytes) -> bool:
    """`key` as `read_public_key` gives it."""
    check = {"ed25519": ed25519_verify, "p256": p256_verify}[key[0]]
    return check(key[1], message, signature)
