"""Whether a release is what it was when it was made: every file, record, root and signature; what is wrong, by name."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from openbook.books.digest import canonical_json, sha256_bytes, sha256_file
from openbook.books.merkle import leaf_hash, root_of_hashes
from openbook.books.presence import KINDS, list_root
from openbook.books.tree import levels, subtree
from openbook.errors import OpenbookError
from openbook.release.standalone.bundle_signature import SIGNATURE_NAME, check_signature

MANIFEST_NAME, DIGEST_FILE_NAME = "manifest.json", "manifest.sha256"
IDS_NAME = "corpus/document-ids.txt"
MOST_JSON_BYTES = 1 << 28
"""Of a manifest or a record: more is refused unread."""
MADE_BY = {"model/": ("model",), "gguf/": ("export", "quantized"), "pytorch/": ("quantized",)}
"""Folder of a release -> the steps one of whose records must list the files in it."""
FIRST_STEPS = frozenset({"sources", "parallel"})
"""Steps that read what lies outside of the run; every other one leads back to them."""


class Findings(NamedTuple):
    problems: tuple[str, ...]
    """A sentence each, beginning with the file that is wrong; empty for a sound release."""
    files: int
    bytes: int
    records: int
    documents: int
    signed: str
    """What is known of the signature."""


def check_release(folder: Path, key: bytes | None = None, seen: Callable[[int], None] | None = None) -> Findings:
    """Check a release folder, offline. `key`: the signer's public key (PEM); `seen` is told each file's bytes.

    Raises OpenbookError when the folder is no release or its manifest cannot be trusted.
    """
    manifest = read_manifest(folder)
    files: dict[str, dict[str, Any]] = manifest["files"]
    problems = _check_files(folder, files, seen)
    records = _read_records(folder, manifest, problems)
    for step, record in records.items():
        problems += _check_record(step, record, manifest)
    problems += _check_chain(records)
    problems += _check_origin(files, records)
    documents, found = _check_ids(folder, manifest, records)
    problems += found + _check_lists(folder, manifest) + _check_sealed(folder, manifest)
    digests = {name: str(entry["sha256"]) for name, entry in files.items()}
    digests |= {name: sha256_file(folder / name) for name in (MANIFEST_NAME, DIGEST_FILE_NAME)}
    signed, found = check_signature(folder, digests, key)
    size = sum(int(entry["size"]) for entry in files.values())
    return Findings(tuple(sorted(problems + found)), len(files), size, len(records), documents, signed)


def _check_sealed(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """The leaves of documents that only auditors open must give the root that the manifest names."""
    root, path = manifest.get("sealed_root"), folder / "sealed" / "leaves.bin"
    if root is None:
        return ["sealed/ is there, and the manifest names no sealed root"] if (folder / "sealed").exists() else []
    try:
        data = path.read_bytes()
    except OSError:
        return ["sealed/leaves.bin cannot be read"]
    leaves = [data[at : at + 32] for at in range(0, len(data), 32)]
    if root_of_hashes(leaves).hex() != root:
        return ["sealed/leaves.bin: the Merkle root over its leaves is not the manifest's sealed root"]
    return []


def read_manifest(folder: Path) -> dict[str, Any]:
    """Raises OpenbookError when the folder is no release or its manifest was changed."""
    for name in (MANIFEST_NAME, DIGEST_FILE_NAME):
        if not (folder / name).is_file():
            raise OpenbookError(f"{folder} is not a release: {name} is missing.")
    manifest = read_json_file(folder / MANIFEST_NAME)
    data = (folder / MANIFEST_NAME).read_bytes()
    line = f"{sha256_bytes(data)}  {MANIFEST_NAME}\n".encode()
    if (folder / DIGEST_FILE_NAME).stat().st_size != len(line) or (folder / DIGEST_FILE_NAME).read_bytes() != line:
        raise OpenbookError(
            f"{MANIFEST_NAME} or {DIGEST_FILE_NAME} of {folder} was changed: the digest of one is not the other."
        )
    try:
        files, roots = manifest["files"], manifest["roots"]
        whole = all(safe_name(name) and _digest_like(entry["sha256"]) for name, entry in files.items())
        whole = whole and all(isinstance(entry["size"], int) and entry["size"] >= 0 for entry in files.values())
        whole = whole and all(_step_name(step) and _digest_like(one) for step, one in roots.items())
        whole = whole and _digest_like(manifest["corpus_root"]) and isinstance(manifest["name"], str)
        right = whole and root_of_files(files) == manifest["root"]
    except (TypeError, KeyError, AttributeError, UnicodeError):
        whole = right = False
    if not whole:
        raise OpenbookError(f"{folder / MANIFEST_NAME} is no manifest, or names files outside of the release.")
    if not right:
        raise OpenbookError(f"{folder / MANIFEST_NAME}: the root is not the root of the files that it lists.")
    return manifest


def read_json_file(path: Path) -> dict[str, Any]:
    """An object, no name in it twice, of bounded size. Raises OpenbookError."""
    if path.stat().st_size > MOST_JSON_BYTES:
        raise OpenbookError(f"{path} has more than the {MOST_JSON_BYTES:,} bytes that it may have.")
    try:
        value = json.loads(path.read_bytes(), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise OpenbookError(f"{path} cannot be read: it is no JSON, or names something twice.") from None
    if not isinstance(value, dict):
        raise OpenbookError(f"{path} cannot be read: it holds no object.")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _refuse(_: str) -> None:
    raise ValueError("not a number")


def safe_name(name: str) -> bool:
    """Whether a file's name stays inside the folder that it is relative to, on every system."""
    parts = PurePosixPath(name).parts
    plain = bool(parts) and "/".join(parts) == name and not any(one < " " or one in '\\:*?"<>|' for one in name)
    return plain and not name.startswith("/") and ".." not in parts


