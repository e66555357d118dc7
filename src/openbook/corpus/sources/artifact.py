"""The sources/ artifact: which files a corpus is made from, where they are, and any record of them again."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import orjson

from openbook.context import Context
from openbook.corpus.sources import ready, warc
from openbook.corpus.sources.page import RawPage, SourceFile
from openbook.corpus.sources.record import layout_of, open_layout, read_record
from openbook.errors import OpenbookError

FILES, LOCATIONS, PACKAGES, ORIGINS = "files.jsonl", "locations.json", "packages.json", "origins.json"
Location = str | dict[str, str]
"""A path on this machine; for a downloaded file `path` and `url`."""


def read(file: SourceFile, path: Path, others: Counter[str] | None = None) -> Iterator[RawPage]:
    """Every page of the file in order; a record that cannot be read is a page with `error`.

    `others` is given the number of records that are no pages (requests, images, redirects), by what they are.
    """
    if file.format == "warc":
        return warc.read_warc(file, path, Counter() if others is None else others)
    return (ready.read_jsonl if file.format == "jsonl" else ready.read_parquet)(file, path)


def write_files(
    folder: Path,
    files: list[SourceFile],
    locations: Mapping[str, Location],
    packages: list[dict[str, Any]],
    origins: Sequence[dict[str, Any]] = (),
) -> None:
    from openbook.books.store import write_bytes

    rows = sorted(files, key=lambda file: file.name)
    write_bytes(folder / FILES, b"".join(orjson.dumps(asdict(row)) + b"\n" for row in rows))
    write_bytes(folder / LOCATIONS, orjson.dumps(locations, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    write_bytes(folder / PACKAGES, orjson.dumps(packages, option=orjson.OPT_INDENT_2) + b"\n")
    write_bytes(folder / ORIGINS, orjson.dumps(list(origins), option=orjson.OPT_INDENT_2) + b"\n")


@dataclass(frozen=True)
class Sources:
    folder: Path

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Raises OpenbookError when the folder is no such artifact."""
        if not (folder / FILES).is_file():
            raise OpenbookError(f"{folder} holds no sources: it has no {FILES}.")
        return cls(folder)

    @cached_property
    def files(self) -> list[SourceFile]:
        """In order of their names."""
        try:
            rows = [orjson.loads(line) for line in (self.folder / FILES).read_bytes().splitlines()]
            return [SourceFile(**row) for row in rows]
        except (ValueError, TypeError) as error:
            raise OpenbookError(f"{self.folder / FILES} cannot be read ({error}); build the sources again.") from None

    @cached_property
    def packages(self) -> list[dict[str, Any]]:
        """Package, version, sha256, license, license_evidence, origin and counts of each Debian package."""
        path = self.folder / PACKAGES
        return list(json.loads(path.read_bytes())) if path.is_file() else []

    @cached_property
    def origins(self) -> list[dict[str, Any]]:
        """What was chosen out of each crawl and each dataset: crawl or commit, list, counts, what was left out."""
        path = self.folder / ORIGINS
        return list(json.loads(path.read_bytes())) if path.is_file() else []

    @cached_property
    def _locations(self) -> dict[str, Location]:
        path = self.folder / LOCATIONS
        return dict(json.loads(path.read_bytes())) if path.is_file() else {}

    def file(self, name: str) -> SourceFile:
        for file in self.files:
            if file.name == name:
                return file
        raise OpenbookError(f"{self.folder} has no source file {name!r}.")

    def locate(self, name: str) -> Path:
        """Raises OpenbookError when the file is no longer there, or no longer as long as it was."""
        file = self.file(name)
        path = self.folder / name
        place = self._locations.get(name, str(path))
        if not path.is_file():
            path = Path(place if isinstance(place, str) else place["path"])
        if not path.is_file():
            fetched = "" if isinstance(place, str) else f" (downloaded from {place['url']}, gone from the cache)"
            raise OpenbookError(
                f"the source file {name} is no longer at {path}{fetched}; put it back, or build the sources again."
            )
        if path.stat().st_size != file.size:
            raise OpenbookError(f"the source file {path} has changed since the sources were read; build them again.")
        return path

    def restore(self, context: Context) -> None:
        """Fetch again what was downloaded and is no longer in the cache: the very same bytes.

        Raises OpenbookError when what lies there now has another digest.
        """
        for file in self.files:
            place = self._locations.get(file.name)
            if isinstance(place, dict) and not Path(place["path"]).is_file():
                from openbook.corpus.sources.elsewhere import fetch_again

                path = fetch_again(file.origin, place["url"], file.sha256, context.cache)
                self._locations[file.name] = {**place, "path": str(path)}

    def origin_of(self, name: str, offset: int) -> dict[str, Any] | None:
        """Where the record stood in the crawl that it was taken out of: file, offset, length; None for a whole file."""
        from openbook.corpus.sources.common_crawl.records import origin_of

        return origin_of(self.folder / name, offset)

    def open_record(self, name: str, offset: int) -> bytes:
        """The page as `read` gave it in `body`: its SHA-256 is the `payload_digest` of that page.

        Raises OpenbookError when no readable record begins at `offset`.
        """
        file, path = self.file(name), self.locate(name)
        page = _page_at(file, path, offset)
        if page is None:
            raise OpenbookError(f"{name} has no page at offset {offset:,}.")
        if page.error:
            raise OpenbookError(f"{name}, offset {offset:,}: {page.error}.")
        return page.body


def _page_at(file: SourceFile, path: Path, offset: int) -> RawPage | None:
    if file.format == "warc":
        layout = layout_of(path)
        with open_layout(path, layout) as opened:
            return warc.to_page(file, read_record(opened, offset, layout), Counter())
    if file.format == "jsonl":
        line = ready.line_at(path, offset)
        return ready.line_page(file, offset, len(line) + 1, line, None)
    row = ready.row_at(file, path, offset)
    return None if row is None else ready.to_page(file, offset, 1, row, None)
