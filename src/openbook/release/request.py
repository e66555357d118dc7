"""What somebody asks to have removed, and which pages of a run's corpus that is."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from openbook.books.digest import sha256_bytes
from openbook.corpus.find import Finder, Found
from openbook.corpus.optouts import OptOutSettings
from openbook.errors import OpenbookError

Kind = Literal["url", "domain", "document", "text", "robots", "optouts"]
ALL = 1 << 40
"""Pages of an answer: all of them."""
_ID = re.compile(r"[0-9a-f]{64}")
_DOMAIN = re.compile(r"[^\s/:@]+\.[^\s/:@]+")


@dataclass(frozen=True)
class Request:
    kind: Kind
    value: str
    """The address, domain, id; the text of a page, of a robots.txt, of a list."""
    site: str = ""
    """Of a robots.txt: scheme and host, `https://example.org`."""
    share: float = 1.0
    """Of a text's fingerprints that a page must hold; 1: the words stand there as they are given."""

    def told(self) -> dict[str, Any]:
        """The request as the books keep it: a text by its digest alone."""
        if self.kind in ("url", "domain", "document"):
            return {"kind": self.kind, "value": self.value}
        told = {"kind": self.kind, "sha256": sha256_bytes(self.value.encode())}
        if self.kind == "robots":
            told |= {"site": self.site}
        return told | ({"share": self.share} if self.kind == "text" else {})


@dataclass(frozen=True)
class Resolved:
    pages: tuple[Found, ...]
    """To be removed, kept ones before others."""
    similar: tuple[Found, ...] = ()
    """Pages that hold part of the text that was given; they stay."""
    optouts: OptOutSettings = field(default_factory=OptOutSettings)
    """What the request names beside the pages that are there: it holds for later crawls too."""


def resolve(request: Request, finder: Finder) -> Resolved:
    """Raises OpenbookError for what cannot be asked, and for a document or text that the corpus does not have."""
    match request.kind:
        case "url":
            return Resolved(finder.by_url(request.value, ALL).pages, optouts=OptOutSettings(urls=(request.value,)))
        case "domain":
            name = _domain(request.value)
            return Resolved(finder.by_domain(name, ALL).pages, optouts=OptOutSettings(domains=(name,)))
        case "document":
            return Resolved(_named(finder, request.value))
        case "text":
            return _by_text(request, finder)
        case "robots":
            return _by_robots(request, finder)
        case "optouts":
            return _by_list(request.value, finder)


def _domain(name: str) -> str:
    plain = name.strip().lower().split("://", 1)[-1].split("/", 1)[0].removeprefix("*.").strip(".")
    if not _DOMAIN.fullmatch(plain):
        raise OpenbookError(f"{name!r} is no domain of two labels or more, such as example.org.")
    return plain


def _named(finder: Finder, id: str) -> tuple[Found, ...]:
    pages = finder.by_id(id, ALL).pages
    if not pages:
        raise OpenbookError(f"no page of this run has the id {id}: `openbook find RUN --url` or `--text` tells ids.")
    if len({page.id for page in pages}) > 1:
        raise OpenbookError(f"{id} begins the ids of {len(pages)} pages: give all of its 64 digits.")
    return pages


def _by_text(request: Request, finder: Finder) -> Resolved:
    found = finder.by_text(request.value, ALL)
    pages = tuple(page for page in found.pages if (page.share or 0) >= request.share)
    similar = tuple(page for page in found.pages if (page.share or 0) < request.share)
    if not pages:
        near = f" {len(similar)} hold a part of it: --share takes them too." if similar else ""
        raise OpenbookError(f"no page of this run holds this text as it is given.{near}")
    return Resolved(pages, similar)


def _by_robots(request: Request, finder: Finder) -> Resolved:
    """The pages of a site that its new robots.txt keeps from those who gather for models, or from all crawlers."""
    from openbook.corpus.addresses import site_of
    from openbook.corpus.robots import Site, readable

    site = site_of(request.site)
    if not site:
        raise OpenbookError("a robots.txt needs the site that it is of: --site https://example.org.")
    if not readable("/robots.txt", request.value):
        raise OpenbookError(f"this is no robots.txt of {site}: it looks like a page of HTML.")
    rules = Site([("/robots.txt", request.value)])
    pages = finder.by_domain(site.partition(":")[0], ALL).pages
    return Resolved(tuple(page for page in pages if site_of(page.url) == site and rules.reservations(page.url)))


def _by_list(text: str, finder: Finder) -> Resolved:
    """A list of opt-outs: a domain, an address or a document's id a line; `#` begins a comment."""
    pages: dict[tuple[str, str], Found] = {}
    named: dict[str, list[str]] = {"domains": [], "urls": [], "ids": []}
    for number, line in enumerate(text.splitlines(), 1):
        entry = re.sub(r"(^|\s)#.*", "", line).strip()
        if not entry:
            continue
        if _ID.fullmatch(entry.lower()):
            kind, value, found = "ids", entry.lower(), finder.by_id(entry, ALL).pages
        elif "/" in entry:
            kind, value, found = "urls", entry, finder.by_url(entry, ALL).pages
        elif _DOMAIN.fullmatch(entry.removeprefix("*.")):
            kind, value = "domains", _domain(entry)
            found = finder.by_domain(value, ALL).pages
        else:
            raise OpenbookError(f"line {number} of the list is no domain, address or id: {entry[:80]!r}.")
        named[kind].append(value)
        pages |= {(page.id, page.stored): page for page in found}
    if not any(named.values()):
        raise OpenbookError("the list of opt-outs names nothing.")
    optouts = OptOutSettings(**{kind: tuple(dict.fromkeys(values)) for kind, values in named.items()})
    return Resolved(tuple(pages.values()), optouts=optouts)


DUPLICATES = ("duplicates:exact", "duplicates:near", "duplicates:record")
"""Rules by which a page was dropped because another one says the same."""


def with_duplicates(pages: Sequence[Found], finder: Finder) -> list[Found]:
    """The pages, the documents in whose favor they were dropped, and all that was dropped in the favor of those."""
    found = once(pages)
    for page in pages:
        if page.duplicate_of and page.rejected_by in DUPLICATES and page.duplicate_of not in found:
            found |= {one.id: one for one in finder.by_id(page.duplicate_of, ALL).pages if one.kept}
    kept = [page.id for page in found.values() if page.kept]
    for id in duplicates_of(kept, finder.corpus.folder):
        if id not in found:
            found |= once(finder.by_id(id, ALL).pages)
    return list(found.values())


def once(pages: Iterable[Found]) -> dict[str, Found]:
    """Pages by id; of a record that the sources hold twice the one that was kept."""
    found: dict[str, Found] = {}
    for page in pages:
        if page.id not in found or (page.kept and not found[page.id].kept):
            found[page.id] = page
    return found


def duplicates_of(ids: Iterable[str], corpus: Path) -> list[str]:
    """Ids, sorted, of the pages that were dropped in favor of these documents."""
    import pyarrow.parquet as pq

    wanted, found = sorted(set(ids)), set()
    for path in sorted((corpus / "rejected").glob("*.parquet")) if wanted else ():
        filters = [("duplicate_of", "in", wanted), ("rejected_by", "in", list(DUPLICATES))]
        found |= set(pq.read_table(path, columns=["id"], filters=filters).column("id").to_pylist())
    return sorted(found)
