"""Whether a release is what it was when it was made: every file, every record, every root, offline."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from openbook.books import merkle
from openbook.books.digest import sha256_file
from openbook.books.record import FileEntry, Record, files_root, identity
from openbook.errors import OpenbookError
from openbook.release import manifest as manifests
from openbook.release import sealed


@dataclass(frozen=True)
class Verdict:
    problems: tuple[str, ...]
    files: int
    bytes: int
    records: int

    @property
    def sound(self) -> bool:
        return not self.problems


def verify(folder: Path, seen: Callable[[int], None] | None = None) -> Verdict:
    """Check a release folder. `seen` is called with the bytes of each file as it is read.

    Raises OpenbookError when the folder is no release or its manifest was changed.
    """
    manifest = manifests.read(folder)
    own = {manifests.FILE_NAME, manifests.DIGEST_NAME}
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    problems = [f"{name} is missing" for name in manifest.files if name not in paths]
    problems += [f"{name} was added" for name in paths if name not in manifest.files and name not in own]
    for name, entry in manifest.files.items():
        if name in paths:
            if _changed(paths[name], entry):
                problems.append(f"{name} was changed")
            if seen:
                seen(entry.size)
    records = _records(folder, manifest, problems)
    return Verdict(tuple(sorted(problems)), len(manifest.files), sum(e.size for e in manifest.files.values()), records)


def _changed(path: Path, entry: FileEntry) -> bool:
    return path.is_symlink() or path.stat().st_size != entry.size or sha256_file(path) != entry.sha256


def _records(folder: Path, manifest: manifests.Manifest, problems: list[str]) -> int:
    """Check that each step's record is whole in itself and names the roots of the steps before it."""
    count = 0
    for step, root in manifest.roots.items():
        path = folder / "records" / f"{step}.json"
        try:
            record = Record.model_validate_json(path.read_bytes())
        except (OSError, ValueError):
            problems.append(f"records/{step}.json cannot be read")
            continue
        count += 1
        rooted = {name: entry for name, entry in record.files.items() if name not in record.unrooted}
        if record.root != root or files_root(rooted) != root:
            problems.append(f"records/{step}.json: its root is not the root of its files")
        if identity(record.step, record.version, record.settings, record.inputs) != record.identity:
            problems.append(f"records/{step}.json: its identity is not that of its settings and inputs")
        problems += [
            f"records/{step}.json: it was made from another {name} than this release's"
            for name, digest in record.inputs.items()
            if name in manifest.roots and manifest.roots[name] != digest
        ]
        if step == "corpus" and record.roots.get("documents") != manifest.corpus_root:
            problems.append("records/corpus.json: its root over the documents is not the manifest's")
    problems += _document_ids(folder, manifest)
    problems += sealed.problems(folder, manifest.sealed_root)
    return count


def _document_ids(folder: Path, manifest: manifests.Manifest) -> list[str]:
    """The published list of document ids must give the corpus' root."""
    path = folder / "corpus" / "document-ids.txt"
    try:
        ids = [bytes.fromhex(line) for line in path.read_text().split()]
    except (OSError, ValueError):
        return ["corpus/document-ids.txt cannot be read"]
    if merkle.root(ids).hex() != manifest.corpus_root:
        return ["corpus/document-ids.txt: the Merkle root over its ids is not the manifest's corpus_root"]
    return []


def demand_sound(verdict: Verdict, folder: Path) -> None:
    """Raises OpenbookError that names everything wrong with the release."""
    if not verdict.sound:
        shown = "\n".join(f"  {problem}" for problem in verdict.problems)
        raise OpenbookError(f"{folder} is not what it was when it was made:\n{shown}")
