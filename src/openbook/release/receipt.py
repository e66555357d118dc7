"""How a receipt is made: the proof that a document, address, site or text is in a release's corpus, or is not."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

from openbook.books.presence import Receipt, write_receipt
from openbook.errors import OpenbookError
from openbook.release import manifest as manifests
from openbook.release.keys import domain_name, hashed, key_file, text_name, url_name

NAMED: dict[str, Callable[[str], str]] = {"urls": url_name, "domains": domain_name}
"""Kinds whose receipts say what was asked for."""


def text_hash(text: str) -> str:
    """The hash under which a text is listed, hex: SHA-256 over form C, white space as single spaces."""
    return hashed(text_name(text)).hex()


def make_receipt(folder: Path, kind: str, asked: str) -> bytes:
    """`folder`: a release, or a run that has one; `kind`: documents, urls, domains or texts (a hash).

    Raises OpenbookError when the release has no such list, or does not hold what its manifest says.
    """
    release = release_of(folder)
    published = manifests.read(release).keys.get(kind)
    if published is None:
        raise OpenbookError(f"{release} publishes no list of {kind}: it was made by an older version. Make it again.")
    name = NAMED[kind](unicodedata.normalize("NFC", asked)) if kind in NAMED else None
    if name == "":
        raise OpenbookError(f"{asked!r} names nothing that could be in a corpus.")
    key = hashed(name) if name is not None else digest(asked)
    keys = key_file(release, kind)
    tree = keys.root()
    if (keys.size, tree.hex()) != (published.size, published.tree):
        raise OpenbookError(f"{keys.path} is not the list of the manifest: `openbook verify` says what changed.")
    present, leaves = keys.beside(key)
    return write_receipt(Receipt(kind, name, key, present, keys.size, tree, leaves))


def digest(text: str) -> bytes:
    """32 bytes from 64 hex digits. Raises OpenbookError for anything else."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise OpenbookError(f"{text[:80]!r} is no SHA-256: 64 hex digits.")
    return found


def release_of(folder: Path) -> Path:
    """A release, or that of a run. Raises OpenbookError when there is none."""
    for one in (folder, folder / "release"):
        if (one / manifests.FILE_NAME).is_file():
            return one
    raise OpenbookError(f"{folder} is neither a release nor a run that has one.")


def published_root(manifest: Path, kind: str) -> bytes:
    """The root of a list as a manifest publishes it. Raises OpenbookError when it names none."""
    found = manifests.parse(manifest.read_bytes(), str(manifest)).keys.get(kind)
    if found is None:
        raise OpenbookError(f"{manifest} publishes no list of {kind}.")
    return bytes.fromhex(found.root)
