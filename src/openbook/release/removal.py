"""The books of removals, runs/NAME/removals/: one entry a request, each naming the digest of the one before it.

What they name is left out of the corpus by the next `openbook run`; no page is extracted again.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.books import store
from openbook.corpus import Annotated
from openbook.corpus.find import Finder, Found
from openbook.corpus.optouts import OptOutSettings
from openbook.errors import OpenbookError
from openbook.release import deletions as lists
from openbook.release import exposure as exposures
from openbook.release import statement
from openbook.release.request import ALL, Request, once, resolve, with_duplicates

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FOLDER = "removals"
FORMAT = 1
_ENTRY = re.compile(r"\d{4,}\.json")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Removal:
    """An entry of the books, and what lies beside it."""

    path: Path
    entry: dict[str, Any]
    digest: str

    @property
    def certificate(self) -> Path:
        return self.path.with_suffix(".exposure.json")

    @property
    def deletions(self) -> Path:
        """The deletion list of this and all earlier removals."""
        return self.path.with_suffix(".deletions.json")

    @property
    def optouts(self) -> OptOutSettings:
        return OptOutSettings.model_validate(self.entry["optouts"])


def removals(run: Path) -> list[Removal]:
    """The run's removals, first to last. Raises OpenbookError when one was changed, dropped or put elsewhere."""
    paths = [path for path in (run / FOLDER).glob("*.json") if _ENTRY.fullmatch(path.name)]
    paths.sort(key=lambda path: int(path.stem))
    found: list[Removal] = []
    for number, path in enumerate(paths, 1):
        entry = statement.read(path)
        before = found[-1].digest if found else None
        if (entry.get("statement"), entry.get("format")) != ("openbook removal", FORMAT):
            raise OpenbookError(f"{path} is no removal, or one of another format.")
        if path.name != f"{number:04d}.json" or entry["number"] != number or entry["previous"] != before:
            raise OpenbookError(
                f"{path} does not follow on what stands before it: entry {number:04d} was changed, dropped or put "
                "elsewhere. Put the original back; the books of removals are only added to."
            )
        one = Removal(path, entry, statement.digest(path.read_bytes()))
        for name, beside in (("certificate", one.certificate), ("deletions", one.deletions)):
            if not beside.is_file() or statement.digest(beside.read_bytes()) != entry[name]:
                raise OpenbookError(f"{beside} is missing, or is not the file that {path.name} names.")
        found.append(one)
    return found


def optouts(run: Path) -> OptOutSettings:
    """What all removals together leave out."""
    both = OptOutSettings()
    for one in removals(run):
        both = both.joined(one.optouts)
    return both


@dataclass(frozen=True)
class Preview:
    """What a request would remove."""

    request: Request
    pages: tuple[Found, ...]
    similar: tuple[Found, ...]
    keep_duplicates: bool
    optouts: OptOutSettings
    certificate: dict[str, Any]


def preview(run: Path, request: Request, keep_duplicates: bool = False) -> Preview:
    """Find what a request is about; writes nothing. Raises OpenbookError for a request that cannot be met."""
    finder = Finder.open(run / "corpus")
    found = resolve(request, finder)
    asked = once(found.pages)
    pages = list(asked.values()) if keep_duplicates else with_duplicates(found.pages, finder)
    ids = sorted(page.id for page in pages)
    said = [page.id for page in pages if page.kept or page.duplicate_of]
    texts = () if keep_duplicates else exact_hashes(run, said)
    named = found.optouts.joined(OptOutSettings(ids=tuple(ids), texts=tuple(texts)))
    certificate = exposures.exposure(run, pages, set(asked))
    return Preview(request, tuple(pages), found.similar, keep_duplicates, named, certificate)


def exact_hashes(run: Path, ids: Sequence[str]) -> list[str]:
    """The hashes of the texts of these documents, as they were annotated; sorted."""
    import pyarrow.parquet as pq

    found: set[str] = set()
    for part in Annotated.open(run / "annotated").parts if ids else ():
        table = pq.read_table(part, columns=["id", "exact"], filters=[("id", "in", list(ids))])
        found |= {one.hex() for one in table.column("exact").to_pylist() if one is not None}
    return sorted(found)


