"""How rows get from the files they were read in to the files they belong to: dealt out by language, then merged by id.

Every part of the annotated pages, or a few small ones, is dealt into one file, sorted by hand (language, kept or not,
range of ids); a language's file then takes its hands range by range. A worker holds a part, or a range.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from openbook.books.store import atomic_path
from openbook.corpus.cuts import without
from openbook.corpus.documents import DOCUMENT_SCHEMA, REJECTED_SCHEMA, parquet_writer, write_table

RANGE_BYTES = 48 << 20
"""Text of a range of ids that is merged at a time, about."""
GROUP_BYTES, LEAST_BYTES, GROUPS = 32 << 20, 2 << 20, 4
"""Text of the parts that are dealt together, about: as much as a part may hold; less in a small corpus, so that several
workers have something to do. It follows from the parts alone, so that a killed run goes on with the same groups."""
READ_ROWS = 512
HANDS = b"openbook"
"""Key of a dealt file's metadata: its hands, and how many rows each has."""

Hand = tuple[str, int]
"""File it goes to (`documents/mt`, `rejected/und`), range of ids."""
Rows = tuple[int, int]
"""First row in the dealt file, how many."""

_VERDICTS = {
    "rights": pa.string(),
    "split": pa.string(),
    "rejected_by": pa.string(),
    "measure": pa.float64(),
    "duplicate_of": pa.string(),
    "similarity": pa.float64(),
    "cut_lines": pa.int32(),
    "cut_bytes": pa.int32(),
}
_DECIDED = ("reservations", "unreadable", "quality")
"""With what the policy files of the site add to the signals of the page."""
DEALT_SCHEMA = pa.schema(
    [*DOCUMENT_SCHEMA, *(field for field in REJECTED_SCHEMA if field.name not in DOCUMENT_SCHEMA.names)]
)


@dataclass(frozen=True)
class DealPart:
    part: Path
    decided: Path
    """Of decide_part: signals about rights, quality and what stays of a text that is cut, of each row."""
    verdicts: Path
    """Columns of _VERDICTS, `target` and its number of ranges, row by row."""
    cuts: Path | None = None
    """The lines to be cut from the kept ones, as `repeated_lines` wrote them."""


@dataclass(frozen=True)
class DealTask:
    parts: tuple[DealPart, ...]
    out: Path


@dataclass(frozen=True)
class MergeTask:
    target: str
    dealt: tuple[tuple[Path, tuple[tuple[int, Rows], ...]], ...]
    """File of dealt rows -> (range, rows) of those for this target."""
    out: Path


def ranges(size: int) -> int:
    """In how many ranges of ids a target of so many bytes of text is merged: a power of two."""
    count = 1
    while count * RANGE_BYTES < size and count < 256:
        count *= 2
    return count


