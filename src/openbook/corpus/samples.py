"""What stands in files that a recipe names beside its sources, samples and evaluation sets: JSONL, Parquet, text."""

import gzip
import io
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from openbook.books.digest import canonical_json, sha256_bytes, sha256_file
from openbook.errors import OpenbookError

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json.gz", ".ndjson", ".parquet", ".txt")


def matching(patterns: Sequence[str], base: Path) -> list[Path]:
    """The files of patterns relative to `base`, each once, in order of their names.

    Raises OpenbookError for a pattern that no file matches, and for a file of no known kind.
    """
    found: dict[str, Path] = {}
    for pattern in patterns:
        whole = base / pattern
        start = Path(whole.anchor) if Path(pattern).is_absolute() else base
        mine = sorted(start.glob(str(whole.relative_to(start)) if start != base else pattern))
        files = [one for path in mine for one in (sorted(path.rglob("*")) if path.is_dir() else [path])]
        files = [one for one in files if one.is_file() and (one.name.endswith(SUFFIXES) or one in mine)]
        if not files:
            raise OpenbookError(f"no file matches {pattern!r} (looked in {base}): mend the path.")
        for path in files:
            if not path.name.endswith(SUFFIXES):
                raise OpenbookError(f"{path.name} is of no known kind; known are {', '.join(SUFFIXES)}.")
            found[name(path, base)] = path
    return [found[one] for one in sorted(found)]


def name(path: Path, base: Path) -> str:
    """How a file is called in the books: relative to `base`, or by its name alone where it lies elsewhere."""
    try:
        return path.resolve().relative_to(base.resolve()).as_posix()
    except ValueError:
        return path.name


def digest(paths: Sequence[Path], base: Path) -> str:
    """SHA-256 over names and contents."""
    return sha256_bytes(canonical_json([[name(path, base), sha256_file(path)] for path in paths]))


def listing(paths: Sequence[Path], base: Path) -> str:
    """A digest over names and sizes: cheap."""
    return sha256_bytes(canonical_json([[name(path, base), path.stat().st_size] for path in paths]))


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file; a text file is one row `{"text": …}` for each of its paragraphs.

    Raises OpenbookError, naming file and line, for what cannot be read.
    """
    if path.name.endswith(".parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            for batch in pq.ParquetFile(path).iter_batches(1024):
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise OpenbookError(f"{path} cannot be read as Parquet ({error}).") from None
    elif path.name.endswith(".txt"):
        for paragraph in _decoded(path, b"".join(_lines(path))).split("\n\n"):
            if paragraph.strip():
                yield {"text": paragraph.strip()}
    else:
        for number, line in enumerate(_lines(path), 1):
            if line.strip():
                yield _row(path, number, line)


def _lines(path: Path) -> Iterator[bytes]:
    import zstandard

    try:
        with _opened(path) as file:
            yield from file
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise OpenbookError(f"{path} cannot be read ({error}).") from None


def _row(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise OpenbookError(f"{path}, line {number}: not JSON ({error}).") from None
    if not isinstance(row, dict):
        raise OpenbookError(f'{path}, line {number}: a row must be an object, such as {{"text": …}}.')
    return row


def _opened(path: Path) -> Any:
    if path.name.endswith(".gz"):
        return gzip.open(path)
    if path.name.endswith(".zst"):
        import zstandard

        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(path.open("rb"), closefd=True))
    return path.open("rb")


def _decoded(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise OpenbookError(f"{path}: not UTF-8 (byte {error.start:,}).") from None


def text_of(row: dict[str, Any], path: Path, field: str = "text") -> str:
    """One field of a row, NFC. Raises OpenbookError when it is not there or is no text."""
    value = row.get(field)
    if not isinstance(value, str):
        there = ", ".join(sorted(map(str, row))) or "nothing"
        raise OpenbookError(f"{path}: a row has no text {field!r}; it has {there}.")
    return unicodedata.normalize("NFC", value)


def texts_in(value: Any) -> Iterator[str]:
    """Every string inside of a JSON value, NFC, in order."""
    if isinstance(value, str):
        yield unicodedata.normalize("NFC", value)
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts_in(one)