def _step_name(name: str) -> bool:
    return safe_name(name) and "/" not in name


def _digest_like(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and all(one in "0123456789abcdef" for one in value)


def root_of_files(files: Mapping[str, Mapping[str, Any]]) -> str:
    """The Merkle root over files, in order of their names."""
    leaves = (
        canonical_json({"path": name, "sha256": files[name]["sha256"], "size": files[name]["size"]})
        for name in sorted(files)
    )
    return root_of_hashes(map(leaf_hash, leaves)).hex()


def _check_files(folder: Path, files: Mapping[str, Mapping[str, Any]], seen: Callable[[int], None] | None) -> list[str]:
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


def _read_records(folder: Path, manifest: Mapping[str, Any], problems: list[str]) -> dict[str, dict[str, Any]]:
    records = {}
    for step in manifest["roots"]:
        path = folder / "records" / f"{step}.json"
        try:
            record = read_json_file(path)
        except (OSError, OpenbookError):
            record = {}
        if not _record_like(record):
            problems.append(f"records/{step}.json cannot be read")
            continue
        records[step] = record
    return records


_FIELDS: dict[str, type] = {
    "step": str,
    "version": int,
    "settings": dict,
    "inputs": dict,
    "identity": str,
    "files": dict,
    "unrooted": list,
    "root": str,
    "roots": dict,
    "counts": dict,
}


def _record_like(record: Mapping[str, Any]) -> bool:
    if not all(isinstance(record.get(name), kind) for name, kind in _FIELDS.items()):
        return False
    files = record["files"].values()
    return (
        all(isinstance(entry, dict) and _digest_like(entry.get("sha256")) for entry in files)
        and all(type(entry.get("size")) is int for entry in files)
        and all(isinstance(name, str) for name in record["unrooted"])
    )


def _check_record(step: str, record: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[str]:
    """The record is whole in itself, and was made from the artifacts of the other records."""
    where, problems, roots = f"records/{step}.json", [], manifest["roots"]
    rooted = {name: entry for name, entry in record["files"].items() if name not in record["unrooted"]}
    try:
        of_files = root_of_files(rooted)
        asked = {name: record[name] for name in ("step", "version", "settings", "inputs")}
        identity = sha256_bytes(canonical_json(asked))
    except UnicodeError:
        of_files = identity = ""
    if record["step"] != step:
        problems.append(f"{where}: it is the record of another step")
    if record["root"] != roots[step] or of_files != roots[step]:
        problems.append(f"{where}: its root is not the root of its files")
    if identity != record["identity"]:
        problems.append(f"{where}: its identity is not that of its settings and inputs")
    for name, root in record["inputs"].items():
        if name in roots and roots[name] != root:
            problems.append(f"{where}: it was made from another {name} than this release's")
        if name not in roots and " " not in name:  # what comes from outside of the run has a name of several words
            problems.append(f"{where}: it was made from {name}, whose record is not in this release")
    if step == "corpus" and record["roots"].get("documents") != manifest["corpus_root"]:
        problems.append(f"{where}: its root over the documents is not the manifest's")
    return problems


def _check_chain(records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Every step leads back to the sources: from the weights to the WARC files."""
    problems = []
    for step in records:
        reached, todo = {step}, [step]
        while todo:
            for name in records[todo.pop()]["inputs"]:
                if name in records and name not in reached:
                    reached.add(name)
                    todo.append(name)
        if step not in FIRST_STEPS and "sources" not in reached:
            problems.append(f"records/{step}.json: no chain of inputs leads from it back to the sources")
    return problems


def _check_origin(files: Mapping[str, Mapping[str, Any]], records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Weights and reports are files that a step's record lists."""
    made = {
        step: {(entry["sha256"], entry["size"]) for entry in record["files"].values()}
        for step, record in records.items()
    }
    problems = []
    for name, entry in files.items():
        content = entry["sha256"], entry["size"]
        makers = next((steps for place, steps in MADE_BY.items() if name.startswith(place)), ())
        if makers and not any(content in made.get(step, set()) for step in makers):
            listed = " or ".join(f"records/{step}.json" for step in makers if step in made or step == makers[0])
            problems.append(f"{name} is no file that {listed} lists")
        if name.startswith("reports/") and not any(content in one for one in made.values()):
            problems.append(f"{name} is no file that any record lists")
    return problems


def _check_ids(
    folder: Path, manifest: Mapping[str, Any], records: Mapping[str, Mapping[str, Any]]
) -> tuple[int, list[str]]:
    """The published ids: 64 hex digits a line, ascending, as many as the corpus counts, giving the corpus' root."""
    hashes, before = [], b""
    problems: list[str] = []
    try:
        with (folder / IDS_NAME).open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(80), b""), 1):
                if len(line) != 65 or line[64:] != b"\n" or not _digest_like(line[:64].decode("ascii", "replace")):
                    return 0, [f"{IDS_NAME}, line {number}: this is no id of a document"]
                if line <= before and not problems:
                    problems.append(f"{IDS_NAME}, line {number}: the ids are not in order, or one stands there twice")
                hashes.append(leaf_hash(bytes.fromhex(line[:64].decode())))
                before = line
    except OSError:
        return 0, [f"{IDS_NAME} cannot be read"]
    if root_of_hashes(hashes).hex() != manifest["corpus_root"]:
        problems.append(f"{IDS_NAME}: the Merkle root over its ids is not the manifest's corpus_root")
    counted = records["corpus"]["counts"].get("documents") if "corpus" in records else len(hashes)
    if counted != len(hashes):
        problems.append(f"{IDS_NAME} lists {len(hashes)} documents, records/corpus.json counts {counted}")
    return len(hashes), problems


def _check_lists(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """The lists that receipts are made from give the roots that the manifest publishes."""
    lists = manifest.get("keys") or {}
    problems: list[str] = []
    if not isinstance(lists, dict) or not set(lists) <= set(KINDS):
        return [f"{MANIFEST_NAME}: `keys` names other lists than {', '.join(KINDS)}"]
    for kind, said in lists.items():
        name = IDS_NAME if kind == "documents" else f"keys/{kind}.bin"
        try:
            size, tree, nodes = _tree_of(folder / name, 65 if kind == "documents" else 32)
            path = folder / f"keys/{kind}.tree"
            stored = path.read_bytes() if path.exists() or size >= 256 else b""
        except (OSError, ValueError):
            problems.append(f"{name} or keys/{kind}.tree cannot be read, or is not in order")
            continue
        told = {"root": list_root(kind, size, tree).hex(), "size": size, "tree": tree.hex()}
        if said != told:
            problems.append(f"{name}: its root and size are not those that the manifest publishes")
        if stored != nodes:
            problems.append(f"keys/{kind}.tree does not hold the hashes of {name}")
    return problems


def _tree_of(path: Path, stride: int) -> tuple[int, bytes, bytes]:
    """Number, Merkle root and stored nodes of a list of keys. Raises ValueError when it is not in strict order."""
    size, rest = divmod(path.stat().st_size, stride)
    if rest:
        raise ValueError("cut off")
    above: dict[int, list[bytes]] = {}
    with path.open("rb") as file:

        def read(first: int, count: int) -> list[bytes]:
            file.seek(first * stride)
            data = file.read(count * stride)
            pieces = [data[at : at + stride] for at in range(0, len(data), stride)]
            return pieces if stride == 32 else [bytes.fromhex(one.decode("ascii")) for one in pieces]

        def leaves() -> Iterator[bytes]:
            before = b""
            for first in range(0, size, 4096):
                for key in read(first, 4096):
                    if key <= before:
                        raise ValueError("not in order")
                    before = key
                    yield leaf_hash(key)

        def stored(level: int, first: int, count: int) -> bytes:
            found = above[level][first : first + count] if level else map(leaf_hash, read(first, count))
            return b"".join(found)

        for level, node in levels(leaves()):
            above.setdefault(level, []).append(node)
        return size, subtree(stored, 0, size), b"".join(b"".join(above[level]) for level in sorted(above))


def release_entry(folder: Path) -> bytes:
    """What a log says of this release: one line of JSON."""
    manifest = read_manifest(folder)
    digest = sha256_file(folder / MANIFEST_NAME)
    told = {"kind": "release", "manifest": digest, **{key: manifest[key] for key in ("corpus_root", "name", "root")}}
    return canonical_json(told)
