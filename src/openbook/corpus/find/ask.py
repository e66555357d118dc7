"""Answers from find/: what became of an address, a site, a document, a text, and which of them say the same."""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from openbook.corpus.addresses import plain
from openbook.corpus.corpus import Corpus
from openbook.corpus.find import quote
from openbook.corpus.find.keys import FOLDER, FORMAT, INDEX, PROBE, VERDICTS, host_key, id_key, url_key
from openbook.corpus.find.table import Table
from openbook.errors import OpenbookError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

LEAST_SHARE = 0.25
"""Of a quote's fingerprints that a document must hold to be named."""
READ_AT_MOST = 16
"""Documents whose text is compared with a short quote."""
_COLUMNS = (
    "id url title language language_score license license_evidence reservations rights split record "
    "rejected_by measure detail duplicate_of similarity"
).split()


@dataclass(frozen=True)
class Found:
    """A page of the corpus: a document that was kept (`rejected_by` is None) or one that was not."""

    id: str
    url: str
    title: str | None
    language: str
    language_score: float | None
    license: str | None
    license_evidence: str | None
    reservations: tuple[str, ...]
    rights: str | None
    split: str | None
    """train or held-out; None for a page that was not kept."""
    record: Mapping[str, Any]
    """file, offset, length, warc_record_id, date, payload_digest."""
    stored: str
    """The file of the artifact in which it stands."""
    rejected_by: str | None = None
    measure: float | None = None
    """The value that failed."""
    detail: str | None = None
    duplicate_of: str | None = None
    duplicate_url: str | None = None
    similarity: float | None = None
    share: float | None = None
    """Of the fingerprints of the quoted text that this one holds; 1: the words stand there as quoted."""

    @property
    def kept(self) -> bool:
        return self.rejected_by is None

    def as_dict(self) -> dict[str, Any]:
        return {"kept": self.kept, **asdict(self)}


@dataclass(frozen=True)
class Answer:
    pages: tuple[Found, ...]
    """The first of them, kept ones before others."""
    total: int
    verdicts: Mapping[str, int] = field(default_factory=dict)
    """Over all of them: `kept mt`, or the rule that rejected -> pages."""
    note: str = ""
    """What the answer does not rule out."""


