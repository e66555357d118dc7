"""A corpus without removed documents, from the corpus that held them: each becomes a tombstone, all else stays.

What is held out stays held out, so the tokens that were made from the corpus before are still those of this one.
"""

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from openbook.books import merkle
from openbook.books.record import Outcome, Record
from openbook.books.store import write_bytes
from openbook.context import Context
from openbook.corpus import Corpus, CorpusSettings
from openbook.corpus.corpus import INDEX
from openbook.corpus.documents import DOCUMENT_SCHEMA, REJECTED_SCHEMA, parquet_writer, write_table
from openbook.corpus.find import index as find_index
from openbook.corpus.funnel import Funnel
from openbook.corpus.page import write_report
from openbook.errors import OpenbookError

RULE = "optout:id"
FUNNEL = "funnel.json"
BEFORE = "before"
"""Folder of an artifact with the records of those that it took the place of, each named by its root."""
_MADE_ANEW = {"documents", "rejected", "find", INDEX, FUNNEL, "report.html", "record.json"}


def link_tree(source: Path, target: Path, leave_out: Set[str] = frozenset()) -> None:
    """A copy of a folder whose files share their bytes with the source: files of artifacts are never changed in place.

    `leave_out`: names at the top.
    """

    def link(name: str, other: str) -> str:
        try:
            os.link(name, other)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(name, other)
        return other

    def ignore(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name in leave_out} if Path(folder) == source else set()

    shutil.copytree(source, target, copy_function=link, ignore=ignore, dirs_exist_ok=True)


def keep_record(record: Record, work: Path, old: Path) -> None:
    """Put the record of a replaced artifact, and of those that it replaced itself, into the new one's folder."""
    for path in (old / BEFORE).glob("*.json"):
        write_bytes(work / BEFORE / path.name, path.read_bytes())
    write_bytes(work / BEFORE / f"{record.root}.json", record.model_dump_json(indent=1).encode() + b"\n")


def without_documents(
    old: Path, record: Record, ids: Set[str], settings: CorpusSettings, work: Path, context: Context
) -> Outcome:
    """The corpus in `old`, whose record is given, without the documents of these ids; ids that it lacks are passed
    over. Raises OpenbookError when nothing is left of it."""
    before = Corpus.open(old)
    shutil.rmtree(work, ignore_errors=True)
    link_tree(old, work, _MADE_ANEW)
    keep_record(record, work, old)
    index = orjson.loads((old / INDEX).read_bytes())
    left: list[str] = []
    stones: dict[str, list[dict[str, Any]]] = {}
    for code in before.languages:
        removed = _keep(before, code, ids, work, left)
        if removed:
            stones[code] = removed
            _count(index["languages"], code, removed)
    if not left:
        raise OpenbookError(f"the removals leave no document of {old}: there is nothing to train on.")
    for code in sorted({*before.rejected_languages, *stones}):
        _reject(before, code, stones.get(code, []), work)
    index["root"] = merkle.root(map(bytes.fromhex, sorted(left))).hex()
    write_bytes(work / INDEX, orjson.dumps(index, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    funnel = _moved(Funnel.read((old / FUNNEL).read_bytes()), stones)
    write_bytes(work / FUNNEL, funnel.json())
    write_report(work, funnel, index, settings)
    find_index.build(work, context)
    rows = [row for of_code in stones.values() for row in of_code]
    counts = record.counts | {
        "documents": len(left),
        "rejected": record.counts["rejected"] + len(rows),
        "held_out": record.counts["held_out"] - sum(row["split"] == "held-out" for row in rows),
        "bytes": record.counts["bytes"] - sum(_size(row) for row in rows),
        "languages": len(index["languages"]),
        "removed_documents": len(rows),
    }
    return Outcome(counts=counts, roots={"documents": index["root"]})


def _keep(before: Corpus, code: str, ids: Set[str], work: Path, left: list[str]) -> list[dict[str, Any]]:
    """Write the documents that stay, a row group at a time, and add their ids to `left`; returns the others."""
    path = before.folder / "documents" / f"{code}.parquet"
    all_ids = pq.read_table(path, columns=["id"]).column("id").to_pylist()
    kept = [id for id in all_ids if id not in ids]
    left += kept
    target = work / "documents" / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if len(kept) == len(all_ids):
        shutil.copyfile(path, target)
        return []
    removed: list[dict[str, Any]] = []
    file = pq.ParquetFile(path)
    with parquet_writer(target, DOCUMENT_SCHEMA) as writer:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            gone = pa.array([id in ids for id in table.column("id").to_pylist()])
            removed += table.filter(gone).to_pylist()
            write_table(writer, table.filter(pa.compute.invert(gone)).cast(DOCUMENT_SCHEMA))
    if not kept:
        target.unlink()
    return removed


def _reject(before: Corpus, code: str, stones: list[dict[str, Any]], work: Path) -> None:
    """The rejected pages and the tombstones in order of their ids, a row group at a time."""
    path = before.folder / "rejected" / f"{code}.parquet"
    target = work / "rejected" / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if not stones:
        shutil.copyfile(path, target)
        return
    rows = [dict.fromkeys(REJECTED_SCHEMA.names) | row | {"rejected_by": RULE} for row in stones]
    rows.sort(key=lambda row: str(row["id"]))
    told = [{name: row[name] for name in REJECTED_SCHEMA.names} for row in rows]
    file = pq.ParquetFile(path) if path.is_file() else None
    with parquet_writer(target, REJECTED_SCHEMA) as writer:
        for group in range(file.num_row_groups if file else 0):
            assert file is not None
            table = file.read_row_group(group).cast(REJECTED_SCHEMA)
            last = table.column("id")[-1].as_py() if table.num_rows else ""
            now = [row for row in told if str(row["id"]) <= last]
            told = told[len(now) :]
            joined = pa.concat_tables([table, pa.Table.from_pylist(now, schema=REJECTED_SCHEMA)])
            write_table(writer, joined.sort_by("id") if now else table)
        write_table(writer, pa.Table.from_pylist(told, schema=REJECTED_SCHEMA))


def _size(row: Mapping[str, Any]) -> int:
    return len(row["text"].encode())


def _count(languages: dict[str, dict[str, int]], code: str, removed: list[dict[str, Any]]) -> None:
    counts = languages[code]
    for row in removed:
        for name in ("", "held_out_") if row["split"] == "held-out" else ("",):
            counts[f"{name}documents"] -= 1
            counts[f"{name}bytes"] -= _size(row)
    if not counts["documents"]:
        del languages[code]


def _moved(funnel: Funnel, stones: Mapping[str, list[dict[str, Any]]]) -> Funnel:
    """The funnel in which the removed pages are rejected by their rule."""
    gone: dict[tuple[str, str], Counter[str]] = {}
    for code, rows in stones.items():
        for row in rows:
            counter = gone.setdefault((code, row["source"]), Counter())
            counter.update(kept=1, bytes=_size(row), held_out=int(row["split"] == "held-out"))
    lines = []
    for line in funnel.lines:
        less = gone.get((line.language, line.source))
        if less:
            rejected = {**line.rejected, RULE: line.rejected.get(RULE, 0) + less["kept"]}
            line = replace(
                line,
                rejected=dict(sorted(rejected.items())),
                kept=line.kept - less["kept"],
                bytes=line.bytes - less["bytes"],
                held_out=line.held_out - less["held_out"],
            )
        lines.append(line)
    return Funnel(tuple(lines), funnel.not_pages)
