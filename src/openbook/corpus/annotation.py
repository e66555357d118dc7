"""Step one: read every page and write down what it is. Nothing is decided here that a recipe may want to change.

One task for an input file; it writes its rows in parts, so that a killed run goes on behind the last whole part.
"""

import re
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from openbook.books.digest import sha256_bytes
from openbook.books.record import Outcome
from openbook.books.store import write_bytes
from openbook.context import Context
from openbook.corpus import identifiers
from openbook.corpus.annotated import INDEX, NOTE, POLICY_FILE
from openbook.corpus.documents import ANNOTATED_SCHEMA, ROW_GROUP_BYTES, ROW_GROUP_ROWS, document_id, parquet_writer
from openbook.corpus.extract import extract
from openbook.corpus.identify import identifier
from openbook.corpus.line_keys import distinct_keys
from openbook.corpus.paragraphs import language_columns, mixture
from openbook.corpus.redact import Span, counts, redact
from openbook.corpus.rights import read_signals
from openbook.corpus.robots import POLICY_FILES, path_of, without_comments
from openbook.corpus.settings import AnnotateSettings
from openbook.corpus.sources import RawPage, SourceFile, Sources, read
from openbook.corpus.statistics import MEASURES, measure
from openbook.corpus.words import lists
from openbook.errors import OpenbookError

PART_ROWS = 8192
PART_BYTES = 32 << 20
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufeff\ud800-\udfff]")


@dataclass(frozen=True)
class Task:
    file: SourceFile
    path: Path
    folder: Path
    settings: AnnotateSettings


@dataclass
class TaskResult:
    name: str
    parts: list[str] = field(default_factory=list)
    pages: int = 0
    bytes: int = 0
    errors: int = 0
    """Records that could not be read."""
    not_pages: Counter[str] = field(default_factory=Counter)
    """Records that hold no page (requests, redirects, images), by what they are."""
    seconds: dict[str, float] = field(default_factory=dict)
    """CPU seconds of each stage, of the pages read in this run."""


def part_stem(file: SourceFile) -> str:
    """Follows from the file and its content alone, so that other files may come and go."""
    return sha256_bytes(f"{file.name}\n{file.sha256}".encode())[:20]


def run(settings: AnnotateSettings, sources: Sources, work: Path, context: Context) -> Outcome:
    """Raises OpenbookError when the sources hold no page at all."""
    sources.restore(context)
    tasks = [Task(file, sources.locate(file.name), work, settings) for file in sources.files]
    identifiers.note(settings, work)
    results: list[TaskResult] = []
    with context.progress.task("annotate", len(tasks), "files") as bar:
        for result in context.engine.map(annotate_file, tasks, lambda _: bar.advance()):
            results.append(result)
            bar.update(pages=f"{sum(one.pages for one in results):,}")
    pages, errors = sum(result.pages for result in results), sum(result.errors for result in results)
    if pages == errors:
        names = ", ".join(sorted({file.source for file in sources.files})) or "none"
        broken = f" that could be read; {errors:,} records are damaged" if errors else ""
        raise OpenbookError(
            f"the sources hold no page{broken} (sources: {names}): look at the paths in the recipe's [[source]]."
        )
    index = [
        {
            "file": result.name,
            "source": file.source,
            "parts": result.parts,
            "pages": result.pages,
            "not_pages": dict(sorted(result.not_pages.items())),
        }
        for result, file in zip(results, sources.files, strict=True)
    ]
    write_bytes(work / INDEX, orjson.dumps(index, option=orjson.OPT_INDENT_2) + b"\n")
    stages = sorted({stage for result in results for stage in result.seconds})
    seconds = {stage: round(sum(result.seconds.get(stage, 0.0) for result in results), 3) for stage in stages}
    counts: dict[str, int | float] = {
        "pages": pages,
        "unreadable": errors,
        "not_pages": sum(result.not_pages.total() for result in results),
        "text_bytes": sum(r.bytes for r in results),
    }
    return Outcome(counts=counts, measures={"cpu_seconds": seconds})


