"""How the corpus artifact gets its find/: documents/ and rejected/ are read once, a task for each stretch of a file.

The same bytes whatever the stretches and whoever reads them; memory is bounded by a stretch and by a partition.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
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

STRETCH, LEAST = 128 << 20, 4 << 20
"""Bytes of text that one task reads at most, about; and of small files together."""
_COLUMNS = ["id", "url", "text"]
_NONE: NDArray[np.uint64] = np.empty(0, np.uint64)


@dataclass(frozen=True)
class Stretch:
    file: Path
    first: int
    """Row of the corpus at which the first of the groups begins: files in order of their names."""
    groups: tuple[int, int]
    size: int


@dataclass(frozen=True)
class ScanTask:
    stretches: tuple[Stretch, ...]
    """That follow each other."""
    out: Path


@dataclass(frozen=True)
class Scanned:
    entries: dict[str, int]
    """Of each table."""
    rules: tuple[str, ...]
    """What the codes in its verdicts.npy mean; the empty one: kept."""


def build(folder: Path, context: Context, beside: Sequence[Callable[[], None]] = ()) -> None:
    """Write find/ into the folder of a corpus. `beside`: other work on the same files, for whichever worker is free."""
    pieces = folder / FOLDER / ".pieces"
    tasks, files = _stretches(folder, pieces)
    with context.progress.task("index", len(beside) + len(tasks), "stretches") as bar:
        work: list[_Task] = [*beside, *tasks]
        done = list(context.engine.map(_work, work, lambda _: bar.advance()))
    scanned = [one for one in done if one is not None]
    rows = sum(count for _, count in files)
    rules = sorted({rule for one in scanned for rule in one.rules} | {""})
    _join_verdicts(tasks, scanned, rules, rows, folder / FOLDER / VERDICTS)
    runs = [task.out for task in tasks]
    merges = {
        name: table.merge_tasks(name, runs, sum(one.entries[name] for one in scanned), rows, pieces) for name in TABLES
    }
    every = [task for todo in merges.values() for task in todo]
    with context.progress.task("sort the index", len(every), "partitions") as bar:
        counts = context.engine.map(table.merge, every, lambda _: bar.advance())
        for todo in merges.values():
            table.join(todo, list(islice(counts, len(todo))), folder / FOLDER)
        assert next(counts, None) is None, "a map puts its things away once it is asked for more"
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


_Task = ScanTask | Callable[[], None]


def _work(task: _Task) -> Scanned | None:
    return scan(task) if isinstance(task, ScanTask) else task()


def _stretches(folder: Path, pieces: Path) -> tuple[list[ScanTask], list[tuple[str, int]]]:
    """The tasks, and each file with its rows."""
    tasks: list[list[Stretch]] = []
    files: list[tuple[str, int]] = []
    first, held = 0, LEAST
    for path in sorted([*folder.glob("documents/*.parquet"), *folder.glob("rejected/*.parquet")]):
        metadata = pq.read_metadata(path)
        files.append((path.relative_to(folder).as_posix(), metadata.num_rows))
        begin, size, rows = 0, 0, 0
        for group in range(metadata.num_row_groups):
            size += metadata.row_group(group).total_byte_size
            rows += metadata.row_group(group).num_rows
            if size >= STRETCH or group == metadata.num_row_groups - 1:
                if held >= LEAST:
                    tasks.append([])
                    held = 0
                tasks[-1].append(Stretch(path, first, (begin, group + 1), size))
                held += size
                begin, size, first, rows = group + 1, 0, first + rows, 0
    return [ScanTask(tuple(one), pieces / f"run-{at:06d}") for at, one in enumerate(tasks)], files


class _Entries:
    """Of one table: keys, one by one or in lots, and the row of each."""

    def __init__(self) -> None:
        self.keys: list[int] = []
        self.rows: list[int] = []
        self.lots: list[NDArray[np.uint64]] = [_NONE]
        self.lot_rows: list[int] = []

    def add(self, key: int, row: int) -> None:
        self.keys.append(key)
        self.rows.append(row)

    def add_lot(self, keys: NDArray[np.uint64], row: int) -> None:
        self.lots.append(keys)
        self.lot_rows.append(row)

    def write(self, folder: Path, name: str) -> int:
        sizes = [lot.size for lot in self.lots[1:]]
        rows = np.concatenate([np.array(self.rows, np.uint64), np.repeat(np.array(self.lot_rows, np.uint64), sizes)])
        return table.write_run(folder, name, np.concatenate([np.array(self.keys, np.uint64), *self.lots]), rows)


def scan(task: ScanTask) -> Scanned:
    """Write the sorted runs of some stretches, and the verdicts on their rows."""
    entries = {name: _Entries() for name in TABLES}
    rules: dict[str, int] = {}
    codes: list[int] = []
    for stretch in task.stretches:
        _scan(stretch, entries, rules, codes)
    counts = {name: one.write(task.out, name) for name, one in entries.items()}
    np.save(task.out / VERDICTS, np.array(codes, np.uint16))
    return Scanned(counts, tuple(rules))


def _scan(stretch: Stretch, entries: dict[str, _Entries], rules: dict[str, int], codes: list[int]) -> None:
    file = pq.ParquetFile(stretch.file)
    rejected = "rejected_by" in file.schema_arrow.names
    ids, urls, hosts, texts, passages = (entries[name] for name in TABLES)
    row = stretch.first
    for group in range(*stretch.groups):
        columns = file.read_row_group(group, [*_COLUMNS, "rejected_by"] if rejected else _COLUMNS)
        for id, url, text in zip(*(columns.column(name).to_pylist() for name in _COLUMNS), strict=True):
            ids.add(id_key(id), row)
            if url:
                urls.add(url_key(url), row)
                for name in domains(url):
                    hosts.add(host_key(name), row)
            if text:
                whole, kept = fingerprints(text)
                if whole:
                    texts.add(whole, row)
                passages.add_lot(kept, row)
            row += 1
        verdicts = columns.column("rejected_by").to_pylist() if rejected else [""] * columns.num_rows
        codes += [rules.setdefault(one or "", len(rules)) for one in verdicts]


def _join_verdicts(
    tasks: Sequence[ScanTask], scanned: Sequence[Scanned], rules: list[str], rows: int, path: Path
) -> None:
    """The place in `rules` of what became of each row."""
    places = {rule: at for at, rule in enumerate(rules)}
    with table.array_writer(path, np.dtype(np.uint16), rows) as write:
        for task, one in zip(tasks, scanned, strict=True):
            meaning = np.array([places[rule] for rule in one.rules], np.uint16)
            write(meaning[np.load(task.out / VERDICTS)])
