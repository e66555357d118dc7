"""The keys of those who may open what is sealed, in the format of age (X25519)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openbook.books.store import atomic_path
from openbook.errors import OpenbookError


def recipients(auditors: Sequence[str]) -> list[Any]:
    """Public keys (`age1…`). Raises OpenbookError for what is none, and when there is none."""
    pyrage = library()
    if not auditors:
        raise OpenbookError("sealed documents need the public key of an auditor: [release] auditors, age1….")
    keys = []
    for one in auditors:
        try:
            keys.append(pyrage.x25519.Recipient.from_str(one))
        except pyrage.RecipientError as error:
            hint = "age-keygen makes a pair, `openbook sealed key` too."
            raise OpenbookError(f"{one!r} is no public key of age ({error}): {hint}") from None
    return keys


def identities(paths: Sequence[Path]) -> list[Any]:
    """Secret keys, a line `AGE-SECRET-KEY-1…` each, from files as age-keygen writes them."""
    pyrage = library()
    found = []
    for path in paths:
        try:
            lines = path.read_text().splitlines()
            found += [
                pyrage.x25519.Identity.from_str(line.strip()) for line in lines if line.strip()[:1] not in ("", "#")
            ]
        except FileNotFoundError:
            raise OpenbookError(f"there is no key {path}.") from None
        except (pyrage.IdentityError, UnicodeDecodeError):
            raise OpenbookError(f"{path} holds no secret key of age (AGE-SECRET-KEY-1…).") from None
    return found


def make_key(path: Path) -> str:
    """Write a secret key, readable by its owner alone; returns the public one. Raises OpenbookError where one is."""
    if path.exists():
        raise OpenbookError(f"{path} is there already: a secret key is not written over.")
    pair = library().x25519.Identity.generate()
    with atomic_path(path) as temporary:
        temporary.touch(0o600)
        temporary.write_text(f"# public key: {pair.to_public()}\n{pair}\n")
    return str(pair.to_public())


def library() -> Any:
    """pyrage. Raises OpenbookError where it is not installed."""
    try:
        import pyrage
    except ImportError:
        raise OpenbookError("sealed documents need pyrage: pip install 'openbook[sealed]'.") from None
    return pyrage
