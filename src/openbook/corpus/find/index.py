"""How the corpus artifact gets its find/: documents/ and rejected/ are read once, a task for each stretch of a file.

The same bytes whatever the stretches and whoever reads them; memory is bounded by a stretch and by a partition.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq
from numpy.typing import NDArray

from openbook.books.store import write_bytes
from openbook.context import Context
from openbook.corpus.find import quote, table
from openbook.corpus.find.keys import (
    FOLDER,
    FORMAT,
    INDEX,
    PROBE,
    TABLES,
    VERDICTS,
    domains,
    host_key,
    id_key,
    url_key,
)
from openbook.corpus.find.winnow import fingerprints

STRETCH = 128 << 20
"""Bytes of text that one task reads."""
_COLUMNS = ["id", "url", "text"]
_NONE: NDArray[np.uint64] = np.empty(0, np.uint64)
_Entries = tuple[list[NDArray[np.uint64]], list[int], list[int]]
"""Keys, and for each lot of them their row and their number."""


@dataclass(frozen=True)
class ScanTask:
    file: Path
    first: int
    """Row of the corpus at which the first of the groups begins: files in order of their names."""
    groups: tuple[int, int]
    out: Path


@dataclass(frozen=True)
class Scanned:
    entries: dict[str, int]
    """Of each table."""
    rules: tuple[str, ...]
    """What the codes in its verdicts.npy mean; the empty one: kept."""


def build(folder: Path, context: Context) -> None:
    """Write find/ into the folder of a corpus."""
    pieces = folder / FOLDER / ".pieces"
    tasks, files = _stretches(folder, pieces)
    with context.progress.task("index", len(tasks), "stretches") as bar:
        scanned = list(context.engine.map(scan, tasks, lambda _: bar.advance()))
    rows = sum(count for _, count in files)
    rules = sorted({rule for one in scanned for rule in one.rules} | {""})
    _join_verdicts(tasks, scanned, rules, rows, folder / FOLDER / VERDICTS)
    runs = [task.out for task in tasks]
    merges = {
        name: table.merge_tasks(name, runs, sum(one.entries[name] for one in scanned), rows, pieces) for name in TABLES
    }
    with context.progress.task("sort the index", sum(map(len, merges.values())), "partitions") as bar:
        for todo in merges.values():
            counts = list(context.engine.map(table.merge, todo, lambda _: bar.advance()))
            table.join(todo, counts, folder / FOLDER)
    told = {
        "format": FORMAT,
        "files": files,
        "rules": rules,
        "entries": {name: sum(one.entries[name] for one in scanned) for name in TABLES},
        "probe": f"{quote.whole(quote.hashes(PROBE)):016x}",
        "gram": quote.GRAM,
        "window": quote.WINDOW,
    }
    write_bytes(folder / FOLDER / INDEX, orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
    shutil.rmtree(pieces)


def _stretches(folder: Path, pieces: Path) -> tuple[list[ScanTask], list[tuple[str, int]]]:
    """The tasks, and each file with its rows."""
    tasks: list[ScanTask] = []
    files: list[tuple[str, int]] = []
    first = 0
    for path in sorted([*folder.glob("documents/*.parquet"), *folder.glob("rejected/*.parquet")]):
        metadata = pq.read_metadata(path)
        files.append((path.relative_to(folder).as_posix(), metadata.num_rows))
        begin, size, rows = 0, 0, 0
        for group in range(metadata.num_row_groups):
            size += metadata.row_group(group).total_byte_size
            rows += metadata.row_group(group).num_rows
            if size >= STRETCH or group == metadata.num_row_groups - 1:
                tasks.append(ScanTask(path, first, (begin, group + 1), pieces / f"run-{len(tasks):06d}"))
                begin, size, first, rows = group + 1, 0, first + rows, 0
    return tasks, files


def scan(task: ScanTask) -> Scanned:
    """Write the sorted runs of one stretch, and the verdicts on its rows."""
    file = pq.ParquetFile(task.file)
    rejected = "rejected_by" in file.schema_arrow.names
    entries: dict[str, _Entries] = {name: ([], [], []) for name in TABLES}
    rules: dict[str, int] = {}
    codes: list[int] = []
    row = task.first
    for group in range(*task.groups):
        columns = file.read_row_group(group, [*_COLUMNS, "rejected_by"] if rejected else _COLUMNS)
        for id, url, text in zip(*(columns.column(name).to_pylist() for name in _COLUMNS), strict=True):
            _add(entries["ids"], [id_key(id)], row)
            if url:
                _add(entries["urls"], [url_key(url)], row)
                _add(entries["hosts"], [host_key(name) for name in domains(url)], row)
            if text:
                whole, passages = fingerprints(text)
                if whole:
                    _add(entries["texts"], [whole], row)
                _add(entries["passages"], passages, row)
            row += 1
        verdicts = columns.column("rejected_by").to_pylist() if rejected else [""] * columns.num_rows
        codes += [rules.setdefault(one or "", len(rules)) for one in verdicts]
    counts = {
        name: table.write_run(
            task.out,
            name,
            np.concatenate([_NONE, *keys]),
            np.repeat(np.array(rows, np.uint64), np.array(sizes, np.int64)),
        )
        for name, (keys, rows, sizes) in entries.items()
    }
    np.save(task.out / VERDICTS, np.array(codes, np.uint16))
    return Scanned(counts, tuple(rules))


def _add(entries: _Entries, keys: Sequence[int] | NDArray[np.uint64], row: int) -> None:
    entries[0].append(np.asarray(keys, np.uint64))
    entries[1].append(row)
    entries[2].append(len(keys))


def _join_verdicts(
    tasks: Sequence[ScanTask], scanned: Sequence[Scanned], rules: list[str], rows: int, path: Path
) -> None:
    """The place in `rules` of what became of each row."""
    places = {rule: at for at, rule in enumerate(rules)}
    with table.array_writer(path, np.dtype(np.uint16), rows) as write:
        for task, one in zip(tasks, scanned, strict=True):
            meaning = np.array([places[rule] for rule in one.rules], np.uint16)
            write(meaning[np.load(task.out / VERDICTS)])