@dataclass(frozen=True)
class Finder:
    """Every question reads a few pages of memory-mapped files, and the row groups of what it names."""

    corpus: Corpus
    index: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Self:
        """`folder`: of a corpus. Raises OpenbookError when it has no index, or one of another format."""
        corpus = Corpus.open(folder)
        path = folder / FOLDER / INDEX
        if not path.is_file():
            raise OpenbookError(
                f"{folder} has no {FOLDER}/: it was made before there was an index. Run its recipe again."
            )
        try:
            index: dict[str, Any] = orjson.loads(path.read_bytes())
        except orjson.JSONDecodeError as error:
            raise OpenbookError(f"{path} cannot be read ({error}): build the corpus again.") from None
        probe = f"{quote.whole(quote.hashes(PROBE)):016x}"
        if (index["format"], index["probe"]) != (FORMAT, probe):
            raise OpenbookError(f"{path.parent} was made by another version of the program. Run the recipe again.")
        return cls(corpus, index)

    def by_id(self, id: str, most: int = 20) -> Answer:
        """A document by its 64 hex digits, or by the first six or more of them."""
        digits = id.strip().lower()
        if not 6 <= len(digits) <= 64 or set(digits) - set("0123456789abcdef"):
            raise OpenbookError(f"{id!r} is no id: give its 64 hex digits, or the first six or more of them.")
        low, high = id_key(digits.ljust(16, "0")), id_key(digits.ljust(16, "f"))
        rows = self._table("ids").between(low, high)
        return self._answer(rows, most, keep=lambda page: page.id.startswith(digits))

    def by_url(self, url: str, most: int = 20) -> Answer:
        """An address; scheme, trailing slash and fragment make no difference."""
        readings = [url] if "://" in url else [url, f"//{url}"]
        rows = np.unique(np.concatenate([self._table("urls").get(url_key(one)) for one in readings]))
        return self._answer(rows, most, keep=lambda page: plain(page.url) in map(plain, readings))

    def by_domain(self, domain: str, most: int = 20) -> Answer:
        """A host and all hosts below it; a domain of two labels at least."""
        name = domain.strip().split("://", 1)[-1].split("/", 1)[0].removeprefix("*.")
        return self._answer(self._table("hosts").get(host_key(name)), most)

    def by_text(self, text: str, most: int = 20) -> Answer:
        """A whole text, or a passage of one. Raises OpenbookError for a quote that is too short."""
        hashes = quote.hashes(text)
        whole = self._table("texts").get(quote.whole(hashes)) if hashes else np.empty(0, np.int64)
        if len(hashes) < quote.LEAST_WORDS and not whole.size:
            raise OpenbookError(
                f"the quote has {len(hashes)} words: at least {quote.LEAST_WORDS} are needed to find a passage, and "
                f"from {quote.SURE_WORDS} on it is found for certain, where it stands in the same words."
            )
        sure = len(hashes) >= quote.SURE_WORDS
        runs = quote.grams(hashes)
        prints = quote.winnowed(runs) if sure else set(runs)
        shares = dict.fromkeys(whole.tolist(), 1.0)
        for row, share in self._agreeing(prints):
            if share >= LEAST_SHARE or not sure:
                shares.setdefault(row, share)
        order = np.array(sorted(shares, key=lambda row: (-shares[row], row)), np.int64)
        if sure:
            return self._answer(order, most, shares)
        standing = [row for row in order[:READ_AT_MOST].tolist() if self._stands(text, row)]
        note = f"The quote has {len(hashes)} words; only from {quote.SURE_WORDS} on would nothing have been missed."
        return self._answer(np.array(standing, np.int64), most, dict.fromkeys(standing, 1.0), note)

    def _agreeing(self, prints: Collection[int]) -> Iterator[tuple[int, float]]:
        """Rows, with the share of the fingerprints that they hold."""
        table = self._table("passages")
        rows = np.concatenate([np.empty(0, np.int64), *(table.get(one) for one in prints)])
        for row, count in zip(*np.unique(rows, return_counts=True), strict=True):
            yield int(row), int(count) / len(prints)

    def _stands(self, text: str, row: int) -> bool:
        """Whether the words of the quote stand there as they are quoted."""
        return _plain_words(text) in _plain_words(self._row(row, ["text"])["text"] or "")

    def _answer(
        self,
        rows: NDArray[np.int64],
        most: int,
        shares: Mapping[int, float] | None = None,
        note: str = "",
        keep: Callable[[Found], bool] = lambda _: True,
    ) -> Answer:
        """In order of their shares, kept pages before others; `keep` tells what only has the same key apart."""
        given = shares or {}
        codes, files = self._codes[rows], np.searchsorted(self._starts, rows, "right") - 1
        pairs, counts = np.unique(np.stack([codes, files * (codes == self._kept)]), axis=1, return_counts=True)
        verdicts: dict[str, int] = {}
        for code, file, count in zip(*pairs.tolist(), counts.tolist(), strict=True):
            rule = self.index["rules"][code]
            verdicts[rule or f"kept {Path(self.index['files'][file][0]).stem}"] = count
        nearest = np.array([-given.get(row, 0.0) for row in rows.tolist()] if given else np.zeros(rows.size))
        order = np.lexsort([rows, codes != self._kept, nearest])
        shown = rows[order[:most]].tolist()
        pages = tuple(page for page in (self._page(row, given.get(row)) for row in shown) if keep(page))
        ranked = sorted(verdicts.items(), key=lambda one: (-one[1], one[0]))
        return Answer(pages, int(rows.size) - len(shown) + len(pages), dict(ranked), note)

    def _page(self, row: int, share: float | None) -> Found:
        found = self._row(row, _COLUMNS)
        original = found.get("duplicate_of")
        url = None
        if original:
            rows = self._table("ids").get(id_key(original))
            rows = rows[self._codes[rows] == self._kept]
            url = self._row(int(rows[0]), ["url"])["url"] if rows.size else None
        given = {name: found.get(name) for name in _COLUMNS} | {"reservations": tuple(found["reservations"] or ())}
        stored = self.index["files"][bisect_right(self._starts, row) - 1][0]
        return Found(**given, stored=stored, duplicate_url=url, share=share)

    def _row(self, row: int, columns: Sequence[str]) -> dict[str, Any]:
        at = bisect_right(self._starts, row) - 1
        file, groups = self._open(at)
        inside = row - self._starts[at]
        group = bisect_right(groups, inside) - 1
        there = [name for name in columns if name in file.schema_arrow.names]
        table = file.read_row_group(group, columns=there).slice(inside - groups[group], 1)
        one: dict[str, Any] = table.to_pylist()[0]
        return one

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for _, rows in self.index["files"]:
            starts.append(starts[-1] + rows)
        return starts

    @cached_property
    def _files(self) -> "dict[int, tuple[pq.ParquetFile, list[int]]]":
        return {}

    def _open(self, at: int) -> "tuple[pq.ParquetFile, list[int]]":
        """A file, and the row at which each of its row groups begins."""
        if at not in self._files:
            import pyarrow.parquet as pq

            file = pq.ParquetFile(self.corpus.folder / self.index["files"][at][0])
            groups = [0]
            for group in range(file.num_row_groups):
                groups.append(groups[-1] + file.metadata.row_group(group).num_rows)
            self._files[at] = (file, groups[:-1] or [0])
        return self._files[at]

    @cached_property
    def _tables(self) -> dict[str, Table]:
        return {}

    def _table(self, name: str) -> Table:
        return self._tables.setdefault(name, Table(self.corpus.folder / FOLDER, name))

    @cached_property
    def _kept(self) -> int:
        return int(self.index["rules"].index(""))

    @cached_property
    def _codes(self) -> NDArray[np.uint16]:
        return np.load(self.corpus.folder / FOLDER / VERDICTS, mmap_mode="r")


def _plain_words(text: str) -> str:
    words = re.findall(r"[^\W_]+", text.lower())
    return f" {' '.join(words)} "
