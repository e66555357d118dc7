"""What a source hands on: input files with their provenance, and pages with their place in those files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Format = Literal["warc", "jsonl", "parquet"]

MAX_BODY = 16 << 20
"""Bytes of a page. A longer one is not read; it becomes a page with `error`."""

NO_DATE = "1970-01-01T00:00:00Z"
"""What stands in WARC-Date, which may not be left out, when the date of a page is not known."""


@dataclass(frozen=True)
class SourceFile:
    """One input file: a row of files.jsonl."""

    name: str
    """Unique in the artifact: a path inside it, or `<source>/<path>` of a file that lies elsewhere."""
    source: str
    format: Format
    sha256: str
    size: int
    license: str | None = None
    """SPDX expression."""
    license_evidence: str | None = None
    package: str | None = None
    version: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    """For ready text: field of the page -> column."""
    origin: str | None = None
    """Address that the file was downloaded from."""


@dataclass(frozen=True, slots=True)
class RawPage:
    """One record as it was read. Either `error` says why it could not be, or `body` holds it."""

    file: str
    offset: int
    """WARC: where the record's compressed member (or the record) begins in the file, in bytes. JSONL: byte of the line
    in the uncompressed text. Parquet: number of the row."""
    length: int
    """In the unit of `offset`."""
    record_id: str
    url: str
    date: str
    payload_digest: str
    """`sha256:<hex>` of `body`; empty when there is an error."""
    content_type: str
    """Media type in lower case, sniffed where nothing declares one: text/html, application/xhtml+xml or text/plain."""
    charset: str | None
    """As the Content-Type header declares it."""
    http_headers: tuple[tuple[str, str], ...]
    body: bytes
    """The page with every transfer and content coding undone."""
    text: str | None
    """The text itself where the source holds ready text (columns, text/plain, WET)."""
    language: str | None
    """As a column declares it."""
    license: str | None
    error: str | None = None
    cut: str | None = None
    """Why `body` is only the beginning of the page."""
