"""What comes over the network: files into the cache, records packed into files of our own. Nothing else asks there."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from openbook.context import Context
from openbook.corpus.sources import hugging_face
from openbook.corpus.sources.common_crawl import crawl_files, pack_records
from openbook.corpus.sources.locate import Outside, remote_files
from openbook.corpus.sources.outside import Found
from openbook.corpus.sources.remote import Downloads, Gate, Web, in_threads
from openbook.corpus.sources.remote.web import CONNECTIONS
from openbook.corpus.sources.settings import CommonCrawlSource, HuggingFaceSource, SourceSettings, WarcSource
from openbook.errors import OpenbookError

FROM_HUB = "hf://"


@dataclass
class Elsewhere:
    found: list[Found] = field(default_factory=list)
    """Files in the cache."""
    packed: dict[str, CommonCrawlSource] = field(default_factory=dict)
    """Files in the artifact that were packed from records: name -> source."""
    origins: list[dict[str, Any]] = field(default_factory=list)
    """What was chosen out of each crawl and dataset."""
    requests: int = 0


def gate() -> Gate:
    """How patiently the network is asked; tests put a quicker one here."""
    return Gate()


def gather(settings: Sequence[SourceSettings], work: Path, context: Context, base: Path) -> Elsewhere:
    """Everything that the settings name outside of this machine.

    Raises OpenbookError, with the name of the source, for what cannot be had.
    """
    result = Elsewhere()
    with _webs() as (plain, hub):
        downloads: dict[str, Downloads] = {}
        for source in settings:
            mine = Downloads(context.cache, hub if isinstance(source, HuggingFaceSource) else plain)
            downloads[source.name] = mine
            try:
                if isinstance(source, CommonCrawlSource) and source.urls is not None:
                    names, told = pack_records(source, work, plain, context.progress)
                    result.packed |= dict.fromkeys(names, source)
                    result.origins.append(told)
                elif isinstance(source, CommonCrawlSource):
                    more, told = _crawl(source, base, mine)
                    result.found += more
                    result.origins.append(told)
                elif isinstance(source, HuggingFaceSource):
                    more, told = _dataset(source, hub)
                    result.found += more
                    result.origins.append(told)
                elif isinstance(source, Outside):
                    result.found += _remote(source, mine)
            except OpenbookError as error:
                raise _of(source.name, error) from None
        result.found = _fetch(result.found, downloads, context)
        result.requests = plain.requests + hub.requests
    return result


def fetch_again(origin: str | None, url: str, sha256: str, cache: Path) -> Path:
    """A file that is gone from the cache. Raises OpenbookError when another one lies there by now."""
    with _webs() as (plain, hub):
        web = hub if (origin or "").startswith(FROM_HUB) else plain
        return Downloads(cache, web).fetch(url, sha256).path


@contextmanager
def _webs() -> Iterator[tuple[Web, Web]]:
    """One for everyone, one that carries the hub's token; they wait for one another."""
    shared = gate()
    plain, hub = Web(shared), Web(shared, hugging_face.authorization())
    try:
        yield plain, hub
    finally:
        plain.close()
        hub.close()


def _remote(source: Outside, downloads: Downloads) -> list[Found]:
    columns = None if isinstance(source, WarcSource) else source.columns
    return [
        Found(name, source.name, source.kind, source.license, columns, url=url, facts={"origin": url})
        for name, url in remote_files(source, downloads.expand).items()
    ]


def _crawl(source: CommonCrawlSource, base: Path, downloads: Downloads) -> tuple[list[Found], dict[str, Any]]:
    files, told = crawl_files(source, base, downloads)
    return [
        Found(name, source.name, "warc", source.license, url=url, facts={"origin": url, "package": source.crawl})
        for name, url in files.items()
    ], told


def _dataset(source: HuggingFaceSource, web: Web) -> tuple[list[Found], dict[str, Any]]:
    dataset = hugging_face.find(source, web)
    return [
        Found(
            f"{source.name}/{file.path}",
            source.name,
            file.format,
            source.license,
            source.columns,
            url=hugging_face.address(source, dataset.commit, file.path),
            sha256=file.sha256,
            facts={
                "origin": f"{FROM_HUB}datasets/{source.dataset}@{dataset.commit}/{file.path}",
                "package": source.dataset,
                "version": dataset.commit,
            },
        )
        for file in dataset.files
    ], dataset.facts


def _fetch(found: Sequence[Found], downloads: Mapping[str, Downloads], context: Context) -> list[Found]:
    """The same files with their place in the cache and their digest. `downloads`: by the name of the source."""

    def one(file: Found) -> Found:
        assert file.url is not None
        try:
            there = downloads[file.source].fetch(file.url, file.sha256)
        except OpenbookError as error:
            raise _of(file.source, error) from None
        return replace(file, path=there.path, sha256=there.sha256)

    def stop() -> None:
        for each in downloads.values():
            each.web.gate.stop()

    if not found:
        return []
    with context.progress.task("download source files", len(found), "files") as bar:
        lock, arrived = threading.Lock(), [0]

        def count(size: int) -> None:
            with lock:
                arrived[0] += size
                bar.update(MB=f"{arrived[0] / 1e6:,.0f}")

        for each in downloads.values():
            each.arrived = count
        return in_threads(one, found, CONNECTIONS, stop, lambda _: bar.advance())


def _of(source: str, error: OpenbookError) -> OpenbookError:
    text = str(error)
    return OpenbookError(text if text.startswith("source ") else f"source {source!r}: {text}")
