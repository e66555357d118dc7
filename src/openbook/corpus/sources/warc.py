"""Every page of a WARC file, and every record that cannot be read as an error in its place: nothing is lost in silence.

Reads with fastwarc; where that stops, the break is judged record by record and reading goes on behind it.
"""

import hashlib
import zlib
from collections import Counter
from collections.abc import Generator, Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import BinaryIO, cast

import zstandard
from fastwarc.warc import ArchiveIterator, WarcRecord

from openbook.corpus.sources import http, media
from openbook.corpus.sources.http import UnreadableError
from openbook.corpus.sources.page import MAX_BODY, NO_DATE, RawPage, SourceFile
from openbook.corpus.sources.record import (
    GZIP,
    MAX_BLOCK,
    ZSTD,
    Layout,
    Record,
    begins,
    layout_of,
    open_layout,
    read_record,
)

PAGE_TYPES = ("response", "resource", "conversion")
KINDS = frozenset({"warcinfo", "request", "metadata", "revisit", "continuation"})
"""The other types of record that the standard (ISO 28500) names."""
_BREAKS = (OSError, EOFError, ValueError, zlib.error, zstandard.ZstdError)


def read_warc(file: SourceFile, path: Path, others: Counter[str]) -> Iterator[RawPage]:
    """`others` counts the records that are no pages, by what they are."""
    for record in scan(path):
        page = to_page(file, record, others)
        if page is not None:
            yield page


def scan(path: Path, first: int = 0) -> Iterator[Record]:
    """All records in order, from the one that begins at `first` on. Bytes that belong to no readable record come as a
    Record with a `problem`."""
    if path.stat().st_size == 0:
        yield Record(0, 0, {}, None, "the file is empty")
        return
    layout = layout_of(path)
    with open_layout(path, layout) as file:
        start: int | None = first
        while start is not None:
            start = yield from _scan_from(file, start, layout)


def _scan_from(file: BinaryIO, start: int, layout: Layout) -> Generator[Record, None, int | None]:
    """Yields up to the next break; returns where to go on behind it, None at the end of the file."""
    held: Record | None = None
    file.seek(start)
    try:
        iterator = ArchiveIterator(file, parse_http=False)
        for found in iterator:
            if held is not None:
                yield Record(held.offset, found.stream_pos, held.headers, held.block)
            held = Record(found.stream_pos, found.stream_pos, {}, None)
            held = _take(found)
    except _BREAKS:
        pass
    # The last record seen may be cut short, and fastwarc is silent about some ways to be so: look at it by itself.
    point = held.offset if held is not None else start
    last = read_record(file, point, layout)
    yield from () if last.problem else (last,)
    following = last.end if last.problem is None else point + 1
    goes_on = next_start(file, following, layout)
    end, broken = (goes_on, None) if goes_on is not None else _end(file, following)
    if last.problem:
        yield Record(point, end, {}, None, last.problem)
    elif broken or (end > following and not _blank(file, following, end)):
        yield Record(following, end, {}, None, broken or read_record(file, following, layout).problem)
    return goes_on


def _take(found: WarcRecord) -> Record:
    """Raises EOFError when the block is shorter than announced."""
    kind = found.headers.get("WARC-Type", "")
    if kind in KINDS:  # no page: nothing else of it is asked for
        return Record(found.stream_pos, found.stream_pos, {"warc-type": kind}, None)
    headers = {name.lower(): value for name, value in found.headers.items()}
    block = None
    if headers.get("warc-type") in PAGE_TYPES and found.content_length <= MAX_BLOCK:
        length = found.content_length
        block = found.reader.read()
        if len(block) < length:
            raise EOFError
    return Record(found.stream_pos, found.stream_pos, headers, block)


def next_start(file: BinaryIO, start: int, layout: Layout) -> int | None:
    """The first place from `start` on where a record begins."""
    magic = {"gzip": GZIP, "zstd": ZSTD}.get(layout, b"WARC/1.")
    step, kept = 1 << 20, b""
    position = start
    try:
        file.seek(start)
        while data := file.read(step):
            window = kept + data
            base = position - len(kept)
            at = window.find(magic)
            while at >= 0:
                if begins(file, base + at, layout):
                    return base + at
                at = window.find(magic, at + 1)
            position += len(data)
            kept = window[-(len(magic) - 1) :]
            file.seek(position)
    except _BREAKS:
        pass
    return None