def annotate_file(task: Task) -> TaskResult:
    """All pages of one file. Parts that stand already are not read again."""
    result = TaskResult(task.file.name)
    stem = part_stem(task.file)
    ended = False
    while not ended:
        name = f"pages/{stem}-{len(result.parts):04d}.parquet"
        path = task.folder / name
        if not path.exists():
            break
        ended = _note_part(result, name, path)
    if not ended:
        others: Counter[str] = Counter()
        pages = read(task.file, task.path, others)
        next(islice(pages, result.pages, result.pages), None)
        others.clear()  # those are noted in the parts that stand
        clock = _Clock()
        rows = _rows(task, pages, clock)
        while not ended:
            name = f"pages/{stem}-{len(result.parts):04d}.parquet"
            _write_part(task.folder / name, rows, others, clock)
            ended = _note_part(result, name, task.folder / name)
        result.seconds = clock.seconds
    return result


def _note_part(result: TaskResult, name: str, path: Path) -> bool:
    """Count a part in; says whether it is its file's last."""
    metadata = pq.read_metadata(path)
    noted = orjson.loads(metadata.metadata[NOTE])
    result.parts.append(name)
    result.pages += metadata.num_rows
    result.bytes += noted["bytes"]
    result.errors += noted["errors"]
    result.not_pages.update(noted["not_pages"])
    return bool(noted["last"])


class _Clock:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.process_time()

    def lap(self, stage: str) -> None:
        now = time.process_time()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.last
        self.last = now


def _write_part(path: Path, rows: Iterator[dict[str, Any]], others: Counter[str], clock: _Clock) -> None:
    """Rows until the part is full or there are no more. `others`: records that are no pages, passed over meanwhile."""
    count, size, errors, policies, last = 0, 0, 0, 0, False
    with parquet_writer(path, ANNOTATED_SCHEMA) as writer:
        while not last and count < PART_ROWS and size < PART_BYTES:
            group: list[dict[str, Any]] = []
            held = 0
            while len(group) < ROW_GROUP_ROWS and held < ROW_GROUP_BYTES:
                row = next(rows, None)
                if row is None:
                    last = True
                    break
                group.append(row)
                held += row["bytes"]
                errors += (row["rejected_by"] or "").startswith("read:")
                policies += row["rejected_by"] == POLICY_FILE
            if group:
                writer.write_table(pa.Table.from_pylist(group, ANNOTATED_SCHEMA), row_group_size=len(group))
            count, size = count + len(group), size + held
            clock.lap("write")
        kinds = dict(sorted(others.items()))
        noted = orjson.dumps({"bytes": size, "errors": errors, "policies": policies, "not_pages": kinds, "last": last})
        writer.add_key_value_metadata({NOTE.decode(): noted.decode()})
    others.clear()


def _rows(task: Task, pages: Iterator[RawPage], clock: _Clock) -> Iterator[dict[str, Any]]:
    for page in pages:
        clock.lap("read")
        yield annotate_page(page, task.file, task.settings, clock)


def annotate_page(
    page: RawPage, file: SourceFile, settings: AnnotateSettings, clock: _Clock | None = None
) -> dict[str, Any]:
    """One row of ANNOTATED_SCHEMA. Never raises for what stands in a page."""
    clock = clock or _Clock()
    row: dict[str, Any] = dict.fromkeys(ANNOTATED_SCHEMA.names)
    row |= {
        "id": document_id(page.record_id, page.payload_digest, page.file, page.offset),
        "url": page.url,
        "source": file.source,
        "record": {
            "file": page.file,
            "offset": page.offset,
            "length": page.length,
            "warc_record_id": page.record_id,
            "date": page.date,
            "payload_digest": page.payload_digest,
        },
        "language": "und",
        "language_score": 0.0,
        "bytes": 0,
        "reservations": [],
        "unreadable": [],
        "license": page.license,
        "license_evidence": file.license_evidence or ("source" if page.license else None),
    }
    if path_of(page.url) in POLICY_FILES:
        return row | {"rejected_by": POLICY_FILE, "text": _policy(page), "detail": page.error and page.error[:300]}
    if page.error:
        return row | {"rejected_by": _read_rule(page.error), "detail": page.error[:300]}
    try:
        _annotate(row, page, file, settings, clock)
    except Exception as error:  # a page must not end a crawl, whatever is in it
        row |= {"rejected_by": "extract:crashed", "detail": f"{type(error).__name__}: {error}"[:300], "text": None}
        row |= {"bytes": 0, "scores": None, "exact": None, "signature": None, "lines": None}
    return row


