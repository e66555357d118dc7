"""A small release made by hand: records of every step that fit together, a corpus of thirty documents, no model."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from openbook.books import merkle
from openbook.books.record import FileEntry, Record, files_root, identity
from openbook.books.store import write_bytes
from openbook.corpus import Corpus
from openbook.corpus.documents import DOCUMENT_SCHEMA, parquet_writer, write_table
from openbook.release import manifest as manifests
from openbook.release.bundle import write_document_ids
from openbook.release.keys import write_keys
from openbook.release.standalone import write_verifier

CHAIN: dict[str, tuple[str, ...]] = {
    "sources": (),
    "parallel": (),
    "annotated": ("sources",),
    "corpus": ("annotated", "parallel"),
    "tokenizer": ("corpus", "parallel"),
    "tokens": ("corpus", "tokenizer"),
    "model": ("tokens", "tokenizer"),
    "evaluation": ("model", "corpus"),
    "export": ("model",),
}
RELEASED = {
    "model/model.safetensors": ("model", "checkpoints/step-000030/model.safetensors", b"weights" * 40),
    "gguf/model-f16.gguf": ("export", "model-f16.gguf", b"GGUF" * 60),
    "reports/bits.json": ("evaluation", "bits.json", b'{"languages": {"mt": {"bits_per_byte": 2.125}}}\n'),
}
"""File of the release -> the step that made it, its name there, its content."""


def url(number: int) -> str:
    return (
        f"https://host{number % 7}.example/page/{number}?a=1" if number % 5 else f"http://www.maltese.example/{number}/"
    )


def text(number: int) -> str:
    return f"Dan huwa test numru {number},\n\nmiktub g\u0127all-provi."


def write_corpus(folder: Path, count: int = 30) -> Corpus:
    """A corpus of short Maltese documents, each with its own address and text."""
    ids = sorted(hashlib.sha256(b"document %d" % number).hexdigest() for number in range(count))
    rows = [
        dict.fromkeys(DOCUMENT_SCHEMA.names)
        | {"id": one, "text": text(number), "url": url(number), "language": "mt", "split": "train", "rights": "open"}
        for number, one in enumerate(ids)
    ]
    with parquet_writer(folder / "documents" / "mt.parquet", DOCUMENT_SCHEMA) as writer:
        write_table(writer, pa.Table.from_pylist(rows, schema=DOCUMENT_SCHEMA))
    root = merkle.root(map(bytes.fromhex, ids)).hex()
    counts = {"documents": count, "bytes": 1000, "held_out_documents": 0, "held_out_bytes": 0}
    write_bytes(folder / "index.json", json.dumps({"languages": {"mt": counts}, "root": root}).encode())
    return Corpus.open(folder)


def make_records(corpus: Corpus) -> dict[str, Record]:
    records: dict[str, Record] = {}
    for step, inputs in CHAIN.items():
        files = {f"{step}.bin": FileEntry(sha256=hashlib.sha256(step.encode()).hexdigest(), size=len(step))}
        for maker, name, content in RELEASED.values():
            if maker == step:
                files[name] = FileEntry(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
        settings, roots = {"seed": 3, "share": 0.25}, {name: records[name].root for name in inputs}
        if step == "sources":
            roots = {"files on this machine": "ab" * 32}
        records[step] = Record(
            step=step,
            version=1,
            settings=settings,
            inputs=roots,
            identity=identity(step, 1, settings, roots),
            code={"openbook": "0"},
            machine={"system": "Linux"},
            started="2026-01-02T03:04:05Z",
            seconds=1.5,
            cpu_seconds=1.25,
            files=files,
            unrooted=[],
            root=files_root(files),
            roots={"documents": corpus.root} if step == "corpus" else {},
            counts={"documents": corpus.counts("mt")["documents"]} if step == "corpus" else {},
            measures={},
        )
    return records


def make_release(folder: Path, corpus: Corpus, **changed: Any) -> Path:
    records = make_records(corpus)
    for name, (_, _, content) in RELEASED.items():
        write_bytes(folder / name, content)
    for step, record in records.items():
        write_bytes(folder / "records" / f"{step}.json", record.model_dump_json(indent=1).encode() + b"\n")
    write_document_ids(corpus, folder / "corpus" / "document-ids.txt")
    keys = write_keys(corpus, folder)
    write_verifier(folder)
    write_bytes(folder / "README.md", b"# A small release\n\n30 documents, 2.125 bits per byte\n")
    facts: Mapping[str, Any] = {
        "name": "small",
        "serve": "gguf/model-f16.gguf",
        "kind": "base",
        "languages": ("mt",),
        "corpus_root": corpus.root,
        "keys": keys,
        "roots": {step: record.root for step, record in records.items()},
        **changed,
    }
    manifests.write(folder, **facts)
    return folder


def roll(folder: Path, **changed: Any) -> None:
    """Write the manifest anew over whatever lies in the folder now, as a forger would."""
    old = json.loads((folder / manifests.FILE_NAME).read_text())
    facts = {name: old[name] for name in ("name", "serve", "kind", "languages", "corpus_root", "keys", "roots")}
    manifests.write(folder, **{**facts, **changed})
