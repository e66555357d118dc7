"""What is counted over all documents and all pages that were not kept, in one pass, a row group in memory at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from openbook.corpus.annotated import POLICY_FILE
from openbook.corpus.corpus import Corpus
from openbook.corpus.page.histogram import FINE, Counts, count
from openbook.corpus.page.samples import Samples

KEPT, DROPPED = "kept", "dropped"
MOST_DOMAINS = 1 << 17
"""Of a language that are counted at a time: of more than twice as many the smallest are forgotten."""
_COLUMNS = "id text title url language license rights reservations hints pii scores language_score quality".split()


@dataclass
class Domains:
    """Domain -> documents and bytes of text."""

    found: dict[str, list[int]] = field(default_factory=dict)
    forgot: bool = False
    """Whether there were too many to count exactly: small ones are missing then."""

    def add(self, domain: str, size: int) -> None:
        row = self.found.setdefault(domain, [0, 0])
        row[0] += 1
        row[1] += size
        if len(self.found) > 2 * MOST_DOMAINS:
            self.forgot = True
            self.found = dict(self.ranked()[:MOST_DOMAINS])

    def ranked(self) -> list[tuple[str, list[int]]]:
        return sorted(self.found.items(), key=lambda row: (-row[1][1], row[0]))


@dataclass
class Tally:
    samples: Samples
    licenses: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """(license, rights) -> documents, bytes."""
    reservations: dict[str, list[int]] = field(default_factory=dict)
    """Reservation -> documents kept, pages dropped."""
    hints: dict[str, list[int]] = field(default_factory=dict)
    """What extraction made use of, and `cut` -> documents kept, pages dropped."""
    pii: dict[str, list[int]] = field(default_factory=dict)
    """Kind -> documents, replacements."""
    domains: dict[str, Domains] = field(default_factory=dict)
    """Language -> domains of its documents; the empty one: of all."""
    measures: dict[tuple[str, str, str], Counts] = field(default_factory=dict)
    """(measure, KEPT or DROPPED, language) -> how its values are distributed."""

    def dropped(self, language: str, table: pa.Table) -> None:
        self._listed(table, 0, 1)
        self._measure(DROPPED, language, table)
        self.samples.dropped(language, table)

    def kept(self, language: str, table: pa.Table) -> None:
        sizes = _bytes(table)
        mine, all_ = self.domains.setdefault(language, Domains()), self.domains.setdefault("", Domains())
        columns = [table.column(name).to_pylist() for name in ("url", "license", "rights")]
        for url, license, rights, size in zip(*columns, sizes.tolist(), strict=True):
            domain = domain_of(url)
            mine.add(domain, size)
            all_.add(domain, size)
            _add(self.licenses, (license or "not found", rights), 1, size)
        self._listed(table, 1, 0)
        for name, values in _fields(table, "pii"):
            numbers = pc.fill_null(values, 0).to_numpy(zero_copy_only=False)
            if numbers.any():
                _add(self.pii, name, int((numbers > 0).sum()), int(numbers.sum()))
        self._measure(KEPT, language, table)
        self.samples.kept(language, table)

    def _listed(self, table: pa.Table, kept: int, dropped: int) -> None:
        for name, counted in (("reservations", self.reservations), ("hints", self.hints)):
            for row in _lists(table, name):
                for one in row:
                    _add(counted, one, kept, dropped)

    def _measure(self, what: str, language: str, table: pa.Table) -> None:
        values: dict[str, Any] = {"bytes": _bytes(table), "language_score": table.column("language_score")}
        for name in ("scores", "quality"):
            values |= dict(_fields(table, name))
        for name, column in values.items():
            if isinstance(column, pa.Array | pa.ChunkedArray):
                if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
                    continue
                column = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
            key = (name, what, language)
            self.measures[key] = self.measures.get(key, np.zeros(FINE, np.int64)) + count(column.astype(np.float64))


def tally(corpus: Corpus, per_rule: int) -> Tally:
    """Pages that were not kept first: their samples name the documents whose text is wanted beside them."""
    seen = Tally(Samples(per_rule))
    for language, table in _groups(corpus.folder / "rejected"):
        pages = pc.fill_null(pc.not_equal(table.column("rejected_by"), POLICY_FILE), True)
        seen.dropped(language, table.filter(pages))
    seen.samples.want_originals()
    for language, table in _groups(corpus.folder / "documents"):
        seen.kept(language, table)
    return seen


def _groups(folder: Path) -> Iterator[tuple[str, pa.Table]]:
    """(language that the file is named for, row group), in order of the ids of each language."""
    for path in sorted(folder.glob("*.parquet")):
        file = pq.ParquetFile(path)
        more = ["rejected_by", "measure", "duplicate_of", "similarity", "detail"]
        columns = [name for name in file.schema_arrow.names if name in (*_COLUMNS, *more)]
        for group in range(file.num_row_groups):
            yield path.stem, file.read_row_group(group, columns=columns)


def _bytes(table: pa.Table) -> np.ndarray:
    return pc.fill_null(pc.binary_length(table.column("text")), 0).to_numpy()


def _lists(table: pa.Table, name: str) -> list[list[str]]:
    """The rows that hold anything; none of a corpus made before there was such a column."""
    return [row for row in table.column(name).to_pylist() if row] if name in table.column_names else []


def _fields(table: pa.Table, name: str) -> Iterator[tuple[str, Any]]:
    """The fields of a struct column, or the column itself; nothing where there is none."""
    if name not in table.column_names:
        return
    column = table.column(name).combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if not pa.types.is_struct(column.type):
        yield name, column
        return
    for at in range(column.type.num_fields):
        yield column.type.field(at).name, pc.struct_field(column, [at])


def _add(table: dict[Any, list[int]], key: Any, first: int, second: int) -> None:
    row = table.setdefault(key, [0, 0])
    row[0] += first
    row[1] += second


def domain_of(url: str | None) -> str:
    """The host; of an address without one what stands before its path."""
    try:
        return urlsplit(url or "").hostname or (url or "").split("/", 1)[0][:100] or "no address"
    except ValueError:
        return "no address"
