"""The lists that receipts are made from: what is in the corpus, by document, address, site and text, as sorted hashes.

They let a stranger who knows an address ask whether it is in; whoever can guess an address can ask, too.
"""

import hashlib
import shutil
import unicodedata
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from openbook.books.key_list import KeyFile
from openbook.books.presence import list_root
from openbook.books.store import atomic_path
from openbook.corpus import Corpus
from openbook.corpus.addresses import plain
from openbook.corpus.find.keys import domains
from openbook.release.manifest import KeyRoot

FOLDER = "keys"
DOCUMENTS, HASHED = "documents", ("urls", "domains", "texts")
DOCUMENT_IDS = "corpus/document-ids.txt"
BUCKET_DOCUMENTS = 1 << 22
"""Documents whose keys are sorted at a time: 128 MiB a list."""


def url_name(url: str) -> str:
    """An address as it is hashed: no scheme, no fragment, no slash at the end, the host in small letters."""
    return plain(url).removeprefix("//")


def domain_name(host: str) -> str:
    """A host as it is hashed: small letters, in the form of the Domain Name System."""
    name = host.lower().strip(". ")
    if not name.isascii():
        with suppress(UnicodeError):
            name = name.encode("idna").decode()
    return name


def text_name(text: str) -> str:
    """A text as it is hashed: Unicode's form C, each run of white space as one space, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def hashed(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()


def _keys_of(row: Mapping[str, Any]) -> dict[str, list[bytes]]:
    return {
        "urls": [hashed(url_name(row["url"]))] if row["url"] else [],
        "domains": [hashed(domain_name(host)) for host in domains(row["url"] or "")],
        "texts": [hashed(text_name(row["text"]))],
    }


def write_keys(corpus: Corpus, work: Path) -> dict[str, KeyRoot]:
    """Write `keys/` of a release whose list of document ids is written. Memory is bounded by a bucket of keys."""
    documents = sum(corpus.counts(code)["documents"] for code in corpus.languages)
    buckets = min(256, 1 << (documents // BUCKET_DOCUMENTS).bit_length())
    folder = work / FOLDER
    spilled = folder / ".spilled.tmp"
    shutil.rmtree(spilled, ignore_errors=True)
    spilled.mkdir(parents=True)
    with ExitStack() as held:
        files: dict[tuple[str, int], BinaryIO] = {
            (kind, bucket): held.enter_context((spilled / f"{kind}-{bucket}").open("w+b"))
            for kind in HASHED
            for bucket in range(buckets)
        }
        for code in corpus.languages:
            for row in corpus.documents(code, split=None, columns=["url", "text"]):
                for kind, keys in _keys_of(row).items():
                    for key in keys:
                        files[kind, key[0] * buckets // 256].write(key)
        for kind in HASHED:
            with atomic_path(folder / f"{kind}.bin") as path, path.open("wb") as out:
                for bucket in range(buckets):
                    _sort_into(files[kind, bucket], out)
    shutil.rmtree(spilled)
    return {kind: _write_tree(kind, work) for kind in (DOCUMENTS, *HASHED)}


def _sort_into(keys: BinaryIO, out: BinaryIO) -> None:
    """The different keys of a bucket, in order."""
    keys.seek(0)
    out.write(np.unique(np.frombuffer(keys.read(), dtype="S32")).tobytes())


def _write_tree(kind: str, release: Path) -> KeyRoot:
    """Write the hashes of every eighth level, from which a proof is made without reading the list."""
    keys = key_file(release, kind)
    keys.write_nodes()
    root = keys.root()
    return KeyRoot(root=list_root(kind, keys.size, root).hex(), size=keys.size, tree=root.hex())


def key_file(release: Path, kind: str) -> KeyFile:
    """Raises OpenbookError when the release has no such list."""
    nodes = release / FOLDER / f"{kind}.tree"
    if kind == DOCUMENTS:
        return KeyFile(release / DOCUMENT_IDS, nodes, in_hex=True)
    return KeyFile(release / FOLDER / f"{kind}.bin", nodes)
