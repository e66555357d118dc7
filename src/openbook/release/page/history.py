"""What was removed from a run, what became of it, and what a log says of it and of the releases."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openbook.books.digest import sha256_bytes
from openbook.books.tlog import TileLog
from openbook.errors import OpenbookError
from openbook.release import exposure, log, removal, statement
from openbook.release.standalone.checks import release_entry

GONE = "not in the corpus"
STANDING = "still in the corpus: run the recipe, or remove with --apply"
MOST_ENTRIES = 1000
"""Of a log, the last ones."""


@dataclass(frozen=True)
class Removed:
    number: int
    entry: Mapping[str, Any]
    digest: str
    sentence: str
    """What the certificate says."""
    documents: tuple[Mapping[str, Any], ...]
    """Of the certificate, each with `tombstone`: what the corpus says of it now."""
    dropped: tuple[Mapping[str, Any], ...]
    listed: int | None
    """Index of its entry in the log."""


@dataclass(frozen=True)
class Listed:
    index: int
    told: Mapping[str, Any]
    digest: str
    ours: str
    """What of this run it is; empty for others."""


@dataclass(frozen=True)
class History:
    removed: tuple[Removed, ...] = ()
    listed: tuple[Listed, ...] = ()
    entries: int = 0
    origin: str = ""
    problems: tuple[str, ...] = field(default=())


def read_history(run: Path | None, release: Path | None, log_folder: Path | None) -> History:
    """A book that was changed is told as a problem. Raises OpenbookError for a log that is none."""
    tiles = TileLog.open(log_folder) if log_folder else None
    if tiles is not None and not tiles.size:
        raise OpenbookError(f"{log_folder} is no log, or has no entry.")
    entries = tiles.entries() if tiles else []
    problems: list[str] = []
    try:
        made = removal.removals(run) if run else []
    except OpenbookError as error:
        made, problems = [], [str(error)]
    ours: dict[bytes, str] = {}
    if tiles:
        ours |= {log.removal_entry(one.path): f"removal {one.path.stem}" for one in made}
        try:
            ours |= {release_entry(release): "this release"} if release else {}
        except OpenbookError as error:
            problems.append(str(error))
    places = {entry: at for at, entry in enumerate(entries)}
    removed = [_removed(run, one, places.get(log.removal_entry(one.path))) for one in made] if run else []
    first = max(0, len(entries) - MOST_ENTRIES)
    listed = [
        Listed(at, log.told(entry), sha256_bytes(entry), ours.get(entry, ""))
        for at, entry in enumerate(entries[first:], first)
    ]
    if tiles:
        problems += [f"the log does not list {name}" for entry, name in ours.items() if entry not in places]
    origin = tiles.checkpoint.origin if tiles and tiles.checkpoint else ""
    return History(tuple(removed), tuple(listed), len(entries), origin, tuple(problems))


def _removed(run: Path, one: removal.Removal, index: int | None) -> Removed:
    certificate = statement.read(one.certificate)
    stones = tombstones(run, [document["id"] for document in certificate["documents"]])
    return Removed(
        one.entry["number"],
        one.entry,
        one.digest,
        exposure.sentence(certificate),
        tuple({**document, "tombstone": stones[document["id"]]} for document in certificate["documents"]),
        tuple(certificate["dropped"]),
        index,
    )


def tombstones(run: Path, ids: Iterable[str]) -> dict[str, str]:
    """Id of a document -> the rule by which the run's corpus leaves it out now, or that it does not."""
    import pyarrow.parquet as pq

    found = dict.fromkeys(ids, GONE)
    for place in ("rejected", "documents") if found else ():
        for path in sorted((run / "corpus" / place).glob("*.parquet")):
            columns = ["id", "rejected_by"] if place == "rejected" else ["id"]
            for row in pq.read_table(path, columns=columns, filters=[("id", "in", list(found))]).to_pylist():
                found[row["id"]] = row.get("rejected_by") or STANDING
    return found


def asked_of(entry: Mapping[str, Any]) -> str:
    """What a removal asked for, in a line."""
    asked = entry["asked"]
    value = asked.get("value") or asked.get("site") or f"SHA-256 {asked['sha256']}"
    return f"{asked['kind']} {value}"
