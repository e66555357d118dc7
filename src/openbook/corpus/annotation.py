"""What is a page: text, language, statistics, signature and rights, in one row, whatever may be wrong with it."""

import re
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import xxhash

from openbook.corpus import policies
from openbook.corpus.annotated import CUT, POLICY_FILE
from openbook.corpus.documents import ANNOTATED_SCHEMA, document_id
from openbook.corpus.extract import extract
from openbook.corpus.extract.head import language_tag
from openbook.corpus.identify import identifier
from openbook.corpus.paragraphs import language_columns, mixture
from openbook.corpus.redact import Span, TooManyError, counts, redact
from openbook.corpus.rights import read_signals
from openbook.corpus.settings import AnnotateSettings
from openbook.corpus.sources import RawPage, SourceFile
from openbook.corpus.statistics import MEASURES, measure
from openbook.corpus.tidy import is_tidy
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
    return annotate_pages([page], file, settings, clock)[0]


def annotate_pages(
    pages: Sequence[RawPage], file: SourceFile, settings: AnnotateSettings, clock: Clock | None = None
) -> list[dict[str, Any]]:
    """A row for each page, as annotate_page gives it.

    Stage by stage: each has tables of megabytes, and page by page they would throw each other out of the caches.
    """
    clock = clock or Clock()
    works = [_Work(_beginning(page, file), page, settings) for page in pages]
    for work in works:
        row = work.row
        if policies.is_answer(work.page):
            error = work.page.error
            row |= {"rejected_by": POLICY_FILE, "text": _policy(work.page), "detail": error and error[:300]}
        elif work.page.error:
            row |= {"rejected_by": _read_rule(work.page.error), "detail": work.page.error[:300]}
    open = [work for work in works if not work.row["rejected_by"]]
    for name, stage in _STAGES.items():
        open = [work for work in open if _passes(work, stage)]
        clock.lap(name)
    return [work.row for work in works]


@dataclass(slots=True)
class _Work:
    """A page on its way through the stages."""

    row: dict[str, Any]
    page: RawPage
    settings: AnnotateSettings
    text: str = ""
    head: Sequence[tuple[str, str]] = ()
    titled: Sequence[Span] = ()
    declared: str | None = None
    found: str = "und"
    """The language of the whole text."""
    script_share: float = 0.0
    main_share: float = 0.0
    language: str = "und"


def _passes(work: _Work, stage: Callable[[_Work], bool]) -> bool:
    """Whether the page goes on to the next stage."""
    try:
        return stage(work)
    except Exception as error:  # a page must not end a crawl, whatever is in it
        row = work.row
        row |= {"rejected_by": "extract:crashed", "detail": f"{type(error).__name__}: {error}"[:300], "text": None}
        row |= {"bytes": 0, "scores": None, "exact": None, "signature": None, "lines": None}
        return False


def _beginning(page: RawPage, file: SourceFile) -> dict[str, Any]:
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
        "hints": [],
        "license": page.license,
        "license_evidence": file.license_evidence or ("source" if page.license else None),
    }
    return row


def killed_page(page: RawPage, file: SourceFile, settings: AnnotateSettings) -> dict[str, Any]:
    """The row of a page that kills the process that opens it."""
    row = annotate_page(replace(page, error="not opened"), file, settings)
    return row | {"rejected_by": "extract:killed", "detail": "the process that opened this page was killed, every time"}


def _extract(work: _Work) -> bool:
    row, page, settings = work.row, work.page, work.settings
    work.declared = page.language
    if page.cut:
        row |= {"hints": [CUT], "detail": page.cut[:300]}
    if page.text is not None:
        work.text = page.text
        return True
    found = extract(page.body, page.charset, page.url)
    work.text, work.declared, work.head = found.text, work.declared or found.language, found.signals
    row["title"], work.titled = redact(clean(found.title)[:500], settings.redact) if found.title else (None, [])
    row |= {"published": found.date, "hints": list(dict.fromkeys([*row["hints"], *found.hints]))}
    if found.error:
        row |= {"rejected_by": _extract_rule(found.error), "detail": found.error[:300]}
    return True


def _read_rights(work: _Work) -> bool:
    row, page, settings = work.row, work.page, work.settings
    signals = read_signals(page.http_headers, work.head, page.license, row["license_evidence"])
    row |= {
        "license": signals.license,
        "license_evidence": signals.license_evidence and redact(signals.license_evidence, settings.redact)[0],
        "reservations": list(signals.reservations),
        "unreadable": list(signals.unreadable),
    }
    if row["rejected_by"]:
        return False
    if len(work.text) > settings.most_characters:
        row |= {"rejected_by": "extract:too-long", "detail": f"{len(work.text):,} characters"}
        return False
    work.text = clean(work.text)
    if not work.text:
        row["rejected_by"] = "extract:empty"
    return bool(work.text)


def _identify(work: _Work) -> bool:
    headers = work.page.http_headers
    header_language = next((value for name, value in headers if name.lower() == "content-language"), None)
    declared = work.declared or header_language
    work.row["declared_language"] = language_tag(declared) if declared else None
    who = identifier(work.settings.identifier)
    identified = who.identify(work.text, declared, work.page.url)
    mixed = mixture(work.text, identified, who)
    work.row |= language_columns(identified, mixed)
    if work.settings.mixed == "cut":
        work.text = mixed.main
    work.found, work.language = identified.language, mixed.language
    work.script_share, work.main_share = identified.script_share, mixed.main_share
    return True


def _redact(work: _Work) -> bool:
    try:
        work.text, spans = redact(work.text, work.settings.redact, work.found)
    except TooManyError as error:
        work.row |= {"rejected_by": "extract:too-many-persons", "detail": str(error)}
        return False
    found = [*spans, *work.titled]
    places = [*_places("text", spans), *_places("title", work.titled)]
    work.row |= {"pii": counts(found), "pii_spans": places}
    return True


def _measure(work: _Work) -> bool:
    settings, text = work.settings, work.text
    measured = measure(text, lists(work.language), settings.signature_values, settings.run_of_words)
    work.row |= {
        "text": text,
        "bytes": len(text.encode()),
        "scores": dict(zip(MEASURES, measured.values.tolist(), strict=True))
        | {"script_share": work.script_share, "main_share": work.main_share},
        "exact": xxhash.xxh3_128_digest(measured.normal or text.encode()),
        "signature": measured.signature.tobytes() if measured["words"] else None,
        "lines": measured.lines.tobytes(),
    }
    return True


_STAGES: Mapping[str, Callable[[_Work], bool]] = {
    "extract": _extract,
    "rights": _read_rights,
    "identify": _identify,
    "redact": _redact,
    "measure": _measure,
}


def _places(part: str, spans: Sequence[Span]) -> list[dict[str, Any]]:
    return [{"part": part, "kind": one.kind, "start": one.start, "end": one.end} for one in spans]


def _policy(page: RawPage) -> str | None:
    """The text of a policy file, None where it cannot be read."""
    text = policies.read(page)
    return None if text is None else clean(text)


def clean(text: str) -> str:
    """NFC, line feeds only, no control characters, no space at the ends of lines, at most one empty line in a row."""
    if is_tidy(text) and unicodedata.is_normalized("NFC", text):
        return text
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
