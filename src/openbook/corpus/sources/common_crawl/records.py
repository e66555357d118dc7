"""Records of a crawl fetched one by one and packed, each as the very bytes of the crawl, with where it stood there."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from openbook.books.store import write_bytes
from openbook.corpus.sources.common_crawl.index import Capture, captures
from openbook.corpus.sources.common_crawl.listing import address
from openbook.corpus.sources.pack import FILE_BYTES, info_member
from openbook.corpus.sources.remote import Web, in_threads
from openbook.corpus.sources.remote.web import CONNECTIONS
from openbook.corpus.sources.settings import CommonCrawlSource
from openbook.progress import Progress

GAP = 256 << 10
"""Bytes between two records of a file up to which they are asked for together: a request costs more than this."""
SPAN = 8 << 20
"""Bytes of one request."""
ORIGINS = ".origins.jsonl"


@dataclass(frozen=True)
class _Batch:
    """What goes into one file."""

    number: int
    captures: tuple[Capture, ...]


def pack_records(
    source: CommonCrawlSource, work: Path, web: Web, progress: Progress
) -> tuple[list[str], dict[str, Any]]:
    """Writes `warc/<source>/…`; returns names in the artifact and what is recorded. What stands is not made again.

    Beside each file lies `….warc.gz.origins.jsonl`: for each record where it stands and where it stood in the crawl.
    """
    taken, left_out, facts = captures(source, web)
    folder = work / "warc" / source.name
    tasks = list(batches(taken))

    def write(batch: _Batch) -> str:
        return _write(source, folder, batch, web)

    with progress.task("fetch records", len(taken), "records") as bar:
        names = in_threads(write, tasks, CONNECTIONS, web.gate.stop, lambda one: bar.advance(len(one.captures)))
    told = {
        "source": source.name,
        "kind": source.kind,
        "crawl": source.crawl,
        "captures": len(taken) + left_out.total(),
        "taken": len(taken),
        "left_out": dict(sorted(left_out.items())),
        **facts,
    }
    return [f"warc/{source.name}/{name}" for name in names], told


def batches(taken: list[Capture]) -> Iterator[_Batch]:
    """Cut by the lengths that the index tells, so that a killed run finds its files again."""
    start, size, number = 0, 0, 1
    for at, capture in enumerate(taken):
        size += capture.length
        if size >= FILE_BYTES or at + 1 == len(taken):
            yield _Batch(number, tuple(taken[start : at + 1]))
            start, size, number = at + 1, 0, number + 1


def spans(taken: tuple[Capture, ...]) -> Iterator[list[Capture]]:
    """Records that one request brings."""
    run: list[Capture] = []
    for capture in taken:
        if run:
            end = run[-1].offset + run[-1].length
            far = capture.offset - end > GAP or capture.offset + capture.length - run[0].offset > SPAN
            if capture.file != run[0].file or far:
                yield run
                run = []
        run.append(capture)
    if run:
        yield run


def _write(source: CommonCrawlSource, folder: Path, batch: _Batch, web: Web) -> str:
    name = f"{source.name}-{batch.number:05d}.warc.gz"
    if (folder / name).exists():
        return name
    members: list[bytes] = []
    for run in spans(batch.captures):
        start, end = run[0].offset, max(one.offset + one.length for one in run)
        data, _ = web.piece(address(source, run[0].file), start, end)
        members += [data[one.offset - start : one.offset - start + one.length] for one in run]
    facts = {"source": source.name, "isPartOf": source.crawl} | ({"license": source.license} if source.license else {})
    head = info_member(name, facts)
    rows, offset = [], len(head)
    for capture, member in zip(batch.captures, members, strict=True):
        rows.append(orjson.dumps({"at": offset, **asdict(capture)}) + b"\n")
        offset += len(member)
    write_bytes(folder / f"{name}{ORIGINS}", b"".join(rows))
    write_bytes(folder / name, head + b"".join(members))
    return name


def origin_of(path: Path, offset: int) -> dict[str, Any] | None:
    """Where the record at `offset` of a packed file stood in the crawl: file, offset, length, url and so on."""
    beside = path.with_name(path.name + ORIGINS)
    if beside.is_file():
        for line in beside.read_bytes().splitlines():
            row = orjson.loads(line)
            if row.pop("at") == offset:
                return dict(row)
    return None