def groups(sizes: Sequence[int]) -> list[range]:
    """Neighboring parts that are dealt together: small ones, so that there are few hands; a large one stays alone."""
    found: list[range] = []
    held, bound = 0, min(GROUP_BYTES, max(LEAST_BYTES, sum(sizes) // GROUPS))
    for at, size in enumerate(sizes):
        if found and held + size <= bound:
            found[-1] = range(found[-1].start, at + 1)
            held += size
        else:
            found.append(range(at, at + 1))
            held = size
    return found


def deal_parts(task: DealTask) -> list[tuple[Hand, Rows]]:
    """Deal some parts, unless a killed run has; returns the hands in the order of the file's rows."""
    if task.out.exists():
        with pa.memory_map(str(task.out)) as file:
            noted = pa.ipc.open_file(file).schema.metadata[HANDS]
        return [((target, place), (first, size)) for (target, place), (first, size) in orjson.loads(noted)]
    tables: list[pa.Table] = []
    rows: list[Hand] = []
    for part in task.parts:
        _deal(part, tables, rows)
    hands = sorted(set(rows))
    places = {hand: at for at, hand in enumerate(hands)}
    hand_of = np.array([places[hand] for hand in rows], np.int64)
    table = pa.concat_tables(tables).combine_chunks()
    tables.clear()
    table = table.take(np.argsort(hand_of, kind="stable")).combine_chunks()
    sizes = np.bincount(hand_of, minlength=len(hands))
    dealt = list(zip(hands, zip((np.cumsum(sizes) - sizes).tolist(), sizes.tolist(), strict=True), strict=True))
    # Read once and deleted. In one batch and not compressed a hand costs nothing but its rows: they are mapped. As a
    # batch of its own, with a hundred columns, it costs a millisecond or two.
    table = table.replace_schema_metadata({HANDS: orjson.dumps(dealt)})
    with atomic_path(task.out) as temporary, pa.ipc.new_file(str(temporary), table.schema) as writer:
        writer.write_table(table)
    return dealt


def _deal(part: DealPart, tables: list[pa.Table], hands: list[Hand]) -> None:
    """The part's rows with what was decided of them, and the hand of each."""
    with pa.memory_map(str(part.verdicts)) as file:
        verdicts = pa.ipc.open_file(file).read_all()
    decided = pq.read_table(part.decided, columns=[*_DECIDED, "pieces"])
    for name in decided.column_names:
        verdicts = verdicts.append_column(name, decided.column(name))
    targets, counts = verdicts.column("target").to_pylist(), verdicts.column("ranges").to_pylist()
    cuts = _cuts(part.cuts)
    row = 0
    for batch in pq.ParquetFile(part.part).iter_batches(READ_ROWS, columns=_read_columns()):
        told = verdicts.slice(row, batch.num_rows)
        tables.append(_with_verdicts(without(pa.Table.from_batches([batch]), told, cuts, row), told))
        for at, id in enumerate(batch.column("id").to_pylist(), row):
            hands.append((targets[at], int(id[:2], 16) * counts[at] // 256))
        row += batch.num_rows


def _cuts(path: Path | None) -> dict[int, NDArray[np.int32]]:
    if path is None:
        return {}
    table = pq.read_table(path, columns=["row", "lines"])
    lines = (np.asarray(one, np.int32) for one in table.column("lines").to_pylist())
    return dict(zip(table.column("row").to_pylist(), lines, strict=True))


def _read_columns() -> list[str]:
    return [name for name in DEALT_SCHEMA.names if name not in (*_VERDICTS, "quality")]


def _with_verdicts(table: pa.Table, verdicts: pa.Table) -> pa.Table:
    given = {*_VERDICTS, *_DECIDED}
    columns = {name: (verdicts if name in given else table).column(name) for name in DEALT_SCHEMA.names}
    removed = pc.fill_null(pc.starts_with(columns["rejected_by"], "optout:"), False)
    for name in ("text", "title"):  # what is left out by name leaves no words behind
        columns[name] = pc.if_else(removed, None, columns[name])
    return pa.table(columns, schema=DEALT_SCHEMA)


def merge(task: MergeTask) -> int:
    """Write the rows of one target in order of their ids, unless a killed run has; returns how many."""
    if task.out.exists():
        return int(pq.read_metadata(task.out).num_rows)
    schema = DOCUMENT_SCHEMA if task.target.startswith("documents/") else REJECTED_SCHEMA
    count = 0
    with parquet_writer(task.out, schema) as writer:
        for place in sorted({place for _, hands in task.dealt for place, _ in hands}):
            pieces = []
            for path, hands in task.dealt:
                if mine := [rows for at, rows in hands if at == place]:
                    pieces += _slices(path, mine)
            table = pa.Table.from_batches(pieces).select(schema.names)
            table = table.take(_order(table))
            write_table(writer, table)
            count += table.num_rows
    return count


def _slices(path: Path, which: Sequence[Rows]) -> list[pa.RecordBatch]:
    with pa.memory_map(str(path)) as file:
        batch = pa.ipc.open_file(file).get_batch(0)
    return [batch.slice(*rows) for rows in which]


def _order(table: pa.Table) -> pa.Array:
    record = table.column("record").combine_chunks()
    keys = {"id": table.column("id"), "file": record.field("file"), "offset": record.field("offset")}
    return pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in keys])


def merge_tasks(dealt: Sequence[tuple[Path, Sequence[tuple[Hand, Rows]]]], folder: Path) -> list[MergeTask]:
    """One for each target, in order of their names."""
    targets: dict[str, list[tuple[Path, tuple[tuple[int, Rows], ...]]]] = {}
    for path, hands in dealt:
        mine: dict[str, list[tuple[int, Rows]]] = {}
        for (target, place), rows in hands:
            mine.setdefault(target, []).append((place, rows))
        for target, groups in mine.items():
            targets.setdefault(target, []).append((path, tuple(groups)))
    return [MergeTask(target, tuple(targets[target]), folder / f"{target}.parquet") for target in sorted(targets)]


def write_verdicts(path: Path, columns: dict[str, NDArray[np.generic] | list[str | None]]) -> None:
    """The file that DealTask.verdicts names."""
    types = {**_VERDICTS, "target": pa.string(), "ranges": pa.int32()}
    arrays = {name: pa.array(columns[name], kind, from_pandas=True) for name, kind in types.items()}
    table = pa.table(arrays)
    with atomic_path(path) as temporary, pa.ipc.new_file(str(temporary), table.schema) as writer:
        writer.write_table(table)
