"""Debian's packages as sources: fetched by name with apt, unpacked without being installed, packed into WARC."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openbook.context import Context
from openbook.corpus.sources.debian.apt import Apt, Package
from openbook.corpus.sources.debian.families import family_of
from openbook.corpus.sources.debian.package import Packing, pack_package
from openbook.corpus.sources.known import Packed
from openbook.corpus.sources.page import SourceFile
from openbook.corpus.sources.settings import DebianSource
from openbook.errors import OpenbookError

Found = list[tuple[DebianSource, Package]]


def add_packages(
    sources: Sequence[DebianSource], work: Path, context: Context
) -> tuple[list[SourceFile], list[dict[str, Any]], dict[str, Any]]:
    """Files for files.jsonl, entries for packages.json, measures."""
    from openbook.corpus.sources.run import packed_file

    began = time.monotonic()
    apt = Apt(context.cache / "debian", context.progress)
    found, debs, missing = obtain(apt, sources)
    for name in missing:
        context.progress.say(f"the apt sources of this machine hold no package {name}; going on without it.")
    fetched = time.monotonic()
    tasks = [Packing(package, debs[package.name], source, work, Packed.before(context)) for source, package in found]
    with context.progress.task("pack packages", len(tasks), "packages") as bar:
        notes = list(context.engine.map(pack_package, tasks, lambda _: bar.advance()))
    files = [
        packed_file(
            work, name, note["source"], note["license"], note["license_evidence"], note["name"], note["version"]
        )
        for note in notes
        for name in note["files"]
    ]
    shutil.rmtree(work / "done", ignore_errors=True)
    measures = {
        "download_seconds": round(fetched - began, 1),
        "download_bytes": sum({package.name: package.size for _, package in found}.values()),
        "packing_seconds": round(time.monotonic() - fetched, 1),
        "packages_missing": missing,
    }
    return files, sorted(notes, key=lambda note: (note["source"], note["name"])), measures


def obtain(apt: Apt, sources: Sequence[DebianSource]) -> tuple[Found, dict[str, Path], list[str]]:
    """Packages with their files, and the names that match nothing. Old package lists are tried before new ones."""
    complaint = "" if apt.has_lists else apt.update()
    found, missing = resolve(apt, sources)
    try:
        if missing:
            raise OpenbookError("some names are not known yet")
        return found, apt.fetch([package for _, package in found]), missing
    except OpenbookError:
        complaint = complaint or apt.update()
    found, missing = resolve(apt, sources)
    for source in sources:
        if not any(owner is source for owner, _ in found):
            raise OpenbookError(
                f"source {source.name!r}: the apt sources of this machine hold none of its packages "
                f"({', '.join(source.packages[:3])}…). apt said: {complaint}"
            )
    return found, apt.fetch([package for _, package in found]), missing


def resolve(apt: Apt, sources: Sequence[DebianSource]) -> tuple[Found, list[str]]:
    patterns = sorted({pattern for source in sources for pattern in source.packages})
    known = apt.find(patterns)
    found: Found = []
    for source in sources:
        packages = {package.name: package for pattern in source.packages for package in known[pattern]}
        for name in sorted(packages):
            family_of(name)
            found.append((source, packages[name]))
    return found, [pattern for pattern in patterns if not known[pattern]]
