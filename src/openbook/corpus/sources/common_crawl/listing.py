"""Which files of a crawl a source takes: those it names, or a sample drawn by the keyed generator."""

import gzip
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from openbook.books.chance import generator
from openbook.books.digest import sha256_bytes
from openbook.corpus.sources.locate import path_list_file
from openbook.corpus.sources.remote import Downloads
from openbook.corpus.sources.settings import CommonCrawlSource
from openbook.errors import OpenbookError


def crawl_files(source: CommonCrawlSource, base: Path, downloads: Downloads) -> tuple[dict[str, str], dict[str, Any]]:
    """Name in the books -> address, and what is recorded of the choice.

    Raises OpenbookError when the crawl is not there, or has fewer files than the sample.
    """
    if source.paths:
        paths, origin = source.paths, "the recipe"
    elif source.path_list:
        paths, origin = _lines(path_list_file(source, base)), "path list"
    else:
        origin = f"crawl-data/{source.crawl}/{source.records}.paths.gz"
        paths = _lines(downloads.fetch(address(source, origin)).path)
    paths = sorted(set(paths))
    if not paths:
        raise OpenbookError(f"source {source.name!r}: the list of paths is empty.")
    taken = paths if source.sample is None else sample(paths, source)
    found: dict[str, str] = {}
    for path in taken:
        name = f"{source.name}/{PurePosixPath(path).name}"
        if found.setdefault(name, address(source, path)) != address(source, path):
            raise OpenbookError(f"source {source.name!r}: two files of the list are called {name!r}; leave one out.")
    facts = {
        "source": source.name,
        "kind": source.kind,
        "crawl": source.crawl,
        "list": origin,
        "list_sha256": sha256_bytes("\n".join(paths).encode()),
        "listed": len(paths),
        "taken": len(taken),
    }
    return dict(sorted(found.items())), facts


def sample(paths: list[str], source: CommonCrawlSource) -> list[str]:
    """`source.sample` of the sorted paths, in order. A smaller sample of the same seed is part of a larger one."""
    assert source.sample is not None
    if source.sample > len(paths):
        raise OpenbookError(
            f"source {source.name!r}: sample = {source.sample:,}, but the list has only {len(paths):,} files."
        )
    chance = generator(source.seed, f"common-crawl sample {source.crawl} {source.records}")
    return sorted(paths[at] for at in chance.permutation(len(paths))[: source.sample])


def address(source: CommonCrawlSource, path: str) -> str:
    return f"{source.base.rstrip('/')}/{path.lstrip('/')}"


def _lines(path: Path) -> list[str]:
    data = path.read_bytes()
    try:
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise OpenbookError(f"the list of paths {path} cannot be read ({error}).") from None
    return [line.strip() for line in text.splitlines() if line.strip()]
