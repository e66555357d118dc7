"""Which lines stand on so many pages of a site that they are its furniture, and what is left of a page without them.

A line is cut from all pages of its host but the best one that holds it. Lines are counted out of memory: spread over
partitions by (host, line), counted there; a last pass looks up each page's own lines.
"""

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from openbook.books.store import atomic_path
from openbook.compute import Engine
from openbook.corpus.addresses import site_of
from openbook.corpus.candidates import partition_of
from openbook.corpus.line_keys import cut, line_keys
from openbook.corpus.settings import CorpusSettings
from openbook.corpus.shuffle import fresh, once, read_partition, write_run

RECORD = np.dtype([("key", "<u8"), ("host", "<u8"), ("rank", "<i8")])
HOST = np.dtype([("host", "<u8"), ("pages", "<i8")])
REPEATED = np.dtype([("key", "<u8"), ("rank", "<i8")])
"""A line of a host, and the rank of the best page that holds it; sorted by key."""
PARTITION_RECORDS = 2 << 20
LINES_A_PAGE = 24
"""To guess the number of partitions by."""
SMALL = 30_000
"""Pages that are counted in this process, in a second or so, where starting workers would take longer."""
GROUP = 4
"""Parts that are spread by one task."""
CUTS = pa.schema(
    [
        ("row", pa.int32()),
        ("lines", pa.list_(pa.int32())),
        ("bytes", pa.int32()),
        ("words", pa.int32()),
        ("holder", pa.int64()),
    ]
)
"""Pages that lose lines: row in the part, which lines, how many bytes, words left, rank of the page that holds most."""


@dataclass(frozen=True)
class LineTask:
    folder: Path
    number: int
    parts: tuple[Path, ...]
    start: int
    """Where these parts begin among all rows."""
    settings: CorpusSettings
    partitions: int
    tasks: int = 0
    pages: int = 0


def find(
    parts: Sequence[Path],
    starts: Sequence[int],
    ranks: NDArray[np.int64],
    settings: CorpusSettings,
    engine: Engine,
    folder: Path,
) -> list[Path]:
    """A file of CUTS for each part; no files at all where nothing is cut.

    parts: annotated; starts: where each begins among all rows; ranks: [rows], -1 for those that take no part.
    """
    wanted = settings.duplicates.lines
    profiles = {settings.profile, *settings.profiles.values()}
    count = int(ranks.max(initial=-1)) + 1
    if not wanted.on or not profiles & set(wanted.profiles) or count < wanted.pages:
        return []
    told = [settings.profile, dict(sorted(settings.profiles.items())), wanted.model_dump()]
    named = [[part.name, part.stat().st_size] for part in parts]
    fresh(folder, orjson.dumps([told, named, GROUP]) + xxhash.xxh3_128_digest(np.ascontiguousarray(ranks).data))
    with atomic_path(folder / "ranks.npy") as temporary, temporary.open("wb") as file:
        np.save(file, ranks)
    partitions = 1 << max(0, math.ceil(math.log2(count * LINES_A_PAGE / PARTITION_RECORDS)))
    groups = [
        LineTask(folder, number, tuple(parts[at : at + GROUP]), starts[at], settings, partitions)
        for number, at in enumerate(range(0, len(parts), GROUP))
    ]
    run = engine.map if count >= SMALL or engine.standing else map
    list(run(spread, groups))
    if not _sum_hosts(folder, len(groups), wanted.pages):
        return []
    counted = [LineTask(folder, at, (), 0, settings, partitions, len(groups)) for at in range(partitions)]
    if not sum(run(repeated, counted)):
        return []
    with atomic_path(folder / "repeated") as temporary, temporary.open("wb") as file:
        for at in range(partitions):  # by the highest bits of the key: one after another they are sorted
            with (folder / "found" / f"{at:06d}").open("rb") as piece:
                shutil.copyfileobj(piece, file)
    list(run(cut_group, groups))
    return [folder / "cuts" / f"{part.stem}.parquet" for part in parts]


