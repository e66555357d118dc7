"""A small index over given texts, built by the step itself from a corpus and tokens of the shapes that it reads."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from openbook.compute import local
from openbook.context import Context
from openbook.progress import quiet
from openbook.tokenizer import TokenizedCorpus
from openbook.trace import TraceIndex, TraceSettings
from openbook.trace import run as build

ROOT = "ab" * 32
"""Root of the corpus."""


def document(number: int) -> str:
    return f"{number:064x}"


def index_of(folder: Path, texts: Sequence[str], most: int = 50, sealed: bool = True, **other: Any) -> TraceIndex:
    """An index over texts that are all one language's documents; every character counts as a token."""
    rights = other.get("rights") or ["open"] * len(texts)
    rows = [
        {
            "id": document(number), "text": text, "url": f"https://a.example/{number}", "title": f"Page {number}",
            "license": "CC0-1.0", "license_evidence": "a link", "reservations": [], "rights": right, "split": "train",
        }
        for number, (text, right) in enumerate(zip(texts, rights, strict=True))
    ]  # fmt: skip
    (folder / "corpus" / "documents").mkdir(parents=True, exist_ok=True)
    (folder / "corpus" / "index.json").write_text(json.dumps({"languages": {"mt": {}}, "root": ROOT}))
    schema = pa.schema([(name, pa.list_(pa.string()) if name == "reservations" else pa.string()) for name in rows[0]])
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "corpus/documents/mt.parquet", row_group_size=3)
    ends = np.cumsum([len(text) + 1 for text in texts])
    (folder / "tokens" / "mt").mkdir(parents=True, exist_ok=True)
    np.zeros(ends[-1], "<u2").tofile(folder / "tokens/mt/tokens.bin")
    spans = {"id": [row["id"] for row in rows], "start": [0, *ends[:-1].tolist()], "end": ends.tolist()}
    pq.write_table(pa.table(spans), folder / "tokens/mt/documents.parquet")
    facts = {"vocabulary": 9, "dtype": "uint16", "languages": {"mt": {"tokens": int(ends[-1])}}}
    (folder / "tokens/index.json").write_text(json.dumps(facts))
    corpus: Any = SimpleNamespace(folder=folder / "corpus", root=ROOT)
    chosen = TraceSettings.model_construct(index=True, sealed=sealed, shard_tokens=most)
    context = Context(local(1), quiet(), folder / "cache")
    build(chosen, corpus, TokenizedCorpus.open(folder / "tokens"), folder / "trace", context)
    return TraceIndex.open(folder / "trace")
