"""Whether a release's records are whole and lead from the weights back to the sources."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openbook.books.digest import canonical_json, sha256_bytes
from openbook.errors import OpenbookError
from openbook.release.standalone.listing import digest_like, read_json_file, root_of_files

MADE_BY = {"model/": ("model",), "gguf/": ("export", "quantized"), "pytorch/": ("quantized",)}
"""Folder of a release -> the steps one of whose records must list the files in it."""
FIRST_STEPS = frozenset({"sources", "parallel"})
"""Steps that read what lies outside of the run; every other one leads back to them."""
EARLIER = "records/before/"
"""Records, by root, of artifacts that a removal replaced: what took their place names them as `STEP before`."""
BEFORE = " before"


def read_records(folder: Path, manifest: Mapping[str, Any], problems: list[str]) -> dict[str, dict[str, Any]]:
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
        all(isinstance(entry, dict) and digest_like(entry.get("sha256")) for entry in files)
        and all(type(entry.get("size")) is int for entry in files)
        and all(isinstance(name, str) for name in record["unrooted"])
        and all(isinstance(root, str) for root in record["inputs"].values())
    )


def read_earlier(folder: Path, files: Mapping[str, Any], problems: list[str]) -> dict[str, dict[str, Any]]:
    """Root -> record, of artifacts that are not in this release and that its own were made from."""
    found = {}
    for name in sorted(name for name in files if name.startswith(EARLIER)):
        root = name.removeprefix(EARLIER).removesuffix(".json")
        try:
            record = read_json_file(folder / name)
        except (OSError, OpenbookError):
            record = {}
        if not _record_like(record):
            problems.append(f"{name} cannot be read")
            continue
        found[root] = record
    return found


def check_record(
    where: str, record: Mapping[str, Any], roots: Mapping[str, str], earlier: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """The record is whole in itself, and was made from the artifacts of the other records. `where`: its file."""
    problems: list[str] = []
    rooted = {name: entry for name, entry in record["files"].items() if name not in record["unrooted"]}
    try:
        of_files = root_of_files(rooted)
        asked = {name: record[name] for name in ("step", "version", "settings", "inputs")}
        identity = sha256_bytes(canonical_json(asked))
    except UnicodeError:
        of_files = identity = ""
    name = where.removeprefix("records/").removesuffix(".json")
    replaced = where.startswith(EARLIER)
    if not replaced and record["step"] != name:
        problems.append(f"{where}: it is the record of another step")
    expected = where.removeprefix(EARLIER).removesuffix(".json") if replaced else roots[name]
    if record["root"] != expected or of_files != expected:
        problems.append(f"{where}: its root is not the root of its files")
    if identity != record["identity"]:
        problems.append(f"{where}: its identity is not that of its settings and inputs")
    return problems + [f"{where}: {said}" for said in check_inputs(record, roots, earlier).values()]


def check_inputs(
    record: Mapping[str, Any], roots: Mapping[str, str], earlier: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Input -> what is wrong with it. What comes from outside of the run has a name of several words.

    What a removal left as it was may have been made from an artifact that it replaced, if that one's record is here.
    """
    problems = {}
    for name, root in record["inputs"].items():
        step = name.removesuffix(BEFORE)
        if earlier.get(root, {}).get("step") == step:
            continue
        if name.endswith(BEFORE):
            problems[name] = f"it was made from an earlier {step}, whose record is not in this release"
        elif " " in name:  # from outside
            continue
        elif name not in roots:
            problems[name] = f"it was made from {name}, whose record is not in this release"
        elif roots[name] != root:
            problems[name] = f"it was made from another {name} than this release's"
    return problems


def check_chain(
    records: Mapping[str, Mapping[str, Any]], earlier: Mapping[str, Mapping[str, Any]] | None = None
) -> list[str]:
    """Every step leads back to the sources: from the weights to the WARC files."""
    by_root = {**(earlier or {}), **{str(record["root"]): record for record in records.values()}}
    problems = []
    for step, start in records.items():
        reached, todo = {str(start["root"])}, [start]
        sources = False
        while todo:
            record = todo.pop()
            sources = sources or record["step"] == "sources"
            for root in record["inputs"].values():
                if root in by_root and root not in reached:
                    reached.add(root)
                    todo.append(by_root[root])
        if step not in FIRST_STEPS and not sources:
            problems.append(f"records/{step}.json: no chain of inputs leads from it back to the sources")
    return problems


def check_origin(files: Mapping[str, Mapping[str, Any]], records: Mapping[str, Mapping[str, Any]]) -> list[str]:
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