def _sum_hosts(folder: Path, tasks: int, pages: int) -> int:
    """Write how many pages each host has, of those with enough; returns how many hosts."""
    rows = np.concatenate([np.fromfile(folder / "hosts" / f"{at:06d}", HOST) for at in range(tasks)])
    hosts, place = np.unique(rows["host"], return_inverse=True)
    counts = np.zeros(hosts.size, np.int64)
    np.add.at(counts, place, rows["pages"])
    enough = counts >= pages
    table = np.empty(int(enough.sum()), HOST)
    table["host"], table["pages"] = hosts[enough], counts[enough]
    with atomic_path(folder / "hosts.all") as temporary:
        table.tofile(temporary)
    return int(table.size)


@dataclass(frozen=True)
class PageLines:
    """The lines of the pages of one part that take part."""

    rows: NDArray[np.int64]
    """[lines]: the page's row in the part."""
    keys: NDArray[np.uint64]
    """[lines]: hash of host and line."""
    hosts: NDArray[np.uint64]
    """[lines]"""
    pages: NDArray[np.uint64]
    """[pages]: the host of every page that takes part, those without lines too."""


def page_lines(part: Path, ranks: NDArray[np.int64], settings: CorpusSettings) -> PageLines:
    """ranks: [rows of the part]."""
    table = pq.read_table(part, columns=["url", "source", "lines"])
    wanted = settings.duplicates.lines
    ours = {
        source: settings.profiles.get(source, settings.profile) in wanted.profiles
        for source in table.column("source").unique().to_pylist()
    }
    pieces: list[NDArray[np.uint64]] = []
    rows, pages = [], []
    columns = zip(*(table.column(name).to_pylist() for name in table.column_names), strict=True)
    for row, (url, source, lines) in enumerate(columns):
        host = site_of(url) if ranks[row] >= 0 and ours[source] else ""
        if host:
            pages.append(xxhash.xxh3_64_intdigest(host.encode("utf-8", "surrogatepass")))
            pieces.append(np.frombuffer(lines or b"", np.uint64))
            rows.append(row)
    sizes = [piece.size for piece in pieces]
    hosts = np.array(pages, np.uint64)
    mine = np.repeat(hosts, sizes)
    lines = np.concatenate([np.zeros(0, np.uint64), *pieces])
    return PageLines(np.repeat(np.array(rows, np.int64), sizes), _joined(mine, lines), mine, hosts)


