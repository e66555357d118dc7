"""What the log of a provider holds: its releases and its removals, in the order in which they were made known."""

import json
from pathlib import Path
from typing import Any

from openbook.books.digest import canonical_json, sha256_file
from openbook.books.tiles import Checkpoint
from openbook.books.tlog import TileLog
from openbook.errors import OpenbookError
from openbook.release.sign import public_bytes, read_signing_key
from openbook.release.standalone.checks import release_entry


def removal_entry(document: Path) -> bytes:
    """What a log says of a removal: the digest of its signed document, which need not be public."""
    if not document.is_file():
        raise OpenbookError(f"there is no file {document}.")
    return canonical_json({"kind": "removal", "name": document.name, "sha256": sha256_file(document)})


def entry_of(path: Path) -> bytes:
    """The entry for a release's folder, or for the document of a removal."""
    return release_entry(path) if path.is_dir() else removal_entry(path)


def append(folder: Path, paths: list[Path], key: Path, name: str | None, password: bytes | None = None) -> Checkpoint:
    """Add releases and removals to a log; `name` is needed for a new one. What is in it already is not added again."""
    log = TileLog.open(folder)
    origin = log.checkpoint.origin if log.checkpoint else name
    if origin is None:
        raise OpenbookError(f"{folder} is a new log: give it a --name, such as example.org/openbook-log.")
    if name is not None and name != origin:
        raise OpenbookError(f"{folder} is the log {origin}, not {name}.")
    held = set(log.entries())
    new = [entry for entry in dict.fromkeys(map(entry_of, paths)) if entry not in held]
    if not new and log.checkpoint:
        return log.checkpoint
    private = read_signing_key(key, password)
    return log.append(new, origin, public_bytes(private), private.sign)


def find(log: TileLog, path: Path) -> int:
    """The index of a release or removal. Raises OpenbookError when the log does not list it."""
    entry = entry_of(path)
    entries = log.entries()
    if entry not in entries:
        raise OpenbookError(f"{log.folder} does not list {path}.")
    return entries.index(entry)


def told(entry: bytes) -> dict[str, Any]:
    """An entry as it is shown; {"kind": "other"} for one of another program."""
    try:
        value = json.loads(entry)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) and "kind" in value else {"kind": "other", "bytes": len(entry)}
