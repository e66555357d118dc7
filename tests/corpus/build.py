"""Small artifacts for the tests of this room: texts as JSONL, pages as WARC, and the two steps over them."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from openbook.books.digest import sha256_file
from openbook.compute import local
from openbook.context import Context
from openbook.corpus import Annotated, AnnotateSettings, Corpus, CorpusSettings, run_annotate, run_corpus
from openbook.corpus.sources import SourceFile, Sources
from openbook.corpus.sources.artifact import write_files
from openbook.progress import quiet

PAGES = Path(__file__).parent.parent / "pages"


def context(folder: Path, workers: int = 1) -> Context:
    return Context(local(workers), quiet(), folder / "cache")


def jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def record(url: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """A WARC response record, as it stands in an uncompressed file."""
    head = {"Content-Type": "text/html; charset=utf-8", **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    block = f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body
    fields = {
        "WARC-Type": "response",
        "WARC-Record-ID": f"<urn:uuid:{hashlib.sha256(url.encode() + body).hexdigest()[:32]}>",
        "WARC-Date": "2026-01-02T03:04:05Z",
        "WARC-Target-URI": url,
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(block)),
    }
    told = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"WARC/1.1\r\n{told}\r\n".encode() + block + b"\r\n\r\n"


def warc(path: Path, records: Sequence[bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(records))
    return path


def sources(folder: Path, paths: Mapping[str, Path], license: str | None = "CC-BY-SA-4.0") -> Sources:
    """`paths`: name of a source file (`source/file.warc`) -> where it lies."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [
        SourceFile(
            name=name,
            source=name.split("/")[0],
            format="jsonl" if ".jsonl" in name else "warc",
            sha256=sha256_file(path),
            size=path.stat().st_size,
            license=license,
            license_evidence="the test says so" if license else None,
            mapping={"text": "text", "url": "url", "language": "language"} if ".jsonl" in name else {},
        )
        for name, path in paths.items()
    ]
    write_files(folder, files, {name: str(path) for name, path in paths.items()}, [])
    return Sources.open(folder)


def annotated(folder: Path, found: Sources, workers: int = 1, settings: AnnotateSettings | None = None) -> Annotated:
    run_annotate(settings or AnnotateSettings(), found, folder, context(folder.parent, workers))
    return Annotated.open(folder)


def corpus(folder: Path, pages: Annotated, settings: CorpusSettings | None = None, workers: int = 1) -> Corpus:
    run_corpus(settings or CorpusSettings(profile="documentation"), pages, folder, context(folder.parent, workers))
    return Corpus.open(folder)


def page_records(codes: Sequence[str], domain: str = ".example") -> list[bytes]:
    return [
        record(f"https://{code.lower()}{domain}/{path.name}", path.read_bytes())
        for code in codes
        for path in sorted((PAGES / code).glob("*.html"))
    ]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of an artifact."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