def _annotate(row: dict[str, Any], page: RawPage, file: SourceFile, settings: AnnotateSettings, clock: _Clock) -> None:
    text, declared = page.text, page.language
    head: Sequence[tuple[str, str]] = ()
    titled: list[Span] = []
    if text is None:
        found = extract(page.body, page.charset, page.url)
        text, declared, head = found.text, declared or found.language, found.signals
        row["title"], titled = redact(clean(found.title)[:500], settings.redact) if found.title else (None, [])
        row["published"] = found.date
        if found.error:
            row |= {"rejected_by": _extract_rule(found.error), "detail": found.error[:300]}
    clock.lap("extract")
    signals = read_signals(page.http_headers, head, page.license, row["license_evidence"])
    row |= {
        "license": signals.license,
        "license_evidence": signals.license_evidence and redact(signals.license_evidence, settings.redact)[0],
        "reservations": list(signals.reservations),
        "unreadable": list(signals.unreadable),
    }
    clock.lap("rights")
    if row["rejected_by"]:
        return
    if len(text) > settings.most_characters:
        row |= {"rejected_by": "extract:too-long", "detail": f"{len(text):,} characters"}
        return
    text = clean(text)
    if not text:
        row["rejected_by"] = "extract:empty"
        return
    header_language = next((value for name, value in page.http_headers if name.lower() == "content-language"), None)
    row["declared_language"] = declared = declared or header_language
    who = identifier(settings.identifier)
    identified = who.identify(text, declared)
    mixed = mixture(text, identified, who)
    row |= language_columns(identified, mixed)
    if settings.mixed == "cut":
        text = mixed.main
    clock.lap("identify")
    text, spans = redact(text, settings.redact, identified.language)
    row |= {"pii": counts([*spans, *titled]), "pii_spans": [*_places("text", spans), *_places("title", titled)]}
    clock.lap("redact")
    values = settings.signature_values
    measured = measure(text, lists(mixed.language), values, settings.run_of_words)
    row |= {
        "text": text,
        "bytes": len(text.encode()),
        "scores": dict(zip(MEASURES, measured.values.tolist(), strict=True))
        | {"script_share": identified.script_share, "main_share": mixed.main_share},
        "exact": xxhash.xxh3_128_digest(measured.normal or text.encode()),
        "signature": measured.signature.tobytes() if measured["words"] else None,
        "lines": distinct_keys(text).tobytes(),
    }
    clock.lap("measure")


def _places(part: str, spans: Sequence[Span]) -> list[dict[str, Any]]:
    return [{"part": part, "kind": one.kind, "start": one.start, "end": one.end} for one in spans]


def _policy(page: RawPage) -> str | None:
    """The text of a policy file, None where it cannot be read. Comments are left out: they may name people."""
    if page.error:
        return None
    text = clean(page.text or page.body.decode("utf-8", "replace"))
    return text if path_of(page.url).endswith(".json") else without_comments(text)


def clean(text: str) -> str:
    """NFC, line feeds only, no control characters, no space at the ends of lines, at most one empty line in a row."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _CONTROLS.search(text):
        text = _CONTROLS.sub("", text)
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    lines: list[str] = []
    for line in text.split("\n"):
        line = line.rstrip()
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip("\n")


def _extract_rule(error: str) -> str:
    if "empty" in error or "no text" in error:
        return "extract:empty"
    return "extract:not-html" if "not HTML" in error else "extract:failed"


def _read_rule(error: str) -> str:
    """The rule under which an unreadable record is counted; the sentence itself is kept beside it."""
    lowered = error.lower()
    if "more than" in lowered or "longer than" in lowered:
        return "read:too-large"
    return "read:cut-off" if "ends inside" in lowered or "left out" in lowered else "read:unreadable"