def remove(
    run: Path,
    seen: Preview,
    reason: str,
    by: str | None = None,
    key: "Ed25519PrivateKey | None" = None,
    date: str | None = None,
    words: int = lists.WORDS,
) -> Removal:
    """Write a request into the books: certificate and deletion list first, the entry last. A killed one left no entry.

    `date`: ISO 8601, of today when not given. `words`: in a row, that an answer may not reproduce.
    """
    if not reason.strip():
        raise OpenbookError("a removal needs a reason: --reason.")
    day = date or datetime.now(UTC).date().isoformat()
    if not _DATE.fullmatch(day):
        raise OpenbookError(f"{day!r} is no date such as 2026-01-31.")
    with store.lock(run):
        before = removals(run)
        path = run / FOLDER / f"{len(before) + 1:04d}.json"
        said = {
            "statement": "openbook removal",
            "format": FORMAT,
            "number": len(before) + 1,
            "previous": before[-1].digest if before else None,
            "date": day,
            "by": by,
            "reason": reason,
            "asked": seen.request.told(),
            "keep_duplicates": seen.keep_duplicates,
            "optouts": seen.optouts.model_dump(mode="json"),
        }
        certificate = statement.signed({**seen.certificate, "number": said["number"], "asked": said["asked"]}, key)
        old = lists.read(before[-1].deletions) if before else lists.Deletions(secrets.token_bytes(16), {})
        deletions = statement.signed(old.with_texts(texts_of(run, seen.pages), words).statement(), key)
        store.write_bytes(path.with_suffix(".exposure.json"), certificate)
        store.write_bytes(path.with_suffix(".exposure.md"), exposures.markdown(seen.certificate, said).encode())
        store.write_bytes(path.with_suffix(".deletions.json"), deletions)
        said |= {"certificate": statement.digest(certificate), "deletions": statement.digest(deletions)}
        store.write_bytes(path, statement.signed(said, key))
        return removals(run)[-1]


def texts_of(run: Path, pages: Sequence[Found]) -> list[str]:
    """The texts of pages of the corpus: those that were kept, and those that said the same."""
    import pyarrow.parquet as pq

    found = []
    for stored in sorted({page.stored for page in pages}):
        ids = [page.id for page in pages if page.stored == stored and (page.kept or page.duplicate_of)]
        if ids:
            table = pq.read_table(run / "corpus" / stored, columns=["text"], filters=[("id", "in", ids)])
            found += [text for text in table.column("text").to_pylist() if text]
    return found


@dataclass(frozen=True)
class Check:
    """What became of the removals in the corpus that is there now."""

    removals: int
    standing: tuple[Found, ...]
    """Documents that were to be removed and are still there."""
    repeating: tuple[str, ...]
    """Ids of other documents that hold a run of a removed text's words: they quote it, or are copies nobody named."""


def check(run: Path) -> Check:
    """Read the books and every text of the corpus. Raises OpenbookError when the books were changed."""
    entries = removals(run)
    if not entries:
        return Check(0, (), ())
    named, finder = optouts(run), Finder.open(run / "corpus")
    pages = [page for id in named.ids for page in finder.by_id(id, ALL).pages]
    pages += [page for url in named.urls for page in finder.by_url(url, ALL).pages]
    pages += [page for domain in named.domains for page in finder.by_domain(domain, ALL).pages]
    standing = once(page for page in pages if page.kept)
    deletions = lists.read(entries[-1].deletions)
    corpus = finder.corpus
    repeating = sorted(
        row["id"]
        for code in corpus.languages
        for row in corpus.documents(code, split=None, columns=["id", "text"])
        if row["id"] not in standing and deletions.holds(row["text"])
    )
    return Check(len(entries), tuple(standing[id] for id in sorted(standing)), tuple(repeating))
