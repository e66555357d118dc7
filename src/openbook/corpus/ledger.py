"""What becomes of each page in the end: the verdicts of all parts in one place, to be weighed against each other.

Columns are arrays, some 100 bytes a page and 80 more while they are sorted; signatures stay on disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from openbook.corpus.rights import OPEN_RIGHTS

_CODED = ("language", "source", "file", "rights", "rejected_by")


@dataclass
class Ledger:
    """Columns over all pages, part after part, row after row; strings are indices into `names`."""

    names: list[str]
    starts: list[int]
    """Where each part begins; one more at the end."""
    ids: NDArray[np.void]
    language: NDArray[np.int32]
    source: NDArray[np.int32]
    file: NDArray[np.int32]
    rights: NDArray[np.int32]
    rule: NDArray[np.int32]
    """-1: kept."""
    offset: NDArray[np.int64]
    bytes: NDArray[np.int64]
    measure: NDArray[np.float64]
    duplicate_of: NDArray[np.int64]
    """Row of the kept document, -1 for none."""
    similarity: NDArray[np.float64]
    held_out: NDArray[np.bool_]
    cut_lines: NDArray[np.int32]
    """Lines of its site that a kept page has lost, and their bytes; `bytes` is without them."""
    cut_bytes: NDArray[np.int32]
    quoting: NDArray[np.bool_]
    """Pages from whose text what it shares with an evaluation set is cut."""

    def index(self, name: str) -> int:
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)

    def id(self, row: int) -> str:
        return self.ids[row].tobytes().hex()

    def id_words(self, rows: NDArray[np.int64]) -> list[NDArray[np.uint64]]:
        """Ids as four numbers each; they sort as the ids do."""
        words = np.ascontiguousarray(self.ids[rows]).view(">u8").reshape(-1, 4)
        return [words[:, at].astype(np.uint64) for at in range(4)]

    def rejected_by(self, rule: str) -> int:
        """Pages."""
        return int((self.rule == self.names.index(rule)).sum()) if rule in self.names else 0

    @property
    def kept(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.rule == -1)


def gather(verdicts: Sequence[Path]) -> tuple[Ledger, NDArray[np.void]]:
    """The ledger, and the exact hash of every page (zeros for those rejected already). There must be a part."""
    names: dict[str, int] = {}
    columns: dict[str, list[Any]] = {}
    starts = [0]
    for path in verdicts:
        table = pq.read_table(path, columns=["id", "exact", *_CODED, "offset", "bytes", "measure", "pieces"])
        columns.setdefault("pieces", []).append(table.column("pieces").is_valid().to_numpy())
        for name in _CODED:
            columns.setdefault(name, []).append(_encode(table.column(name), names))
        for name in ("offset", "bytes", "measure"):
            columns.setdefault(name, []).append(table.column(name).to_numpy())
        for name, size in (("id", 32), ("exact", 16)):
            columns.setdefault(name, []).append(_fixed(table.column(name), size))
        starts.append(starts[-1] + table.num_rows)
    whole: dict[str, Any] = {name: np.concatenate(columns.pop(name)) for name in list(columns)}
    ledger = Ledger(
        names=list(names),
        starts=starts,
        ids=whole["id"],
        language=whole["language"],
        source=whole["source"],
        file=whole["file"],
        rights=whole["rights"],
        rule=whole["rejected_by"],
        offset=whole["offset"],
        bytes=whole["bytes"],
        measure=whole["measure"],
        duplicate_of=np.full(starts[-1], -1, np.int64),
        similarity=np.full(starts[-1], np.nan),
        held_out=np.zeros(starts[-1], bool),
        cut_lines=np.zeros(starts[-1], np.int32),
        cut_bytes=np.zeros(starts[-1], np.int32),
        quoting=whole["pieces"],
    )
    return ledger, whole["exact"]


def _encode(column: pa.ChunkedArray, names: dict[str, int]) -> NDArray[np.int32]:
    """Strings as indices into `names`, -1 for null."""
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    places = np.array([names.setdefault(one, len(names)) for one in encoded.dictionary.to_pylist()] + [-1], np.int32)
    return places[encoded.indices.fill_null(len(places) - 1).to_numpy(zero_copy_only=False)]


def _fixed(column: pa.ChunkedArray, size: int) -> NDArray[np.void]:
    """Fixed-size binary as it is; zeros for null."""
    array = column.combine_chunks()
    out = np.zeros((len(array), size), np.uint8)
    present = array.is_valid().to_numpy(zero_copy_only=False)
    dense = array.drop_null()
    if len(dense):
        data = np.frombuffer(dense.buffers()[1], np.uint8, len(dense) * size, dense.offset * size)
        out[present] = data.reshape(-1, size)
    return out.view(f"V{size}").reshape(-1)


def rank(ledger: Ledger, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order of the rows, best first: the widest rights, then the most text, then by id and place."""
    width = np.array([OPEN_RIGHTS.index(one) if one in OPEN_RIGHTS else 9 for one in ledger.names], np.int8)
    places = np.argsort(np.argsort(np.array(ledger.names, dtype=np.str_))).astype(np.int32)
    worth = (width[ledger.rights[rows]].astype(np.int64) << 56) - ledger.bytes[rows]
    begin = np.ascontiguousarray(ledger.ids[rows]).view(">u8")[::4].astype(np.uint64)
    order = np.lexsort([begin, worth])
    same = (worth[order[1:]] == worth[order[:-1]]) & (begin[order[1:]] == begin[order[:-1]])
    tied = np.flatnonzero(np.r_[same, False] | np.r_[False, same])  # few: the same record, read twice
    mine = rows[order[tied]]
    keys: list[NDArray[Any]] = [ledger.offset[mine], places[ledger.file[mine]], *ledger.id_words(mine)[::-1]]
    order[tied] = order[tied][np.lexsort([*keys, worth[order[tied]]])]
    return order
