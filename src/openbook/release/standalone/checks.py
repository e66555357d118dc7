"""Whether a release is what it was when it was made: every file, record, root and signature; what is wrong, by name."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from openbook.books.digest import canonical_json, sha256_file
from openbook.release.standalone.bundle_signature import SIGNATURE_NAME, check_signature
from openbook.release.standalone.chain import (
    EARLIER,
    check_chain,
    check_origin,
    check_record,
    read_earlier,
    read_records,
)
from openbook.release.standalone.listing import DIGEST_FILE_NAME, MANIFEST_NAME, read_manifest
from openbook.release.standalone.lists import check_ids, check_lists, check_sealed

FILES = "Every file has the size and the SHA-256 of the manifest; none is missing, none was added"
RECORDS = "Every record gives its own root and identity, and names the roots of the records that it was made from"
CHAIN = "A chain of records leads from every step back to the sources"
ORIGIN = "Weights and reports are files that the record of a step lists"
IDS = "The documents' ids are in order, as many as the corpus counts, and give its root"
LISTS = "The lists behind receipts give the roots that the manifest publishes"
SEALED = "The leaves of the sealed documents give the root that the manifest names"
SIGNED = "The signature, if there is one, names exactly these files"


class Findings(NamedTuple):
    problems: tuple[str, ...]
    """A sentence each, beginning with the file that is wrong; empty for a sound release."""
    files: int
    bytes: int
    records: int
    documents: int
    signed: str
    """What is known of the signature."""
    checks: tuple[tuple[str, tuple[str, ...]], ...]
    """Each check as a sentence of what holds when it is passed, and its share of the problems."""


def check_release(folder: Path, key: bytes | None = None, seen: Callable[[int], None] | None = None) -> Findings:
    """Check a release folder, offline. `key`: the signer's public key (PEM); `seen` is told each file's bytes.

    Raises OpenbookError when the folder is no release or its manifest cannot be trusted.
    """
    manifest = read_manifest(folder)
    files, roots = manifest["files"], manifest["roots"]
    changed = check_files(folder, files, seen)
    unread: list[str] = []
    records, earlier = read_records(folder, manifest, unread), read_earlier(folder, files, unread)
    whole = list(unread)
    for step, record in records.items():
        whole += check_record(f"records/{step}.json", record, roots, earlier)
    for root, record in earlier.items():
        whole += check_record(f"{EARLIER}{root}.json", record, roots, earlier)
    if "corpus" in records and records["corpus"]["roots"].get("documents") != manifest["corpus_root"]:
        whole.append("records/corpus.json: its root over the documents is not the manifest's")
    documents, ids = check_ids(folder, manifest, records)
    digests = {name: str(entry["sha256"]) for name, entry in files.items()}
    digests |= {name: sha256_file(folder / name) for name in (MANIFEST_NAME, DIGEST_FILE_NAME)}
    signed, signature = check_signature(folder, digests, key)
    found = {
        FILES: changed,
        RECORDS: whole,
        CHAIN: check_chain(records, earlier),
        ORIGIN: check_origin(files, records),
        IDS: ids,
        LISTS: check_lists(folder, manifest),
        SEALED: check_sealed(folder, manifest),
        SIGNED: signature,
    }
    size = sum(int(entry["size"]) for entry in files.values())
    problems = tuple(sorted(one for of_check in found.values() for one in of_check))
    checks = tuple((name, tuple(sorted(of_check))) for name, of_check in found.items())
    return Findings(problems, len(files), size, len(records), documents, signed, checks)


def check_files(folder: Path, files: Mapping[str, Mapping[str, Any]], seen: Callable[[int], None] | None) -> list[str]:
    there = set(_names(folder)) - {MANIFEST_NAME, DIGEST_FILE_NAME, SIGNATURE_NAME}
    problems = [f"{name} is missing" for name in files if name not in there]
    problems += [f"{name} was added" for name in there if name not in files]
    for name, entry in files.items():
        if name in there:
            path = folder / name
            if path.is_symlink() or path.stat().st_size != entry["size"] or sha256_file(path) != entry["sha256"]:
                problems.append(f"{name} was changed")
            if seen:
                seen(entry["size"])
    return problems


def _names(folder: Path) -> Iterator[str]:
    """Every file, and every link, which is not followed."""
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in [*names, *links]:
            yield (Path(place) / name).relative_to(folder).as_posix()


def release_entry(folder: Path) -> bytes:
    """What a log says of this release: one line of JSON."""
    manifest = read_manifest(folder)
    digest = sha256_file(folder / MANIFEST_NAME)
    told = {"kind": "release", "manifest": digest, **{key: manifest[key] for key in ("corpus_root", "name", "root")}}
    return canonical_json(told)
