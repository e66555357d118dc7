"""One package from its .deb to WARC files: unpack, convert, choose under the caps, pack, and state what was done."""

import gzip
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from openbook.books.store import write_bytes
from openbook.corpus.sources.debian import copyright
from openbook.corpus.sources.debian.apt import Package
from openbook.corpus.sources.debian.deb import Entry, entries
from openbook.corpus.sources.debian.families import family_of
from openbook.corpus.sources.debian.page_html import Draft
from openbook.corpus.sources.known import Packed, packing_key
from openbook.corpus.sources.pack import Page, chosen, pack, url_path
from openbook.corpus.sources.settings import DebianSource


@dataclass(frozen=True)
class Packing:
    """A task: small, so that it travels to a worker."""

    package: Package
    deb: Path
    source: DebianSource
    work: Path
    before: Packed

    @property
    def folder(self) -> Path:
        return self.work / "warc" / self.source.name

    @property
    def note(self) -> Path:
        """What a killed run leaves to say that this package is done."""
        return self.work / "done" / f"{self.source.name}-{self.package.name}.json"


def pack_package(task: Packing) -> dict[str, Any]:
    """The package's entry for packages.json; `files` are paths in the artifact."""
    if task.note.is_file():
        note: dict[str, Any] = orjson.loads(task.note.read_bytes())
        if note["sha256"] == task.package.sha256 and all((task.work / name).is_file() for name in note["files"]):
            return note
    key = packing_key(task.source, asdict(task.package))
    if (packed := task.before.recall(key, task.work)) is not None:
        write_bytes(task.note, orjson.dumps(packed))
        return dict(packed)
    family = family_of(task.package.name)
    legal = f"usr/share/doc/{task.package.name}/copyright"
    found = list(entries(task.deb, lambda path: path in (legal, f"{legal}.gz") or family.wanted(path)))
    license, evidence = copyright.judge(_text(found, legal), task.source.license)
    pages = choose(list(family.convert([entry for entry in found if family.wanted(entry.path)])), task)
    facts = {"source": task.source.name, "package": task.package.name, "version": task.package.version}
    names = pack(task.folder, task.package.name, pages, facts | ({"license": license} if license else {}))
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for page in pages:
        counts[page.language or ""] += 1
        sizes[page.language or ""] += len(page.body)
    note = {
        **asdict(task.package),
        "source": task.source.name,
        "license": license,
        "license_evidence": evidence,
        "pages": dict(sorted(counts.items())),
        "bytes": dict(sorted(sizes.items())),
        "files": [f"warc/{task.source.name}/{name}" for name in names],
    }
    task.before.remember(key, task.work, note["files"], note)
    write_bytes(task.note, orjson.dumps(note))
    return note


def choose(drafts: list[Draft], task: Packing) -> list[Page]:
    """Under the caps language by language; then all in the order of their addresses."""
    package, source = task.package, task.source
    by_language: dict[str, list[Page]] = {}
    for draft in drafts:
        if source.languages is None or draft.language in source.languages:
            url = url_path(f"deb:{package.name}/{package.upstream}/{draft.path}")
            page = Page(url, draft.html, draft.modified, language=draft.language)
            by_language.setdefault(draft.language, []).append(page)
    pages = [
        page
        for language in sorted(by_language)
        for page in chosen(by_language[language], source.pages_per_language, source.bytes_per_language)
    ]
    return sorted(pages, key=lambda page: page.url)


def _text(found: list[Entry], legal: str) -> str:
    for entry in found:
        if entry.path == legal:
            return entry.data.decode("utf-8", errors="replace")
        if entry.path == f"{legal}.gz":
            return gzip.decompress(entry.data).decode("utf-8", errors="replace")
    return ""
