"""How a release folder is put together from a run's artifacts."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openbook.books import Outcome, read_record
from openbook.books.store import atomic_path, write_bytes
from openbook.context import Context
from openbook.corpus import Corpus
from openbook.errors import OpenbookError
from openbook.model import final_checkpoint
from openbook.quantize import Quantized
from openbook.release import documents, sealed, tally
from openbook.release import manifest as manifests
from openbook.release.fact import Books
from openbook.release.facts import people, terms
from openbook.release.keys import write_keys
from openbook.release.licenses import demand
from openbook.release.settings import ReleaseSettings
from openbook.release.standalone import write_verifier
from openbook.release.standalone.chain import EARLIER
from openbook.release.tombstones import BEFORE
from openbook.tokenizer import TokenizedCorpus

TABLES = {
    ("corpus", "index.json"): "corpus/index.json",
    ("tokenizer", "report.json"): "reports/tokenizer.json",
    ("evaluation", "pairs.json"): "reports/pairs.json",
    ("model", "repeats.json"): "reports/repeats.json",
    ("sources", "packages.json"): "sources/packages.json",
    ("sources", "files.jsonl"): "sources/files.jsonl",
    ("sources", "origins.json"): "sources/origins.json",
}
"""File of a step that documents cite, where it was made -> its name in the release."""
REPORTS = {
    "corpus": "corpus", "tokenizer": "tokenizer", "model": "training", "evaluation": "evaluation",
    "quantized": "quantizing",
}  # fmt: skip
"""Step whose report.html is handed on -> the name it gets."""
SERVED = "gguf/model-f16.gguf"
LOSS = "reports/loss.json"
"""What every language pays for each file (docs/quantizing.md)."""


def build(
    settings: ReleaseSettings,
    name: str,
    description: str,
    artifacts: Mapping[str, Path],
    work: Path,
    context: Context,
) -> Outcome:
    records = {step: read_record(folder) for step, folder in artifacts.items()}
    with context.progress.task("release", total=None, unit="files") as bar:
        for source, target in sorted(_files(artifacts).items(), key=lambda pair: pair[1]):
            copy(source, work / target)
            bar.advance()
        for step, record in records.items():
            write_bytes(work / "records" / f"{step}.json", record.model_dump_json(indent=1).encode() + b"\n")
            bar.advance()
        for path in (path for folder in artifacts.values() for path in sorted((folder / BEFORE).glob("*.json"))):
            copy(path, work / EARLIER / path.name)
        corpus = Corpus.open(artifacts["corpus"])
        write_document_ids(corpus, work / "corpus" / "document-ids.txt")
        write_evidence(settings, name, description, corpus, records["sources"].settings["sources"], work)
        keys = write_keys(corpus, work)
        write_verifier(work)
        sealed_root = None
        if settings.auditors and sealed.sealed_documents(corpus):
            secret = sealed.secret_of(artifacts["corpus"].parent)
            tokens = TokenizedCorpus.open(artifacts["tokens"]) if "tokens" in artifacts else None
            sealed_root = sealed.seal(corpus, tokens, work, settings.auditors, secret, settings.sealed_domains)
        chosen = Quantized.open(artifacts["quantized"]).served if "quantized" in artifacts else None
        serve = chosen or (SERVED if (work / SERVED).exists() else next(iter(_ggufs(work)), None))
        manifest = manifests.write(
            work,
            name=name,
            serve=serve,
            kind="base",
            languages=corpus.languages,
            corpus_root=corpus.root,
            keys=keys,
            sealed_root=sealed_root,
            roots={step: record.root for step, record in records.items()},
        )
    size = sum(entry.size for entry in manifest.files.values())
    return Outcome(counts={"files": len(manifest.files), "bytes": size}, roots={"manifest": manifest.root})


def _files(artifacts: Mapping[str, Path]) -> dict[Path, str]:
    """Which file of which artifact goes where in the release."""
    checkpoint = final_checkpoint(artifacts["model"]).folder
    files = {path: f"model/{path.name}" for path in checkpoint.iterdir() if path.is_file()}
    files |= {path: f"gguf/{path.name}" for path in artifacts["export"].glob("*.gguf")}
    files[artifacts["export"] / "check.json"] = "reports/export-check.json"
    if "quantized" in artifacts:
        files |= _quantized(artifacts["quantized"])
    files[artifacts["evaluation"] / "bits.json"] = "reports/bits.json"
    files[artifacts["evaluation"] / "parity.json"] = "reports/parity.json"
    files[artifacts["evaluation"] / "memorization.json"] = "reports/memorization.json"
    for step, report in REPORTS.items():
        path = artifacts[step] / "report.html" if step in artifacts else None
        if path and path.exists():
            files[path] = f"reports/{report}.html"
    files |= {artifacts[s] / n: target for (s, n), target in TABLES.items() if (artifacts[s] / n).exists()}
    missing = [path for path in files if not path.exists()]
    if missing:
        raise OpenbookError(f"a release needs {missing[0]}, which is not there: run the recipe again.")
    return files


def _quantized(folder: Path) -> dict[Path, str]:
    """Files of the quantizing step: GGUF beside the export's, folders for PyTorch, the loss table."""
    files = {path: f"gguf/{path.name}" for path in folder.glob("*.gguf")}
    files |= {path: f"pytorch/{path.parent.name}/{path.name}" for path in folder.glob("*/*") if path.is_file()}
    return files | {folder / "loss.json": LOSS, folder / "check.json": "reports/quantized-check.json"}


def _ggufs(work: Path) -> list[str]:
    return sorted(path.relative_to(work).as_posix() for path in work.glob("gguf/*.gguf"))


def copy(source: Path, target: Path) -> None:
    """At once or not at all."""
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def write_document_ids(corpus: Corpus, path: Path) -> None:
    """The ids of all documents, sorted, one a line: the leaves of the corpus' published root."""
    ids = sorted(row["id"] for code in corpus.languages for row in corpus.documents(code, split=None, columns=["id"]))
    with atomic_path(path) as temporary:
        temporary.write_text("".join(f"{identifier}\n" for identifier in ids))


def write_evidence(
    settings: ReleaseSettings,
    name: str,
    description: str,
    corpus: Corpus,
    sources: list[dict[str, Any]],
    work: Path,
) -> None:
    """What was said and what was counted, then evidence and documents, which are derived from the folder alone.

    Raises OpenbookError when the release may not be given out under the license that the recipe names.
    """
    said = {"name": name, "description": description, "release": settings.model_dump(mode="json")}
    write_json(work / people.FILE, said)
    write_json(work / tally.FILE, tally.statistics(corpus, settings, sources))
    if settings.license:
        demand(terms.lineage(Books(work)), settings.license, name)
    documents.write(work)


def write_json(path: Path, value: Any) -> None:
    """Keys in the order of `value`: tables are sorted by size."""
    write_bytes(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False).encode() + b"\n")
