"""Which files a release is made of: name, size and digest of each, and the one root over them all."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from openbook.books.digest import canonical_json, sha256_bytes
from openbook.books.record import FileEntry, files_root, hash_files
from openbook.books.store import write_bytes
from openbook.errors import OpenbookError

FILE_NAME = "manifest.json"
DIGEST_NAME = "manifest.sha256"
"""The manifest's own digest, in the form that `sha256sum -c` reads."""
SIGNATURE = "model.sig"
"""Beside them, in a release that is signed (OpenSSF model signing)."""
MOST_BYTES = 1 << 28


class KeyRoot(BaseModel):
    """What a manifest says of a list that receipts are made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    root: str
    """Over kind, size and tree (`openbook.books.presence.list_root`): what a receipt is checked against."""
    size: int
    tree: str
    """Merkle root of RFC 6962 over the keys, sorted."""


class Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    format: int = 1
    serve: str | None
    """The file that a server loads when it is given the folder."""
    kind: Literal["base", "chat"]
    """Whether the model continues text or was tuned to answer."""
    languages: tuple[str, ...]
    corpus_root: str
    """Merkle root (RFC 6962) over the ids of the corpus' documents, sorted."""
    keys: dict[str, KeyRoot] = {}
    """Lists that receipts are made from: documents, urls, domains, texts."""
    sealed_root: str | None = None
    """Merkle root over the salted leaves of the sealed documents (`openbook.release.sealed`); null without them."""
    roots: dict[str, str]
    """Step -> root of its artifact."""
    files: dict[str, FileEntry]
    root: str
    """Merkle root over `files`, sorted by path."""


def write(folder: Path, **facts: Any) -> Manifest:
    """Hash everything in `folder` and write its manifest."""
    files = {
        name: entry for name, entry in hash_files(folder).items() if name not in {FILE_NAME, DIGEST_NAME, SIGNATURE}
    }
    manifest = Manifest(files=files, root=files_root(files), **facts)
    data = canonical_json(manifest.model_dump(mode="json")) + b"\n"
    write_bytes(folder / FILE_NAME, data)
    write_bytes(folder / DIGEST_NAME, digest_line(data))
    return manifest


def digest_line(data: bytes) -> bytes:
    """The line of `sha256sum` for the manifest."""
    return f"{sha256_bytes(data)}  {FILE_NAME}\n".encode()


def read(folder: Path) -> Manifest:
    """Raises OpenbookError when the folder is no release or its manifest was changed."""
    path = folder / FILE_NAME
    try:
        if path.stat().st_size > MOST_BYTES:
            raise OpenbookError(f"{path} has more than the {MOST_BYTES:,} bytes that a manifest may have.")
        data = path.read_bytes()
        digest = (folder / DIGEST_NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise OpenbookError(f"{folder} is not a release: {Path(error.filename).name} is missing.") from None
    if digest != digest_line(data):
        raise OpenbookError(
            f"{FILE_NAME} or {DIGEST_NAME} of {folder} was changed: the digest of one is not the other."
        )
    return parse(data, str(path))


def parse(data: bytes, where: str) -> Manifest:
    """Raises OpenbookError, which names `where` it stands, for bytes that are no manifest."""
    if len(data) > MOST_BYTES:
        raise OpenbookError(f"{where} has more than the {MOST_BYTES:,} bytes that a manifest may have.")
    try:
        manifest = Manifest.model_validate_json(data)
        root = files_root(manifest.files)
    except ValidationError as error:
        raise OpenbookError(f"{where} cannot be read: {error.errors()[0]['msg']}.") from None
    except UnicodeError:
        raise OpenbookError(f"{where} cannot be read: a file's name is no Unicode.") from None
    if root != manifest.root:
        raise OpenbookError(f"{where}: the root is not the root of the files that it lists.")
    return manifest
