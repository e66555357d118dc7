"""What becomes of each page in the end: all verdicts in one place, with duplicates, held-out documents and the cap.

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

from openbook.books.chance import key
from openbook.compute import Engine
from openbook.corpus import duplicates, repeated_lines
from openbook.corpus.compiled import kernel
from openbook.corpus.filter import thresholds
from openbook.corpus.rights import OPEN_RIGHTS
from openbook.corpus.settings import CorpusSettings, HeldOutSettings

EXACT_RULE, NEAR_RULE, RECORD_RULE, CAP_RULE = "duplicates:exact", "duplicates:near", "duplicates:record", "cap:bytes"
LINES_RULE = "duplicates:repeated-lines"
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


def mark_equal(ledger: Ledger, exact: NDArray[np.void], settings: CorpusSettings) -> NDArray[np.int64]:
    """Reject records that the sources hold twice, and texts that equal a better one; returns who is left, by rank."""
    rows = ledger.kept
    rows = rows[rank(ledger, rows)]
    rows = _mark(ledger, rows, duplicates.first_of_equals(ledger.id_words(rows)), RECORD_RULE)
    if settings.duplicates.exact:
        rows = _mark(ledger, rows, duplicates.exact(exact[rows]), EXACT_RULE)
    return rows


def _mark(ledger: Ledger, rows: NDArray[np.int64], best: NDArray[np.int64], rule: str) -> NDArray[np.int64]:
    """Reject the rows that are not their own best; returns the others."""
    again = best != np.arange(rows.size)
    ledger.rule[rows[again]] = ledger.index(rule)
    ledger.duplicate_of[rows[again]] = rows[best[again]]
    ledger.similarity[rows[again]] = 1.0
    return rows[~again]


def mark_lines(
    ledger: Ledger,
    rows: NDArray[np.int64],
    parts: Sequence[Path],
    settings: CorpusSettings,
    engine: Engine,
    folder: Path,
) -> tuple[NDArray[np.int64], list[Path]]:
    """Take the repeated lines off the pages that hold them, and reject what is then too short.

    parts: annotated; rows: those left, by rank. Returns who is left now, and the files that say which lines go.
    """
    whole = rows[~ledger.quoting[rows]]  # line numbers hold for texts that nothing else was cut from
    cuts = repeated_lines.find(parts, ledger.starts[:-1], _ranks(ledger, whole), settings, engine, folder)
    for start, path in zip(ledger.starts[:-1], cuts, strict=False):
        table = pq.read_table(path)
        mine = start + table.column("row").to_numpy()
        ledger.cut_lines[mine] = pa.compute.list_value_length(table.column("lines")).to_numpy()
        ledger.cut_bytes[mine] = table.column("bytes").to_numpy()
        words = table.column("words").to_numpy()
        short = words < _least_words(ledger, mine, settings)
        lost, mine = mine[short], mine[~short]
        ledger.rule[lost] = ledger.index(LINES_RULE)
        ledger.duplicate_of[lost] = whole[table.column("holder").to_numpy()[short]]
        ledger.measure[lost] = words[short]
        ledger.similarity[lost] = ledger.cut_bytes[lost] / ledger.bytes[lost]
        ledger.cut_lines[lost] = ledger.cut_bytes[lost] = 0
        ledger.bytes[mine] -= ledger.cut_bytes[mine]
    return rows[ledger.rule[rows] == -1], cuts


def _least_words(ledger: Ledger, rows: NDArray[np.int64], settings: CorpusSettings) -> NDArray[np.float64]:
    """The least words that the filter asks of each page; one where it asks for none."""
    least = np.ones(rows.size)
    pairs, which = np.unique(np.stack([ledger.language[rows], ledger.source[rows]], 1), axis=0, return_inverse=True)
    for number, (language, source) in enumerate(pairs.tolist()):
        name = ledger.names[source]
        profile = settings.profiles.get(name, settings.profile)
        bounds = thresholds(profile, ledger.names[language], name, settings.filter).get("words")
        if bounds is not None and bounds.min is not None:
            least[which.reshape(-1) == number] = max(1.0, bounds.min)
    return least


def _ranks(ledger: Ledger, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """[all rows]: the place in `rows`, -1 for the others."""
    ranks = np.full(ledger.rule.size, -1, np.int64)
    ranks[rows] = np.arange(rows.size)
    return ranks


def mark_near(
    ledger: Ledger,
    rows: NDArray[np.int64],
    verdicts: Sequence[Path],
    settings: CorpusSettings,
    engine: Engine,
    folder: Path,
) -> None:
    """Reject what resembles a better document. rows: those left, by rank; folder: for what lies on disk meanwhile."""
    if settings.duplicates.near and rows.size:
        found = duplicates.near(verdicts, _ranks(ledger, rows), settings.duplicates, engine, folder)
        worse = rows[found.worse]
        ledger.rule[worse] = ledger.index(NEAR_RULE)
        ledger.duplicate_of[worse] = rows[found.better]
        ledger.similarity[worse] = found.similarity


def point_to_kept(ledger: Ledger) -> None:
    """What duplicates a document that is itself dropped goes the way of that one, and names what that one names."""
    while True:
        rows = np.flatnonzero(ledger.duplicate_of >= 0)
        middle = ledger.duplicate_of[rows]
        moved = ledger.duplicate_of[middle] >= 0
        if not moved.any():
            return
        rows, middle = rows[moved], middle[moved]
        for column in (ledger.rule, ledger.measure, ledger.similarity, ledger.duplicate_of):
            column[rows] = column[middle]


def mark_cap(ledger: Ledger, most_bytes: int | None) -> None:
    """Reject what goes beyond the cap of a language; documents stay in order of the hash of their ids."""
    if most_bytes is None:
        return
    for rows in _by_language(ledger):
        rows = _drawn(ledger, rows, "cap")
        beyond = np.cumsum(ledger.bytes[rows]) > most_bytes
        beyond[:1] = False
        ledger.rule[rows[beyond]] = ledger.index(CAP_RULE)


def mark_held_out(ledger: Ledger, settings: HeldOutSettings) -> None:
    """Choose each language's held-out documents in order of the hash of their ids."""
    for rows in _by_language(ledger):
        rows = _drawn(ledger, rows, "held-out")
        sizes = ledger.bytes[rows]
        least = min(settings.at_least, rows.size // 10)
        wanted = max(int(settings.share * rows.size), least, 1) if rows.size > 1 and settings.share else 0
        taken = rows[_fitting(sizes, wanted, min(settings.most_bytes, int(sizes.sum()) // 10))]
        if wanted and not taken.size:
            taken = rows[np.lexsort([*ledger.id_words(rows)[::-1], sizes])[:1]]
        ledger.held_out[taken] = True


def _by_language(ledger: Ledger) -> list[NDArray[np.int64]]:
    """The kept rows of each language that has any."""
    kept = ledger.kept
    kept = kept[np.argsort(ledger.language[kept], kind="stable")]
    return np.split(kept, np.flatnonzero(np.diff(ledger.language[kept])) + 1) if kept.size else []


@kernel
def _fitting(sizes: Any, wanted: Any, bound: Any) -> Any:
    """Places of the first `wanted` that fit into `bound` bytes together; one that does not fit is passed over."""
    taken = np.empty(min(wanted, sizes.size), np.int64)
    count, held = 0, 0
    for at in range(sizes.size):
        if count == wanted:
            break
        if held + sizes[at] <= bound:
            taken[count] = at
            held += sizes[at]
            count += 1
    return taken[:count]


def _drawn(ledger: Ledger, rows: NDArray[np.int64], purpose: str) -> NDArray[np.int64]:
    """The rows in the order of a keyed hash of their ids: those are SHA-256, so a number of each is random already."""
    words = ledger.id_words(rows)
    keyed = np.uint64(key(0, f"corpus {purpose}") & 0xFFFFFFFFFFFFFFFF)
    return rows[np.lexsort([*words[::-1], _mixed(words[0], keyed)])]


@kernel
def _mixed(words: Any, keyed: Any) -> Any:
    out = np.empty(words.size, np.uint64)
    for at in range(words.size):
        h = words[at] ^ keyed
        h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
        h = (h ^ (h >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
        out[at] = h ^ (h >> np.uint64(33))
    return out
