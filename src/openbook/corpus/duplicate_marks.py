"""Which pages are rejected for a better one that holds the same: records read twice, equal texts, lines, near texts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from openbook.compute import Engine
from openbook.corpus import duplicates, repeated_lines
from openbook.corpus.filter import thresholds
from openbook.corpus.ledger import Ledger, rank
from openbook.corpus.settings import CorpusSettings

EXACT_RULE, NEAR_RULE, RECORD_RULE = "duplicates:exact", "duplicates:near", "duplicates:record"
LINES_RULE = "duplicates:repeated-lines"


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
