"""The first step: name, hash and, where they are no crawl yet, pack the files that a corpus is made from."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from openbook.books import Outcome
from openbook.books.digest import sha256_file
from openbook.context import Context
from openbook.corpus.sources import folders, outside
from openbook.corpus.sources.artifact import LOCATIONS, write_files
from openbook.corpus.sources.known import KnownDigests, Packed, Watched, packing_key
from openbook.corpus.sources.locate import Outside, is_needed
from openbook.corpus.sources.outside import RECIPE, Found
from openbook.corpus.sources.pack import pack
from openbook.corpus.sources.page import SourceFile
from openbook.corpus.sources.settings import (
    CommonCrawlSource,
    DebianSource,
    HtmlSource,
    SourceSettings,
    TextSource,
)
from openbook.errors import OpenbookError


def run(settings: Sequence[SourceSettings], work: Path, context: Context, base: Path) -> Outcome:
    """`base` is the folder that relative paths start from: the recipe's. It is not identity.

    Raises OpenbookError for an empty source, an unreadable file, one that cannot be fetched, a missing package, no apt.
    """
    check(settings)
    began = time.monotonic()
    found = [one for source in settings if isinstance(source, Outside) for one in outside.local(source, base)]
    files: list[SourceFile] = []
    origins: list[dict[str, Any]] = []
    measures: dict[str, Any] = {}
    if is_needed(settings):
        from openbook.corpus.sources.elsewhere import gather

        away = gather(settings, work, context, base)
        found += away.found
        files += [_packed_records(work, name, source) for name, source in away.packed.items()]
        origins, measures = away.origins, {"requests": away.requests}
    known = KnownDigests(context.cache)
    found = [replace(one, sha256=one.sha256 or known.of(_path(one))) for one in found]
    with context.progress.task("read source files", len(found), "files") as bar:
        described = list(context.engine.map(outside.describe, found, lambda _: bar.advance()))
    known.keep({_path(one): file.sha256 for one, file in zip(found, described, strict=True)})
    files += described
    local = [source for source in settings if isinstance(source, HtmlSource | TextSource)]
    with context.progress.task("pack folders", len(local), "folders") as bar:
        tasks = [partial(pack_folder, source, base, work, Packed.before(context)) for source in local]
        for packed in context.engine.map(_call, tasks, lambda _: bar.advance()):
            files += packed
    packages: list[dict[str, Any]] = []
    debian = [source for source in settings if isinstance(source, DebianSource)]
    if debian:
        from openbook.corpus.sources.debian import add_packages

        packed, packages, told = add_packages(debian, work, context)
        files += packed
        measures |= told
    check_names(files)
    write_files(work, files, {one.name: _location(one) for one in found}, packages, origins)
    counts: dict[str, int | float] = {
        "sources": len(settings),
        "files": len(files),
        "bytes": sum(file.size for file in files),
        "packages": len(packages),
    }
    return Outcome(counts, {"seconds": round(time.monotonic() - began, 1), **measures}, {}, frozenset({LOCATIONS}))


def _packed_records(work: Path, name: str, source: CommonCrawlSource) -> SourceFile:
    return packed_file(work, name, source.name, source.license, RECIPE if source.license else None, source.crawl)


def _path(found: Found) -> Path:
    assert found.path is not None
    return found.path


def _location(found: Found) -> str | dict[str, str]:
    """Where a file lies; for one that was downloaded also where from, should the cache be emptied."""
    assert found.path is not None
    path = str(found.path.resolve())
    return path if found.url is None else {"path": path, "url": found.url}


def check_names(files: Sequence[SourceFile]) -> None:
    """Names from elsewhere must not lead out of the artifact's folder, nor be the same."""
    names = [file.name for file in files]
    strange = sorted(name for name in names if {"", ".", ".."} & set(name.split("/")))
    if strange:
        raise OpenbookError(f"a source file cannot be called {strange[0]!r}; leave it out.")
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise OpenbookError(f"two source files would both be called {twice[0]!r}; give each a source of its own.")


def check(settings: Sequence[SourceSettings]) -> None:
    if not settings:
        raise OpenbookError("the recipe names no source: add one [[sources]] table at least.")
    names = [source.name for source in settings]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OpenbookError(f"two sources of the recipe are called {twice[0]!r}; each needs a name of its own.")


def _call(task: partial[list[SourceFile]]) -> list[SourceFile]:
    return task()


def pack_folder(source: HtmlSource | TextSource, base: Path, work: Path, before: Packed) -> list[SourceFile]:
    names = _packed_before(source, base, work, before)
    if names is None:
        facts = {"source": source.name} | ({"license": source.license} if source.license else {})
        pages = Watched(folders.pages(source, base))
        files = pack(work / "warc" / source.name, source.name, pages, facts)
        names = [f"warc/{source.name}/{name}" for name in files]
        before.remember(packing_key(source, pages.digest), work, names, names)
    evidence = RECIPE if source.license else None
    return [packed_file(work, name, source.name, source.license, evidence) for name in names]


def _packed_before(source: HtmlSource | TextSource, base: Path, work: Path, before: Packed) -> list[str] | None:
    """Names of the files that hold these very pages already. Reading and hashing is quick beside packing."""
    if before.previous is None:
        return None
    pages = Watched(folders.pages(source, base))
    for _ in pages:
        pass
    names: list[str] | None = before.recall(packing_key(source, pages.digest), work)
    return names


def packed_file(
    work: Path,
    name: str,
    source: str,
    license: str | None,
    evidence: str | None,
    package: str | None = None,
    version: str | None = None,
) -> SourceFile:
    path = work / name
    return SourceFile(name, source, "warc", sha256_file(path), path.stat().st_size, license, evidence, package, version)
