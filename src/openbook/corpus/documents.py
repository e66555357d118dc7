"""What a document is on disk: its identity, its columns, and how rows are written: equal rows, equal bytes."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from openbook.books.store import atomic_path
from openbook.corpus.absent import absent
from openbook.corpus.redact import KINDS
from openbook.corpus.statistics import MEASURES

with absent("pandas"):  # pyarrow asks once whether a list is one of pandas'; `to_pandas` asks again
    pa.array([])

ROW_GROUP_BYTES = 4 << 20
"""Of text: what a reader holds in memory at a time."""
ROW_GROUP_ROWS = 2048

RECORD = pa.struct(
    [
        ("file", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("warc_record_id", pa.string()),
        ("date", pa.string()),
        ("payload_digest", pa.string()),
    ]
)
SCORES = pa.struct(
    [*((name, pa.float64()) for name in MEASURES), ("script_share", pa.float64()), ("main_share", pa.float64())]
)
RUNNER_UP = pa.struct([("language", pa.string()), ("score", pa.float64())])
LANGUAGE_SHARES = pa.list_(pa.struct([("language", pa.string()), ("share", pa.float64())]))
QUALITY = pa.map_(pa.string(), pa.float64())
"""Name of a classifier -> probability that the text is a good one."""
PII = pa.struct([(kind, pa.int32()) for kind in KINDS])
PII_SPANS = pa.list_(
    pa.struct([("part", pa.string()), ("kind", pa.string()), ("start", pa.int32()), ("end", pa.int32())])
)
"""Where each placeholder stands: `text` or `title`, in characters of it (code points), the end not included."""

_COMMON = [
    ("id", pa.string()),
    ("text", pa.string()),
    ("title", pa.string()),
    ("url", pa.string()),
    ("source", pa.string()),
    ("record", RECORD),
    ("language", pa.string()),
    ("language_score", pa.float64()),
    ("runner_up", RUNNER_UP),
    ("languages", LANGUAGE_SHARES),
    ("license", pa.string()),
    ("license_evidence", pa.string()),
    ("reservations", pa.list_(pa.string())),
    ("unreadable", pa.list_(pa.string())),
    ("published", pa.string()),
    ("declared_language", pa.string()),
    ("hints", pa.list_(pa.string())),
]
ANNOTATED_SCHEMA = pa.schema(
    [
        *_COMMON,
        ("scores", SCORES),
        ("pii", PII),
        ("pii_spans", PII_SPANS),
        ("bytes", pa.int64()),
        ("exact", pa.binary(16)),
        ("signature", pa.binary()),
        ("lines", pa.binary()),
        ("rejected_by", pa.string()),
        ("detail", pa.string()),
    ]
)
DOCUMENT_SCHEMA = pa.schema(
    [
        *_COMMON,
        ("rights", pa.string()),
        ("scores", SCORES),
        ("pii", PII),
        ("quality", QUALITY),
        ("cut_lines", pa.int32()),
        ("cut_bytes", pa.int32()),
        ("pii_spans", PII_SPANS),
        ("split", pa.string()),
    ]
)
REJECTED_SCHEMA = pa.schema(
    [
        *_COMMON,
        ("rights", pa.string()),
        ("scores", SCORES),
        ("pii", PII),
        ("quality", QUALITY),
        ("pii_spans", PII_SPANS),
        ("rejected_by", pa.string()),
        ("measure", pa.float64()),
        ("duplicate_of", pa.string()),
        ("similarity", pa.float64()),
        ("detail", pa.string()),
    ]
)
_DICTIONARY = ("source", "language", "license", "license_evidence", "rights", "split", "rejected_by", "record.file")


def document_id(record_id: str, payload_digest: str, file: str, offset: int) -> str:
    """SHA-256, in hex, over the source record's id and its payload digest; its place where it has no id."""
    name = record_id or f"{file}@{offset}"
    return hashlib.sha256(f"{name}\n{payload_digest}".encode()).hexdigest()


@contextmanager
def parquet_writer(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """The file appears when the block ends well."""
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(
            temporary,
            schema,
            compression="zstd",
            compression_level=3,
            use_dictionary=list(_DICTIONARY),
            write_statistics=["id"],
            store_schema=False,
        ) as writer,
    ):
        yield writer


def slices(table: pa.Table) -> Iterable[pa.Table]:
    """Pieces of the table, none with much more text than a row group may hold."""
    sizes = pa.compute.fill_null(pa.compute.binary_length(table.column("text")), 0).to_pylist()
    start, held = 0, 0
    for row, size in enumerate(sizes):
        if row > start and (held + size > ROW_GROUP_BYTES or row - start >= ROW_GROUP_ROWS):
            yield table.slice(start, row - start)
            start, held = row, 0
        held += size
    if start < table.num_rows:
        yield table.slice(start)


def write_table(writer: pq.ParquetWriter, table: pa.Table) -> None:
    """Rows in row groups of bounded size."""
    for piece in slices(table):
        writer.write_table(piece, row_group_size=piece.num_rows)
