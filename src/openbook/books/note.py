"""Who said a text: signed notes with Ed25519 (C2SP signed-note), the form in which logs sign their checkpoints."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from openbook.books.signature import ed25519_verify, strict_base64
from openbook.errors import OpenbookError

ED25519 = b"\x01"
"""Signature type of Ed25519 (C2SP signed-note, "Signature types")."""
MOST_NOTE_BYTES = 1 << 20


class VerifierKey(NamedTuple):
    """`NAME+ID+BASE64`, as Go's sumdb/note writes it."""

    name: str
    id: bytes
    """4 bytes."""
    public: bytes
    """32 bytes."""

    def __str__(self) -> str:
        from base64 import b64encode

        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.public).decode()}"


def note_key_id(name: str, public: bytes) -> bytes:
    """The first 4 bytes of SHA-256 over name, line feed, type and public key (C2SP signed-note)."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


def good_key_name(name: str) -> bool:
    """Whether a key may be called so (C2SP signed-note): not empty, no plus sign, space or control character."""
    return bool(name) and "+" not in name and not any(one.isspace() or one < " " for one in name)


def verifier_key(name: str, public: bytes) -> VerifierKey:
    """Raises OpenbookError for a name that a note cannot carry."""
    if not good_key_name(name) or len(public) != 32:
        raise OpenbookError(f"{name!r} cannot name a key: no spaces and no plus signs, such as example.org/log.")
    return VerifierKey(name, note_key_id(name, public), public)


def parse_verifier_key(text: str) -> VerifierKey:
    """Raises OpenbookError for what is no key, or one whose id is not its own."""
    parts = text.strip().split("+", 2)
    try:
        name, given, data = parts[0], bytes.fromhex(parts[1]), strict_base64(parts[2])
        key = VerifierKey(name, given, data[1:])
        good = data[:1] == ED25519 and len(data) == 33 and given == note_key_id(name, data[1:]) and good_key_name(name)
    except (IndexError, ValueError):
        good = False
    if not good or parts[1] != parts[1].lower():
        raise OpenbookError(f"{text.strip()[:100]!r} is no key of a log: it looks like NAME+ID+BASE64.")
    return key


def sign_note(text: str, name: str, public: bytes, sign: Callable[[bytes], bytes]) -> str:
    """The note with one signature. `text` ends with a line feed. Raises OpenbookError when it does not."""
    from base64 import b64encode

    if not text.endswith("\n") or any(one < " " and one != "\n" for one in text):
        raise OpenbookError("a note ends with a line feed and has no other control characters.")
    key = verifier_key(name, public)
    return f"{text}\n\u2014 {name} {b64encode(key.id + sign(text.encode())).decode()}\n"


def open_note(note: str, key: VerifierKey) -> str:
    """The text, when the key signed it. Raises OpenbookError when it did not or the note is malformed."""
    text, separator, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    if len(note) > MOST_NOTE_BYTES or not separator or not text or lines.pop() != "" or not lines:
        raise OpenbookError("this is no signed note: a text, an empty line, and lines of signatures.")
    if any(one < " " and one != "\n" for one in note):
        raise OpenbookError("the note holds control characters.")
    text += "\n"
    signed = False
    for line in lines:
        name, data = _signature_line(line)
        if (name, data[:4]) == (key.name, key.id):
            if not ed25519_verify(key.public, text.encode(), data[4:]):
                raise OpenbookError(f"the signature of {key.name} is not good: the note was changed.")
            signed = True
    if not signed:
        raise OpenbookError(f"the note is not signed by {key.name}+{key.id.hex()}.")
    return text


def _signature_line(line: str) -> tuple[str, bytes]:
    parts = line.split(" ")
    try:
        if len(parts) != 3 or parts[0] != "\u2014" or not good_key_name(parts[1]):
            raise ValueError
        data = strict_base64(parts[2])
        if len(data) < 5:
            raise ValueError
    except ValueError:
        raise OpenbookError("the note has a line that is no signature.") from None
    return parts[1], data
