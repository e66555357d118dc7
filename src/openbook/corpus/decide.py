"""What becomes of each annotated page before others are looked at: language, filters, quality, evaluation sets, rights.

Reads no text.

One task for an annotated part; its verdicts go to a small file beside, in the order of the part's rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from openbook.books.store import atomic_path
from openbook.corpus import blocklists
from openbook.corpus import rights as right
from openbook.corpus.addresses import site_of
from openbook.corpus.annotated import POLICY_FILE
from openbook.corpus.decontaminate import RULE as CONTAMINATED
from openbook.corpus.documents import QUALITY
from openbook.corpus.filter import RULES, STAGE_OF, Thresholds, thresholds
from openbook.corpus.optouts import OptOuts
from openbook.corpus.robots import Site, sites
from openbook.corpus.scan import SPANS
from openbook.corpus.settings import CorpusSettings
from openbook.languages import LANGUAGES

COLUMNS = [
    "id",
    "url",
    "source",
    "record",
    "language",
    "language_score",
    "license",
    "reservations",
    "unreadable",
    "scores",
    "bytes",
    "exact",
    "signature",
    "rejected_by",
]
VERDICTS = pa.schema(
    [
        ("id", pa.binary(32)),
        ("language", pa.string()),
        ("source", pa.string()),
        ("file", pa.string()),
        ("offset", pa.int64()),
        ("bytes", pa.int64()),
        ("rights", pa.string()),
        ("reservations", pa.list_(pa.string())),
        ("unreadable", pa.list_(pa.string())),
        ("rejected_by", pa.string()),
        ("measure", pa.float64()),
        ("exact", pa.binary(16)),
        ("signature", pa.binary()),
        ("quality", QUALITY),
        ("pieces", SPANS),
    ]
)
NOT_ASKED = "identify:language-not-asked"
UNKNOWN = "identify:unknown"


@dataclass(frozen=True)
class DecideTask:
    part: Path
    out: Path
    settings: CorpusSettings
    policies: Path
    """JSON: Annotated.policy_files(), with those of the snapshots."""
    scanned: Path | None = None
    """Of scan_part; None when nothing was sought in the texts."""
    score: str = "language_score"
    """The rule whose cut-offs fit the identifier's scores."""
    blocklist: Path | None = None
    """Compiled."""


def decide_part(task: DecideTask) -> int:
    """Write the verdicts of one part, unless a killed run has; returns the number of its pages."""
    if task.out.exists():
        return int(pq.read_metadata(task.out).num_rows)
    table = pq.read_table(task.part, columns=COLUMNS)
    rejected, measure = verdicts(table, task.settings, task.score)
    quality, pieces, sizes = _scanned(table, task, rejected, measure)
    optouts = OptOuts(task.settings.optouts)
    ids, urls = table.column("id").to_pylist(), table.column("url").to_pylist()
    blocked = blocklists.opened(task.blocklist).categories_of(urls) if task.blocklist else [None] * len(urls)
    for row, category in enumerate(blocked):
        if category is not None and rejected[row] != POLICY_FILE:
            rejected[row], measure[row] = f"{blocklists.RULE}:{category}", np.nan
    texts = table.column("exact").to_pylist()
    for row, (id, url, exact) in enumerate(zip(ids, urls, texts, strict=True)):
        if rejected[row] != POLICY_FILE:
            rejected[row] = optouts.reason(id, url, exact) or rejected[row]
    reservations, unreadable = _signals(table, _sites(task.policies))
    reserved = _rights(table.column("license").to_pylist(), reservations, unreadable, task.settings.rights)
    for row, (answer, reason) in enumerate(reserved):
        if rejected[row] is None and answer == "excluded":
            rejected[row] = f"rights:{reason}"
    survives = pa.array([one is None for one in rejected])
    record = table.column("record").combine_chunks()
    columns = {
        "id": pa.array([bytes.fromhex(one) for one in ids], pa.binary(32)),
        "language": table.column("language"),
        "source": table.column("source"),
        "file": record.field("file"),
        "offset": record.field("offset"),
        "bytes": sizes,
        "rights": pa.array([answer for answer, _ in reserved], pa.string()),
        "reservations": pa.array(reservations, pa.list_(pa.string())),
        "unreadable": pa.array(unreadable, pa.list_(pa.string())),
        "rejected_by": pa.array(rejected, pa.string()),
        "measure": pa.array(measure, pa.float64(), from_pandas=True),
        "exact": pa.compute.if_else(survives, table.column("exact"), None),
        "signature": pa.compute.if_else(survives, table.column("signature"), None),
        "quality": quality,
        "pieces": pieces,
    }
    with atomic_path(task.out) as temporary:
        pq.write_table(pa.table(columns, schema=VERDICTS), temporary, compression="zstd")
    return int(table.num_rows)


