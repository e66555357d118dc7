"""Whether a release's model.sig is good: OpenSSF model signing, an in-toto statement in a DSSE envelope in a bundle."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openbook.books.signature import read_public_key, strict_base64, verify_with
from openbook.errors import OpenbookError

SIGNATURE_NAME = "model.sig"
MAY_BE_EMPTY = ("keyid", "tlogEntries", "timestampVerificationData", "rfc3161Timestamps")
"""Fields that some writers leave out, and others write without content."""
MOST_SIGNATURE_BYTES = 1 << 28
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
UNSIGNED = "not signed"


def check_signature(folder: Path, digests: Mapping[str, str], key: bytes | None) -> tuple[str, list[str]]:
    """What is known of the signature, and what is wrong. `digests`: SHA-256 of every file; `key`: PEM."""
    path = folder / SIGNATURE_NAME
    if not path.exists() and not path.is_symlink():
        return UNSIGNED, ([f"{SIGNATURE_NAME} is missing: the release is not signed"] if key else [])
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_SIGNATURE_BYTES:
            raise ValueError("it is no plain file")
        bundle = json.loads(path.read_bytes())
        by_key, payload, signature = _open(bundle)
        told = _told(json.loads(payload))
        if key is not None:
            if not by_key:
                raise ValueError("it was made with sigstore, not with a key: check it with --identity and --issuer")
            _check_key(bundle, payload, signature, key)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        reason = str(error) if type(error) is ValueError else "it is not in the form of OpenSSF model signing"
        return "signature not good", [f"{SIGNATURE_NAME}: {reason}"]
    problems = [
        f"{SIGNATURE_NAME}: {name} is not what was signed" for name in digests if told.get(name) != digests[name]
    ]
    problems += [f"{SIGNATURE_NAME}: {name} was signed and is not there" for name in told if name not in digests]
    if key is not None:
        return ("signature not good" if problems else "signed with the key that was given"), problems
    kind = "a key" if by_key else "sigstore"
    return f"signed with {kind}, which was not checked: no key was given", problems


def _open(bundle: dict[str, Any]) -> tuple[bool, bytes, bytes]:
    """Whether a key made the signature, the statement's bytes, the signature. Raises ValueError and its like."""
    envelope, material = bundle["dsseEnvelope"], bundle["verificationMaterial"]
    by_key = "publicKey" in material
    [entry] = envelope["signatures"]
    payload, signature = strict_base64(envelope["payload"]), strict_base64(entry["sig"])
    if by_key:
        # Everything beside the statement and its signature is fixed, so that no byte of the file goes unchecked.
        plain = {
            "mediaType": BUNDLE_TYPE,
            "verificationMaterial": {"publicKey": {"hint": material["publicKey"]["hint"]}},
            "dsseEnvelope": {
                "payload": envelope["payload"],
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": entry["sig"]}],
            },
        }
        if _without_empty(bundle) != plain:
            raise ValueError("it is not in the form of OpenSSF model signing")
    return by_key, payload, signature


def _without_empty(value: Any) -> Any:
    """Writers differ in whether they write fields without content."""
    if isinstance(value, dict):
        left_out = {name for name, one in value.items() if name in MAY_BE_EMPTY and one in ("", None, [])}
        return {name: _without_empty(one) for name, one in value.items() if name not in left_out}
    return [_without_empty(one) for one in value] if isinstance(value, list) else value


def _told(statement: dict[str, Any]) -> dict[str, str]:
    """File -> SHA-256, as signed."""
    predicate = statement["predicate"]
    [subject] = statement["subject"]
    told = {str(one["name"]): str(one["digest"]) for one in predicate["resources"]}
    whole = hashlib.sha256(b"".join(bytes.fromhex(one["digest"]) for one in predicate["resources"])).hexdigest()
    if (
        (statement["_type"], statement["predicateType"]) != (STATEMENT_TYPE, PREDICATE_TYPE)
        or any(one["algorithm"] != "sha256" for one in predicate["resources"])
        or len(told) != len(predicate["resources"])
        or subject["digest"]["sha256"] != whole
    ):
        raise ValueError("its statement is not one of files with their SHA-256")
    return told


def _check_key(bundle: dict[str, Any], payload: bytes, signature: bytes, pem: bytes) -> None:
    try:
        key = read_public_key(pem)
    except OpenbookError as error:
        raise ValueError(str(error).rstrip(".")) from None
    lines = b"".join(line.strip() + b"\n" for line in pem.strip().splitlines())
    if bundle["verificationMaterial"]["publicKey"]["hint"] != hashlib.sha256(lines).hexdigest():
        raise ValueError("it was made with another key than the one given")
    if not verify_with(key, pre_authentication(payload), signature):
        raise ValueError("the signature is not good: the file was changed, or it was signed with another key")


def pre_authentication(payload: bytes) -> bytes:
    """The bytes that are signed (DSSE v1, protocol.md)."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
