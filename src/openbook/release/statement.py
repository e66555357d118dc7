"""A statement of the books as JSON: who says it (an Ed25519 signature), and that not a byte of it was changed.

The signature is over the canonical JSON of everything but `key` and `signature`, behind a line that names the format.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.books.digest import canonical_json, sha256_bytes
from openbook.errors import OpenbookError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

CONTEXT = b"openbook statement 1\n"
LARGEST = 1 << 30
"""Bytes of a statement that is read at all."""
_SIGNED = ("key", "signature")


def read_key(path: Path) -> "Ed25519PrivateKey":
    """A private Ed25519 key in PEM (PKCS #8, not encrypted). Raises OpenbookError for anything else."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    hint = f"make one with `openssl genpkey -algorithm ed25519 -out {path.name}`"
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        raise OpenbookError(f"there is no key {path}: {hint}.") from None
    except (ValueError, TypeError) as error:
        raise OpenbookError(f"{path} holds no private key that can be read ({error}): {hint}.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise OpenbookError(f"{path} is not an Ed25519 key: {hint}.")
    return key


def read_public_key(path: Path) -> str:
    """A public Ed25519 key in PEM, as the 64 hex digits of its 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
    except FileNotFoundError:
        raise OpenbookError(f"there is no key {path}.") from None
    except ValueError as error:
        raise OpenbookError(f"{path} holds no public key that can be read ({error}).") from None
    if not isinstance(key, Ed25519PublicKey):
        raise OpenbookError(f"{path} is not an Ed25519 key.")
    return key.public_bytes_raw().hex()


def signed(statement: Mapping[str, Any], key: "Ed25519PrivateKey | None") -> bytes:
    """The statement's file: canonical JSON with `key` and `signature` (null without a key), and a line feed."""
    said = {name: value for name, value in statement.items() if name not in _SIGNED}
    public = key.public_key().public_bytes_raw().hex() if key else None
    signature = key.sign(CONTEXT + canonical_json(said)).hex() if key else None
    return canonical_json({**said, "key": public, "signature": signature}) + b"\n"


def read(path: Path, key: str | None = None) -> dict[str, Any]:
    """A statement whose signature, if it has one, is good. `key`: public key (hex) that must have signed it.

    Raises OpenbookError for what cannot be read, was changed, or was signed by nobody or someone else.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise OpenbookError(f"{path} has more than {LARGEST:,} bytes: it is no statement of the books.")
        data = path.read_bytes()
    except FileNotFoundError:
        raise OpenbookError(f"there is no {path}.") from None
    return parse(data, str(path), key)


def parse(data: bytes, name: str, key: str | None = None) -> dict[str, Any]:
    """As `read`, of a file's bytes; only the one canonical form of a statement is taken."""
    try:
        statement = json.loads(data)
        same = isinstance(statement, dict) and canonical_json(statement) + b"\n" == data
    except (ValueError, RecursionError):
        raise OpenbookError(f"{name} cannot be read: it is not JSON. Put the original back.") from None
    if not same or any(part not in statement for part in _SIGNED):
        raise OpenbookError(f"{name} was changed: it is not in the form in which it was written.")
    if statement["key"] is None and statement["signature"] is None:
        if key is not None:
            raise OpenbookError(f"{name} is not signed, and the signature of {key[:16]}… was asked for.")
        return statement
    if key is not None and statement["key"] != key:
        raise OpenbookError(f"{name} was signed by {str(statement['key'])[:16]}…, not by {key[:16]}….")
    if not _good(statement):
        raise OpenbookError(f"{name} was changed: its signature is not that of its content.")
    return statement


def _good(statement: Mapping[str, Any]) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    said = {name: value for name, value in statement.items() if name not in _SIGNED}
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(statement["key"]))
        public.verify(bytes.fromhex(statement["signature"]), CONTEXT + canonical_json(said))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def digest(data: bytes) -> str:
    """What another statement names this file by."""
    return sha256_bytes(data)
