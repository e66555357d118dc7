"""The trace step: the training text cut into shards of bounded size, each laid out and its words sorted."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openbook.books.record import Outcome
from openbook.books.store import atomic_path, write_bytes
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.trace.index import DOCUMENTS, FORMAT, INDEX, SUFFIXES, TEXT
from openbook.trace.settings import TraceSettings

if TYPE_CHECKING:
    from openbook.corpus import Corpus
    from openbook.tokenizer import TokenizedCorpus

_COLUMNS = ("id", "text", "url", "title", "license", "license_evidence", "reservations", "rights")
_LARGEST = 2**31 - 1
"""Bytes of a shard's text, so that a place in it fits into 32 bits while it is sorted."""


@dataclass(frozen=True)
class Part:
    """One shard: of each language, in order, the documents [first, behind) of its training split."""

    corpus: str
    tokens: str
    folder: str
    pieces: tuple[tuple[str, int, int], ...]
    sealed: bool


def run(settings: TraceSettings, corpus: "Corpus", tokens: "TokenizedCorpus", work: Path, context: Context) -> Outcome:
    """Build the index; shards that a killed run has finished are kept."""
    parts = [
        Part(str(corpus.folder), str(tokens.folder), str(work / f"{at:05d}"), pieces, settings.sealed)
        for at, pieces in enumerate(cut(tokens, settings.shard_tokens) if settings.index else ())
    ]
    total: dict[str, int | float] = dict.fromkeys(("documents", "words", "bytes", "tokens"), 0)
    with context.progress.task("trace: sorting", len(parts), "shards") as bar:
        for counts in context.engine.map(build_shard, parts, lambda _: bar.advance()):
            total = {name: value + counts[name] for name, value in total.items()}
    shards = [Path(part.folder).name for part in parts]
    told = {"format": FORMAT, "corpus_root": corpus.root, "sealed": settings.sealed, "shards": shards, **total}
    write_bytes(work / INDEX, json.dumps(told, indent=1, sort_keys=True).encode() + b"\n")
    return Outcome(counts=total | {"shards": len(parts)})


def cut(tokens: "TokenizedCorpus", most: int) -> Iterator[tuple[tuple[str, int, int], ...]]:
    """The documents of all languages in shards of `most` tokens at most."""
    pieces: list[tuple[str, int, int]] = []
    size = 0
    for language in tokens.languages:
        first, number = 0, 0
        for number, (_, start, end) in enumerate(tokens.documents(language), 1):
            if size and size + end - start > most:
                if number - 1 > first:
                    pieces.append((language, first, number - 1))
                yield tuple(pieces)
                pieces, size, first = [], 0, number - 1
            size += end - start
        if number > first:
            pieces.append((language, first, number))
    if pieces:
        yield tuple(pieces)


def build_shard(part: Part) -> dict[str, int]:
    """Write a shard; documents.arrow comes last and says that it is whole."""
    import pyarrow as pa
    from pydivsufsort import divsufsort

    folder = Path(part.folder)
    if (folder / DOCUMENTS).exists():
        return _counts(folder)
    text, begins, rows = _laid_out(part)
    if len(text) > _LARGEST:
        raise OpenbookError(f"a shard holds {len(text):,} bytes: lower `trace.shard_tokens` of the recipe.")
    order = divsufsort(text) if len(text) > 1 else np.zeros(len(text), np.int32)
    suffixes = order[begins[order]].astype("<u4")
    del order
    for name, content in ((TEXT, text), (SUFFIXES, suffixes)):
        with atomic_path(folder / name) as path:
            content.tofile(path)
    schema = pa.schema([*_schema(pa)])
    table = pa.Table.from_pylist(rows, schema=schema).combine_chunks()
    with atomic_path(folder / DOCUMENTS) as path, pa.ipc.new_file(str(path), schema) as writer:
        writer.write_table(table)
    return _counts(folder)


def _laid_out(part: Part) -> tuple[Any, Any, list[dict[str, Any]]]:
    """The shard's text, which of its bytes begin a word, and a row for each document."""
    from openbook.trace.layout import FIRST, lay_out

    pieces, marks, rows, size = [], [], [], 0
    end = np.zeros(1, np.uint8)
    for row in _documents(part):
        laid = lay_out(row.pop("text"))
        begins = np.zeros(len(laid.bytes) + 1, np.bool_)
        begins[laid.words[:, FIRST]] = True
        pieces += [laid.bytes, end]
        marks.append(begins)
        rows.append({**row, "start": size})
        size += len(begins)
    if not pieces:
        return np.zeros(0, np.uint8), np.zeros(0, np.bool_), rows
    return np.concatenate(pieces), np.concatenate(marks), rows


def _documents(part: Part) -> Iterator[dict[str, Any]]:
    from openbook.corpus import Corpus
    from openbook.tokenizer import TokenizedCorpus

    corpus, tokens = Corpus.open(Path(part.corpus)), TokenizedCorpus.open(Path(part.tokens))
    for language, first, behind in part.pieces:
        wanted = list(islice(tokens.documents(language), first, behind))
        for row, (id, start, end) in zip(_rows(corpus, language, wanted[0][0]), wanted, strict=False):
            if row["id"] != id:
                raise OpenbookError(f"{part.tokens} is of another corpus: it has {id} where that has {row['id']}.")
            open_ = row["rights"] == "open"
            if not open_ and not part.sealed:
                continue
            told = {name: row[name] if open_ else None for name in ("url", "title", "license", "license_evidence")}
            yield {
                **told,
                "id": bytes.fromhex(id),
                "text": row["text"],
                "language": language,
                "rights": row["rights"],
                "reservations": list(row["reservations"] or ()) if open_ else [],
                "token_start": start,
                "token_end": end,
            }


def _rows(corpus: "Corpus", language: str, first: str) -> Iterator[dict[str, Any]]:
    """The training documents from this id on; row groups before it are not read."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(corpus.folder / "documents" / f"{language}.parquet")
    column = file.schema_arrow.get_field_index("id")
    for group in range(file.num_row_groups):
        bounds = file.metadata.row_group(group).column(column).statistics
        if bounds is not None and bounds.max < first:
            continue
        for row in file.read_row_group(group, columns=[*_COLUMNS, "split"]).to_pylist():
            if row["split"] == "train" and row["id"] >= first:
                yield row


def _schema(pa: Any) -> list[Any]:
    text = ("language", "rights", "url", "title", "license", "license_evidence")
    numbers = ("start", "token_start", "token_end")
    return [
        pa.field("id", pa.binary(32)),
        *(pa.field(name, pa.int64()) for name in numbers),
        *(pa.field(name, pa.string()) for name in text),
        pa.field("reservations", pa.list_(pa.string())),
    ]


def _counts(folder: Path) -> dict[str, int]:
    import pyarrow as pa

    with pa.memory_map(str(folder / DOCUMENTS)) as file:
        table = pa.ipc.open_file(file).read_all()
        tokens = int(np.sum(table["token_end"].to_numpy() - table["token_start"].to_numpy()))
        documents = table.num_rows
    return {
        "documents": documents,
        "words": (folder / SUFFIXES).stat().st_size // 4,
        "bytes": sum((folder / name).stat().st_size for name in (TEXT, SUFFIXES, DOCUMENTS)),
        "tokens": tokens,
    }