def _joined(hosts: NDArray[np.uint64], lines: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Both hashes are good ones; a product with an odd number keeps host and line from changing places."""
    joined = (hosts * np.uint64(0x9E3779B97F4A7C15)) ^ lines
    joined = (joined ^ (joined >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    return np.asarray(joined ^ (joined >> np.uint64(33)))


def _ranks(task: LineTask) -> NDArray[np.int64]:
    return np.asarray(np.load(task.folder / "ranks.npy", mmap_mode="r"))


def spread(task: LineTask) -> int:
    """The lines of some parts, sorted by partition, and the number of pages of each host."""
    return once(task.folder / "lines" / f"{task.number:06d}.done", lambda: _spread(task))


def _spread(task: LineTask) -> int:
    every, start = _ranks(task), task.start
    pieces, hosts = [], []
    for part in task.parts:
        size = pq.read_metadata(part).num_rows
        ranks = every[start : start + size]
        found = page_lines(part, ranks, task.settings)
        records = np.empty(found.keys.size, RECORD)
        records["key"], records["host"], records["rank"] = found.keys, found.hosts, ranks[found.rows]
        pieces.append(records)
        hosts.append(found.pages)
        start += size
    names, pages = np.unique(np.concatenate(hosts), return_counts=True)
    table = np.empty(names.size, HOST)
    table["host"], table["pages"] = names, pages
    with atomic_path(task.folder / "hosts" / f"{task.number:06d}") as temporary:
        table.tofile(temporary)
    records = np.concatenate(pieces)
    partition = partition_of(records["key"], task.partitions)
    write_run(task.folder / "lines" / f"{task.number:06d}", records, partition, task.partitions)
    return int(records.size)


def repeated(task: LineTask) -> int:
    """The repeated lines of one partition, sorted by key; returns how many."""
    return once(task.folder / "found" / f"{task.number:06d}.done", lambda: _repeated(task))


def _repeated(task: LineTask) -> int:
    paths = [task.folder / "lines" / f"{at:06d}" for at in range(task.tasks)]
    records = read_partition(paths, task.number, task.partitions, RECORD)
    table = np.fromfile(task.folder / "hosts.all", HOST)
    place = np.minimum(np.searchsorted(table["host"], records["host"]), table.size - 1)
    large = table["host"][place] == records["host"]
    records, pages = records[large], table["pages"][place[large]]
    keys, first, inverse, counts = np.unique(records["key"], return_index=True, return_inverse=True, return_counts=True)
    best = np.full(keys.size, np.iinfo(np.int64).max)
    np.minimum.at(best, inverse, records["rank"])
    wanted = task.settings.duplicates.lines
    enough = (counts >= wanted.pages) & (counts >= wanted.share * pages[first])
    found = np.empty(int(enough.sum()), REPEATED)
    found["key"], found["rank"] = keys[enough], best[enough]
    with atomic_path(task.folder / "found" / f"{task.number:06d}") as temporary:
        found.tofile(temporary)
    return int(found.size)


def cut_group(task: LineTask) -> int:
    """What the pages of some parts lose; returns how many lose something."""
    every, start, count = _ranks(task), task.start, 0
    known = np.memmap(task.folder / "repeated", REPEATED, mode="r")
    for part in task.parts:
        size = pq.read_metadata(part).num_rows
        rows = _cuts(part, every[start : start + size], known, task.settings)
        with atomic_path(task.folder / "cuts" / f"{part.stem}.parquet") as temporary:
            pq.write_table(pa.Table.from_pylist(rows, CUTS), temporary)
        start, count = start + size, count + len(rows)
    return count


def _cuts(
    part: Path, ranks: NDArray[np.int64], known: NDArray[np.void], settings: CorpusSettings
) -> list[dict[str, object]]:
    found = page_lines(part, ranks, settings)
    place = np.minimum(np.searchsorted(known["key"], found.keys), known.size - 1)
    holder = known["rank"][place]
    hit = (known["key"][place] == found.keys) & (holder != ranks[found.rows])
    where = np.unique(found.rows[hit])
    lost: list[dict[str, object]] = []
    if not where.size:
        return lost
    row = 0
    for batch in pq.ParquetFile(part).iter_batches(512, columns=["text"]):
        mine = where[(where >= row) & (where < row + batch.num_rows)]
        for one in mine.tolist():
            text = batch.column("text")[one - row].as_py()
            lines = slice(*np.searchsorted(found.rows, [one, one + 1]))
            chosen = np.flatnonzero(hit[lines]) + lines.start
            lost.append({"row": one} | _cut(text, int(found.hosts[chosen][0]), found.keys[chosen], holder[chosen]))
        row += batch.num_rows
    return lost


def _cut(text: str, host: int, keys: NDArray[np.uint64], holders: NDArray[np.int64]) -> dict[str, object]:
    lines, words = line_keys(text)
    joined = _joined(np.full(lines.size, host, np.uint64), lines)
    gone = np.flatnonzero(np.isin(joined, keys) & (lines != 0))
    sizes = np.array([len(line.encode()) for line in text.split("\n")])
    by_holder: dict[int, int] = {}
    holder_of = dict(zip(keys.tolist(), holders.tolist(), strict=True))
    for line in gone.tolist():
        one = holder_of[int(joined[line])]
        by_holder[one] = by_holder.get(one, 0) + int(sizes[line])
    return {
        "lines": gone.tolist(),
        "bytes": len(text.encode()) - len(cut(text, gone.astype(np.int32)).encode()),
        "words": int(words.sum() - words[gone].sum()),
        "holder": min(by_holder, key=lambda one: (-by_holder[one], one)),
    }
