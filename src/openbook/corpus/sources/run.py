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
from openbook.corpus.sources import folders
from openbook.corpus.sources.artifact import LOCATIONS, write_files
from openbook.corpus.sources.known import KnownDigests, Packed, Watched, packing_key
from openbook.corpus.sources.locate import outside_files
from openbook.corpus.sources.pack import pack
from openbook.corpus.sources.page import SourceFile
from openbook.corpus.sources.settings import (
    DebianSource,
    HtmlSource,
    JsonlSource,
    ParquetSource,
    SourceSettings,
    TextSource,
    WarcSource,
)
from openbook.errors import OpenbookError

RECIPE = "the recipe says so"
Outside = WarcSource | JsonlSource | ParquetSource


def run(settings: Sequence[SourceSettings], work: Path, context: Context, base: Path) -> Outcome:
    """`base` is the folder that relative paths start from: the recipe's. It is not identity.

    Raises OpenbookError for an empty source, an unreadable file, a missing package, or no apt.
    """
    check(settings)
    began = time.monotonic()
    outside = [
        (name, path, source)
        for source in settings
        if isinstance(source, Outside)
        for name, path in outside_files(source, base).items()
    ]
    known = KnownDigests(context.cache)
    files = _hash_outside(outside, known, context)
    known.keep({path: file.sha256 for (_, path, _), file in zip(outside, files, strict=True)})
    local = [source for source in settings if isinstance(source, HtmlSource | TextSource)]
    with context.progress.task("pack folders", len(local), "folders") as bar:
        tasks = [partial(pack_folder, source, base, work, Packed.before(context)) for source in local]
        for packed in context.engine.map(_call, tasks, lambda _: bar.advance()):
            files += packed
    measures: dict[str, object] = {}
    packages: list[dict[str, Any]] = []
    debian = [source for source in settings if isinstance(source, DebianSource)]
    if debian:
        from openbook.corpus.sources.debian import add_packages

        packed, packages, measures = add_packages(debian, work, context)
        files += packed
    locations = {name: str(path.resolve()) for name, path, _ in outside}
    write_files(work, files, locations, packages)
    counts: dict[str, int | float] = {
        "sources": len(settings),
        "files": len(files),
        "bytes": sum(file.size for file in files),
        "packages": len(packages),
    }
    return Outcome(counts, {"seconds": round(time.monotonic() - began, 1), **measures}, {}, frozenset({LOCATIONS}))


def check(settings: Sequence[SourceSettings]) -> None:
    if not settings:
        raise OpenbookError("the recipe names no source: add one [[sources]] table at least.")
    names = [source.name for source in settings]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OpenbookError(f"two sources of the recipe are called {twice[0]!r}; each needs a name of its own.")


def _call(task: partial[list[SourceFile]]) -> list[SourceFile]:
    return task()


def _hash_outside(outside: list[tuple[str, Path, Outside]], known: KnownDigests, context: Context) -> list[SourceFile]:
    tasks = [(*found, known.of(found[1])) for found in outside]
    with context.progress.task("read source files", len(outside), "files") as bar:
        return list(context.engine.map(describe, tasks, lambda _: bar.advance()))


def describe(found: tuple[str, Path, Outside, str | None]) -> SourceFile:
    """The row of a file that stays where it is."""
    name, path, source, digest = found
    try:
        mapping: dict[str, str] = {}
        if not isinstance(source, WarcSource):
            mapping = {field: column for field, column in source.columns.model_dump().items() if column is not None}
            _check_columns(source, path, mapping)
        digest = digest or sha256_file(path)
        file = SourceFile(name, source.name, source.kind, digest, path.stat().st_size, mapping=mapping)
    except OSError as error:
        raise OpenbookError(f"source {source.name!r}: {path} cannot be read ({error.strerror}).") from None
    return replace(file, license=source.license, license_evidence=RECIPE if source.license else None)


def _check_columns(source: JsonlSource | ParquetSource, path: Path, mapping: dict[str, str]) -> None:
    """A column that the recipe names and no row has is a mistake in the recipe, not one in the rows."""
    from openbook.corpus.sources import ready

    present = ready.columns_of(source.kind, path)
    if present is None:
        return
    missing = sorted(column for column in mapping.values() if column not in present)
    if missing:
        raise OpenbookError(
            f"source {source.name!r}: {path} has no column {missing[0]!r}; it has {', '.join(sorted(present))}. "
            "Name the right ones under [sources.columns]."
        )


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
