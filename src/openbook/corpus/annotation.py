"""What is a page: text, language, statistics, signature and rights, in one row, whatever may be wrong with it."""

import re
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import xxhash

from openbook.corpus.annotated import POLICY_FILE
from openbook.corpus.documents import ANNOTATED_SCHEMA, document_id
from openbook.corpus.extract import extract
from openbook.corpus.identify import identifier
from openbook.corpus.line_keys import distinct_keys
from openbook.corpus.paragraphs import language_columns, mixture
from openbook.corpus.redact import Span, counts, redact
from openbook.corpus.rights import read_signals
from openbook.corpus.robots import path_of, without_comments
from openbook.corpus.settings import AnnotateSettings
from openbook.corpus.sources import RawPage, SourceFile
from openbook.corpus.sources.media import POLICY_FILES
from openbook.corpus.statistics import MEASURES, measure
from openbook.corpus.words import lists

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufeff\ud800-\udfff]")


class Clock:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.process_time()

    def lap(self, stage: str) -> None:
        now = time.process_time()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.last
        self.last = now


def annotate_page(
    page: RawPage, file: SourceFile, settings: AnnotateSettings, clock: Clock | None = None
) -> dict[str, Any]:
    """One row of ANNOTATED_SCHEMA. Never raises for what stands in a page."""
    clock = clock or Clock()
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


def killed_page(page: RawPage, file: SourceFile, settings: AnnotateSettings) -> dict[str, Any]:
    """The row of a page that kills the process that opens it."""
    row = annotate_page(replace(page, error="not opened"), file, settings)
    return row | {"rejected_by": "extract:killed", "detail": "the process that opened this page was killed, every time"}


def _annotate(row: dict[str, Any], page: RawPage, file: SourceFile, settings: AnnotateSettings, clock: Clock) -> None:
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