def _end(file: BinaryIO, start: int) -> tuple[int, str | None]:
    """Where the file ends, or the compressed stream breaks off and why; never before `start`."""
    position = start
    try:
        position = file.seek(start)
        while data := cast(BufferedIOBase, file).read1(1 << 16):
            position += len(data)
    except _BREAKS as error:
        return max(position, start), f"the file breaks off ({error})"
    return max(position, start), None


def _blank(file: BinaryIO, start: int, end: int) -> bool:
    file.seek(start)
    return end - start <= 1 << 16 and not file.read(end - start).strip(b"\r\n\0 ")


def to_page(file: SourceFile, record: Record, others: Counter[str]) -> RawPage | None:
    """None for a record that is no page."""
    if record.problem:
        return error_page(file, record, record.problem)
    kind = record.headers.get("warc-type", "unknown").lower()
    if kind not in PAGE_TYPES:
        others[kind if kind in KINDS else "other kind"] += 1
        return None
    declared, identified = record.headers.get("content-type"), record.headers.get("warc-identified-payload-type")
    if record.block is None:
        if not media.may_be_page(None, identified):
            others[media.kind_of(media.media_type(identified))] += 1
            return None
        length = int(record.headers["content-length"])
        return error_page(file, record, f"the record holds {length:,} bytes, more than {MAX_BODY:,}")
    url = record.headers.get("warc-target-uri", "").strip("<>")
    policy = media.is_policy_file(url)
    headers: http.Headers = ()
    body, cut = record.block, None
    try:
        if kind == "response" and _is_http(record):
            response = http.parse(body)
            asked = policy or media.on_the_way(response.status, url)
            answer = media.policy_answer(response.status, url, response.header("location")) if asked else None
            if answer and (policy or answer.startswith(media.POINTS_TO)):
                raise UnreadableError(answer)
            if not 200 <= response.status < 300:
                others[f"status {response.status % 1000}"] += 1
                return None
            declared, headers = response.header("content-type"), response.headers
            if policy:  # whatever the server takes it for
                declared, identified = "text/plain; charset=utf-8", None
            if media.may_be_page(declared, identified):
                try:
                    body = http.decode(response, MAX_BODY)
                except http.BrokenOffError as error:
                    if policy:  # the rest may say more
                        raise
                    body, cut = error.body, str(error)
            if policy and record.headers.get("warc-truncated"):
                raise UnreadableError("only a part of it was stored")
            if record.headers.get("warc-truncated") and not body:
                raise UnreadableError(
                    f"a page of {response.header('content-length')} bytes was left out when it was stored"
                )
        elif len(body) > MAX_BODY:
            raise UnreadableError(f"the page is longer than {MAX_BODY:,} bytes")
    except UnreadableError as error:
        return error_page(file, record, str(error))
    content_type = media.TEXT if policy and body else media.page_type(declared, identified, body)
    if content_type not in media.PAGE_TYPES:
        others[media.kind_of(content_type)] += 1
        return None
    charset = media.charset(declared)
    return RawPage(
        file=file.name,
        offset=record.offset,
        length=record.end - record.offset,
        record_id=record.headers.get("warc-record-id", ""),
        url=url,
        date="" if (date := record.headers.get("warc-date", "")) == NO_DATE else date,
        payload_digest="sha256:" + hashlib.sha256(body).hexdigest(),
        content_type=content_type,
        charset=charset,
        http_headers=headers,
        body=body,
        text=media.decode_text(body, charset) if content_type == media.TEXT else None,
        language=None,
        license=file.license,
        cut=cut,
    )


def _is_http(record: Record) -> bool:
    declared = media.media_type(record.headers.get("content-type"))
    return declared == "application/http" or bool(record.block and record.block.startswith(b"HTTP/"))


def error_page(file: SourceFile, record: Record, error: str) -> RawPage:
    return RawPage(
        file=file.name,
        offset=record.offset,
        length=record.end - record.offset,
        record_id=record.headers.get("warc-record-id", ""),
        url=record.headers.get("warc-target-uri", "").strip("<>"),
        date=record.headers.get("warc-date", ""),
        payload_digest="",
        content_type="",
        charset=None,
        http_headers=(),
        body=b"",
        text=None,
        language=None,
        license=file.license,
        error=error,
    )
