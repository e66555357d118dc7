"""Which files a path or glob of a recipe names, and under which name they stand in the books."""

import glob
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from openbook.books.digest import canonical_json, sha256_bytes
from openbook.corpus.sources.settings import (
    CommonCrawlSource,
    HtmlSource,
    HuggingFaceSource,
    JsonlSource,
    ParquetSource,
    SourceSettings,
    TextSource,
    WarcSource,
    is_remote,
)
from openbook.errors import OpenbookError

Outside = WarcSource | JsonlSource | ParquetSource
"""Kinds whose files are used as they are."""


def matches(pattern: str, base: Path) -> Iterator[tuple[Path, str]]:
    """(file or folder, name) in the order of the names. The name is the path below the part without `*?[`, so it does
    not depend on where the files lie on this machine."""
    given = Path(pattern).expanduser()
    root = Path(given.anchor) if given.is_absolute() else base
    parts = list(given.relative_to(given.anchor).parts)
    while len(parts) > 1 and not glob.has_magic(parts[0]):
        root /= parts.pop(0)
    if not parts:
        parts = ["."]
    if any(glob.has_magic(part) for part in parts):
        paths = sorted(root.glob("/".join(parts)))
    else:
        paths = [root / parts[0]]
    for path in paths:
        if path.exists():
            yield path, path.relative_to(root).as_posix()


def outside_files(source: Outside, base: Path) -> dict[str, Path]:
    """Name in the books (`<source>/<name>`) -> file on this machine. OpenbookError when a path names none, or two share
    a name. Addresses are passed over."""
    found: dict[str, Path] = {}
    for pattern in source.paths:
        if is_remote(pattern):
            continue
        before = len(found)
        for path, name in matches(pattern, base):
            if path.is_file() and found.setdefault(f"{source.name}/{name}", path) != path:
                raise OpenbookError(
                    f"source {source.name!r}: {found[f'{source.name}/{name}']} and {path} would both be called "
                    f"{name!r}; give each folder a source of its own."
                )
        if len(found) == before and not any(path.is_file() for path, _ in matches(pattern, base)):
            raise OpenbookError(
                f"source {source.name!r} is empty: no file matches {pattern!r} (looked from {base.resolve()})."
            )
    return dict(sorted(found.items()))


def remote_files(source: Outside, expand: Callable[[str], list[str]]) -> dict[str, str]:
    """Name in the books -> address. The name is the path below the part without `*?[`, else the last part of the path.

    `expand` lists what a glob names. Raises OpenbookError like `outside_files`.
    """
    found: dict[str, str] = {}
    for pattern in filter(is_remote, source.paths):
        web = pattern.startswith(("https://", "http://"))
        path = pattern.partition("?")[0].partition("#")[0] if web else pattern
        folders = path.split("/")[:-1]
        if glob.has_magic(path):
            if web:
                raise OpenbookError(f"source {source.name!r}: {pattern}: https cannot list files; name each one.")
            folders = folders[: next((at for at, part in enumerate(folders) if glob.has_magic(part)), len(folders))]
        for url in expand(pattern) if glob.has_magic(path) else [pattern]:
            name = f"{source.name}/" + _below(path if url == pattern else url, "/".join(folders))
            if name.endswith("/"):
                raise OpenbookError(f"source {source.name!r}: {pattern} names no file: it ends with a slash.")
            if found.setdefault(name, url) != url:
                raise OpenbookError(
                    f"source {source.name!r}: {found[name]} and {url} would both be called {name!r}; "
                    "give each a source of its own."
                )
        if not found:
            raise OpenbookError(f"source {source.name!r} is empty: no file matches {pattern!r}.")
    return dict(sorted(found.items()))


def _below(url: str, folder: str) -> str:
    """Protocols differ in whether a path begins with a slash."""
    path, above = (one.partition("://")[2].lstrip("/") for one in (url, f"{folder}/"))
    return path.removeprefix(above)


def is_needed(settings: Sequence[SourceSettings]) -> bool:
    """Whether any source names something outside of this machine that is fetched by address."""
    return any(
        isinstance(source, CommonCrawlSource | HuggingFaceSource)
        or (isinstance(source, Outside) and any(map(is_remote, source.paths)))
        for source in settings
    )


def _found(source: SourceSettings, base: Path) -> dict[str, Path]:
    """What lies on this machine. What is fetched from elsewhere follows from the settings alone, until it is made."""
    from openbook.corpus.sources.folders import files_of

    if isinstance(source, HtmlSource | TextSource):
        return files_of(source, base)
    if isinstance(source, CommonCrawlSource):
        return {} if source.path_list is None else {source.path_list: path_list_file(source, base)}
    return outside_files(source, base) if isinstance(source, Outside) else {}


def path_list_file(source: CommonCrawlSource, base: Path) -> Path:
    """Raises OpenbookError when there is none."""
    path = base / Path(source.path_list or "").expanduser()
    if not path.is_file():
        raise OpenbookError(f"source {source.name!r}: there is no path list {path.resolve()}.")
    return path


def local_files(settings: Sequence[SourceSettings], base: Path) -> list[Path]:
    """Every file that the sources name on this machine."""
    return [path for source in settings for path in _found(source, base).values()]


def listing(settings: Sequence[SourceSettings], base: Path) -> str:
    """A digest over names and sizes of the files that lie on this machine: cheap, and changes when a file is added."""
    found = [(source.name, name, path) for source in settings for name, path in _found(source, base).items()]
    return sha256_bytes(canonical_json([[source, name, path.stat().st_size] for source, name, path in found]))
