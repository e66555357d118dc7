"""Ready text: one document a line (JSONL) or a row (Parquet), columns named by the recipe."""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
import zstandard

from openbook.corpus.sources import data_pages
from openbook.corpus.sources.page import MAX_BODY, RawPage, SourceFile

MAX_LINE = 4 * MAX_BODY
_BATCH_ROWS, _BATCH_BYTES = 256, 8 << 20
_BREAKS = (OSError, EOFError, ValueError, zstandard.ZstdError)


def lookup(row: Mapping[str, Any], column: str | None) -> Any:
    """`a.b` is key b of a, unless there is a column of that very name."""
    if column is None:
        return None
    if column in row:
        return row[column]
    outer, _, inner = column.partition(".")
    found = row.get(outer)
    return lookup(found, inner) if inner and isinstance(found, Mapping) else None


def _said(value: Any) -> str | None:
    if value is None or value == "":
        return None
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat()) if isoformat else str(value)


def to_page(file: SourceFile, offset: int, length: int, row: Mapping[str, Any] | None, error: str | None) -> RawPage:
    """A row that holds no text becomes a page with an error."""
    fields = {name: _said(lookup(row or {}, column)) for name, column in file.mapping.items() if name != "text"}
    text = lookup(row, file.mapping.get("text", "text")) if row is not None else None
    if error is None and not isinstance(text, str):
        held = "" if text is None else f", which holds a value of type {type(text).__name__}"
        error = f"no text in column {file.mapping.get('text', 'text')!r}{held}"
    body = b""
    if isinstance(text, str):
        body = text.encode("utf-8", errors="replace")
        if len(body) > MAX_BODY:
            error, body = f"the text is longer than {MAX_BODY:,} bytes", b""
    own_id = fields.get("id")
    return RawPage(
        file=file.name,
        offset=offset,
        length=length,
        record_id=f"{file.source}:{own_id}" if own_id else f"{file.name}:{offset}",
        url=fields.get("url") or "",
        date=fields.get("date") or "",
        payload_digest="" if error else "sha256:" + hashlib.sha256(body).hexdigest(),
        content_type="" if error else "text/plain",
        charset=None if error else "utf-8",
        http_headers=(),
        body=body,
        text=None if error else body.decode(),
        language=fields.get("language"),
        license=fields.get("license") or file.license,
        error=error,
    )


def open_lines(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if magic == b"\x28\xb5\x2f\xfd":
        return cast(BinaryIO, zstandard.open(path, "rb", dctx=zstandard.ZstdDecompressor(max_window_size=1 << 31)))
    return path.open("rb")


def read_jsonl(file: SourceFile, path: Path) -> Iterator[RawPage]:
    """A line that is no JSON object, or a file that breaks off, is a page with an error."""
    for offset, length, line, problem in lines(path):
        if problem or line.strip():
            yield line_page(file, offset, length, line, problem)


def line_page(file: SourceFile, offset: int, length: int, line: bytes, problem: str | None) -> RawPage:
    row = None
    if problem is None:
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            problem = f"not JSON ({error})"
        if row is not None and not isinstance(row, dict):
            row, problem = None, "not a JSON object"
    return to_page(file, offset, length, row, problem)


def lines(path: Path) -> Iterator[tuple[int, int, bytes, str | None]]:
    """(offset, length, line, problem). A line longer than MAX_LINE is passed over, so it cannot fill the memory."""
    offset = size = 0
    pending: list[bytes] = []

    def finished(end: bytes) -> tuple[bytes, str | None]:
        if size + len(end) > MAX_LINE:
            return b"", f"the line is longer than {MAX_LINE:,} bytes"
        return b"".join([*pending, end]), None

    with open_lines(path) as file:
        while True:
            try:
                data = file.read(1 << 20)
            except _BREAKS as error:
                yield offset, size, b"", f"the file is broken here ({error})"
                return
            if not data:
                break
            *ends, rest = data.split(b"\n")
            for end in ends:
                length = size + len(end) + 1
                yield offset, length, *finished(end)
                offset, size = offset + length, 0
                pending.clear()
            size += len(rest)
            pending.append(rest)
            if size > MAX_LINE:
                pending.clear()
        if size:
            yield offset, size, *finished(b"")


def line_at(path: Path, offset: int) -> bytes:
    """The line that begins at this byte of the uncompressed text."""
    found = b""
    with open_lines(path) as file:
        while offset and (data := file.read(min(offset, 1 << 20))):
            offset -= len(data)
        while b"\n" not in found and (data := file.read(1 << 16)):
            found += data
    return found.partition(b"\n")[0]


def read_parquet(file: SourceFile, path: Path) -> Iterator[RawPage]:
    """In batches of few rows, page by page of the file. A row group that cannot be read is one page with an error."""
    import pyarrow as pa

    start = 0
    try:
        table = _open_parquet(path)
    except (OSError, pa.ArrowException) as error:
        yield to_page(file, 0, 0, None, f"not readable as Parquet ({error})")
        return
    columns = list(file.mapping.values())
    with table, path.open("rb") as raw:
        for group in range(table.num_row_groups):
            row_number = start
            start += table.metadata.row_group(group).num_rows
            if problem := data_pages.too_large(raw, table.metadata.row_group(group), columns):
                yield to_page(file, row_number, start - row_number, None, f"rows are left out: {problem}")
                continue
            try:
                for row in _rows(table, group, file):
                    yield to_page(file, row_number, 1, row, None)
                    row_number += 1
            except (OSError, pa.ArrowException) as error:
                yield to_page(file, row_number, start - row_number, None, f"rows cannot be read ({error})")


def _open_parquet(path: Path) -> Any:
    """Buffered, so that a column of a row group is read as its rows are, not whole."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)


def _rows(table: Any, group: int, file: SourceFile) -> Iterator[Mapping[str, Any]]:
    facts = table.metadata.row_group(group)
    mean = facts.total_byte_size // max(facts.num_rows, 1)
    size = max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(mean, 1)))
    columns = list(file.mapping.values())
    for batch in table.iter_batches(batch_size=size, row_groups=[group], columns=columns, use_threads=False):
        for at in range(batch.num_rows):
            yield batch.slice(at, 1).to_pylist()[0]


def row_at(file: SourceFile, path: Path, offset: int) -> Mapping[str, Any] | None:
    with _open_parquet(path) as table:
        for group in range(table.num_row_groups):
            rows = table.metadata.row_group(group).num_rows
            if offset < rows:
                return next(islice(_rows(table, group, file), offset, None), None)
            offset -= rows
    return None


def columns_of(kind: str, path: Path) -> set[str] | None:
    """Names of the columns, `a.b` for what lies in `a`; None when the file does not tell (empty or broken)."""
    if kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            schema = pq.read_schema(path)
        except (OSError, pa.ArrowException):
            return None
        inner = {
            f"{field.name}.{part.name}" for field in schema if pa.types.is_struct(field.type) for part in field.type
        }
        return set(schema.names) | inner
    for _, _, line, problem in lines(path):
        if problem is None and line.strip():
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                return None
            return _names(row, "") if isinstance(row, dict) else None
    return None


def _names(row: Mapping[str, Any], prefix: str) -> set[str]:
    found = set()
    for name, value in row.items():
        found.add(prefix + name)
        if isinstance(value, dict):
            found |= _names(value, f"{prefix}{name}.")
    return found
