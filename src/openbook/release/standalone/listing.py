"""What a release lists: its manifest, and JSON of its folder, read within bounds, refused where it says odd things."""

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from openbook.books.digest import canonical_json, sha256_bytes
from openbook.books.merkle import leaf_hash, root_of_hashes
from openbook.errors import OpenbookError

MANIFEST_NAME, DIGEST_FILE_NAME = "manifest.json", "manifest.sha256"
MOST_JSON_BYTES = 1 << 28
"""Of a manifest or a record: more is refused unread."""


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
        whole = all(safe_name(name) and digest_like(entry["sha256"]) for name, entry in files.items())
        whole = whole and all(isinstance(entry["size"], int) and entry["size"] >= 0 for entry in files.values())
        whole = whole and all(step_name(step) and digest_like(one) for step, one in roots.items())
        whole = whole and digest_like(manifest["corpus_root"]) and isinstance(manifest["name"], str)
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


def step_name(name: str) -> bool:
    return safe_name(name) and "/" not in name


def digest_like(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and all(one in "0123456789abcdef" for one in value)


def root_of_files(files: Mapping[str, Mapping[str, Any]]) -> str:
    """The Merkle root over files, in order of their names."""
    leaves = (
        canonical_json({"path": name, "sha256": files[name]["sha256"], "size": files[name]["size"]})
        for name in sorted(files)
    )
    return root_of_hashes(map(leaf_hash, leaves)).hex()