def _scanned(
    table: pa.Table, task: DecideTask, rejected: list[str | None], measure: NDArray[np.float64]
) -> tuple[pa.ChunkedArray, pa.ChunkedArray, pa.ChunkedArray]:
    """Quality, what stays of texts that are cut, and sizes; rejects what fails by either."""
    if task.scanned is None:
        return (*(pa.nulls(table.num_rows, kind) for kind in (QUALITY, SPANS)), table.column("bytes"))
    found = pq.read_table(task.scanned)
    languages = table.column("language").to_pylist()
    limits = {one.name: one for one in task.settings.quality}
    for row, scores in enumerate(found.column("quality").to_pylist() if limits else ()):
        for name, score in scores or ():
            bounds = limits[name].bounds(languages[row])
            low, high = bounds.min is not None and score < bounds.min, bounds.max is not None and score > bounds.max
            if rejected[row] is None and (low or high):
                rejected[row], measure[row] = f"quality:{name}", score
    shares, pieces = found.column("cut_share"), found.column("pieces")
    for row in np.flatnonzero(shares.is_valid().to_numpy(zero_copy_only=False)).tolist():
        if rejected[row] is None and not pieces[row].as_py():
            rejected[row], measure[row] = CONTAMINATED, shares[row].as_py()
    cut = pa.compute.and_(pa.compute.is_valid(shares), pa.array([one is None for one in rejected]))
    sizes = pa.compute.if_else(cut, found.column("left_bytes"), table.column("bytes"))
    return found.column("quality"), pa.compute.if_else(cut, pieces, None), sizes


def verdicts(
    table: pa.Table, settings: CorpusSettings, score: str = "language_score"
) -> tuple[list[str | None], NDArray[np.float64]]:
    """For each row the rule that rejects it (None: none does) and the measure that failed (NaN where none did)."""
    asked = frozenset(settings.languages if settings.languages is not None else LANGUAGES)
    rejected: list[str | None] = table.column("rejected_by").to_pylist()
    measure = np.full(table.num_rows, np.nan)
    groups: dict[tuple[str, str], list[int]] = {}
    languages, sources = table.column("language").to_pylist(), table.column("source").to_pylist()
    for row, (language, source) in enumerate(zip(languages, sources, strict=True)):
        if rejected[row] is not None:
            continue
        if language in asked:
            groups.setdefault((language, source), []).append(row)
        else:
            rejected[row] = NOT_ASKED if language != "und" else UNKNOWN
    columns = _columns(table)
    for (language, source), rows in groups.items():
        profile = settings.profiles.get(source, settings.profile)
        found = judge(columns, thresholds(profile, language, source, settings.filter, score), rows)
        for at in np.flatnonzero(found.rule >= 0):
            rule = RULES[found.rule[at]]
            rejected[rows[at]] = f"{STAGE_OF[rule]}:{rule}"
            measure[rows[at]] = found.measure[at]
    return rejected, measure


def _columns(table: pa.Table) -> Mapping[str, NDArray[np.float64]]:
    scores = table.column("scores").combine_chunks()
    columns = {
        scores.type.field(at).name: scores.field(at).to_numpy(zero_copy_only=False)
        for at in range(scores.type.num_fields)
    }
    columns["language_score"] = table.column("language_score").to_numpy()
    return columns


@lru_cache(1)
def _sites(policies: Path) -> dict[str, Site]:
    return sites(orjson.loads(policies.read_bytes()))


def _signals(table: pa.Table, known: Mapping[str, Site]) -> tuple[list[list[str]], list[list[str]]]:
    """Reservations and unreadable signals of each row, those of its site's policy files included."""
    reservations = [one or [] for one in table.column("reservations").to_pylist()]
    unreadable = [one or [] for one in table.column("unreadable").to_pylist()]
    for row, url in enumerate(table.column("url").to_pylist() if known else ()):
        site = known.get(site_of(url))
        if site is not None:
            reservations[row] = sorted({*reservations[row], *site.reservations(url)})
            unreadable[row] = sorted({*unreadable[row], *site.unreadable})
    return reservations, unreadable


def _rights(
    licenses: Sequence[str | None],
    reservations: Sequence[Sequence[str]],
    unreadable: Sequence[Sequence[str]],
    policy: right.RightsPolicy,
) -> list[tuple[right.Rights, str | None]]:
    known: dict[tuple[object, ...], tuple[right.Rights, str | None]] = {}
    answers = []
    for license, reserved, unclear in zip(licenses, reservations, unreadable, strict=True):
        key = (license, tuple(reserved), tuple(unclear))
        if key not in known:
            known[key] = right.decide(policy, license, reserved, unclear)
        answers.append(known[key])
    return answers


@dataclass(frozen=True, slots=True)
class Judged:
    rule: NDArray[np.int16]
    """Index into RULES of the first rule that each text breaks, -1 for none."""
    measure: NDArray[np.float64]


def judge(columns: Mapping[str, NDArray[np.float64]], limits: Thresholds, rows: Sequence[int] | NDArray[Any]) -> Judged:
    """Try the rules on the texts at `rows` of the columns (measure -> values)."""
    count = len(rows)
    broken, measure = np.full(count, -1, np.int16), np.zeros(count)
    index = np.asarray(rows, dtype=np.int64)
    for rule, bounds in limits.items():
        values = columns["language_score" if rule == "glotlid_score" else rule][index]
        low = values < bounds.min if bounds.min is not None else np.zeros(count, bool)
        high = values > bounds.max if bounds.max is not None else np.zeros(count, bool)
        fails = (low | high) & (broken < 0)
        broken[fails] = RULES.index(rule)
        measure[fails] = values[fails]
    return Judged(broken, measure)
