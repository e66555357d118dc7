"""Files that are used as they are, here or fetched into the cache: each becomes a row of files.jsonl."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from openbook.books.digest import sha256_file
from openbook.corpus.sources.locate import Outside, outside_files
from openbook.corpus.sources.page import Format, SourceFile
from openbook.corpus.sources.settings import Columns, WarcSource
from openbook.errors import OpenbookError

RECIPE = "the recipe says so"


@dataclass(frozen=True)
class Found:
    """A file before it is described."""

    name: str
    source: str
    format: Format
    license: str | None
    columns: Columns | None = None
    path: Path | None = None
    """None until it is downloaded."""
    url: str | None = None
    """None for a file of this machine."""
    sha256: str | None = None
    """Where it is known without reading the file."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Package, version and origin, as they stand in the row."""


def local(source: Outside, base: Path) -> list[Found]:
    columns = None if isinstance(source, WarcSource) else source.columns
    return [
        Found(name, source.name, source.kind, source.license, columns, path)
        for name, path in outside_files(source, base).items()
    ]


def describe(found: Found) -> SourceFile:
    """The row of a file. Raises OpenbookError when it cannot be read or lacks a column."""
    assert found.path is not None
    try:
        mapping: dict[str, str] = {}
        if found.columns is not None:
            mapping = {key: column for key, column in found.columns.model_dump().items() if column is not None}
            _check_columns(found, found.path, mapping)
        digest, size = found.sha256 or sha256_file(found.path), found.path.stat().st_size
    except OSError as error:
        raise OpenbookError(f"source {found.source!r}: {found.path} cannot be read ({error.strerror}).") from None
    evidence = RECIPE if found.license else None
    return SourceFile(
        found.name,
        found.source,
        found.format,
        digest,
        size,
        found.license,
        evidence,
        found.facts.get("package"),
        found.facts.get("version"),
        mapping,
        found.facts.get("origin"),
    )


def _check_columns(found: Found, path: Path, mapping: dict[str, str]) -> None:
    """A column that the recipe names and no row has is a mistake in the recipe, not one in the rows."""
    from openbook.corpus.sources import ready

    present = ready.columns_of(found.format, path)
    if present is None:
        return
    missing = sorted(column for column in mapping.values() if column not in present)
    if missing:
        raise OpenbookError(
            f"source {found.source!r}: {found.url or path} has no column {missing[0]!r}; it has "
            f"{', '.join(sorted(present))}. Name the right ones under [sources.columns]."
        )
