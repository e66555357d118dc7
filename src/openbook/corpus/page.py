"""The page on which one sees what became of everything that was read: report.html."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openbook.corpus.corpus import Corpus
from openbook.corpus.filter import RULES, STAGE_OF, thresholds
from openbook.corpus.funnel import STAGES, Funnel, Line
from openbook.corpus.settings import CorpusSettings
from openbook.languages import LANGUAGES
from openbook.report import Cell, Report

THIN = 2_000_000
"""Bytes of text under which a language is called thin."""
SAMPLES = 3
SAMPLE_CHARACTERS = 1200

_MEANING: Mapping[str, str] = {
    "read": "records that could not be read, or are too large",
    "optout": "left out by name, text and title removed",
    "extract": "pages without a main text",
    "identify": "pages in no language that was asked for",
    "language": "the language is not certain enough, or the letters are of another script",
    "gopher": "too short, too long, or not made of words of a language",
    "repetition": "says the same again and again",
    "fineweb": "lists, menus, lines without an end",
    "c4": "dummy text, banners, code",
    "quality": "a classifier's score",
    "decontaminate": "shares runs of words with evaluation sets",
    "rights": "reserved by the maker, or not allowed by the recipe's policy",
    "duplicates": "another document says the same",
    "cap": "beyond the bound set for a language",
}


def write_report(folder: Path, funnel: Funnel, index: Mapping[str, Any], settings: CorpusSettings) -> None:
    """Into report.html; reads the folder's documents once for what is counted over them."""
    corpus = Corpus.open(folder)
    total = funnel.total()
    lead = (
        f"{total.kept:,} documents in {len(index['languages'])} languages of {total.read:,} pages read are kept. Every "
        "other page lies in rejected/, with the rule that rejected it and the value that failed."
    )
    report = Report("Corpus", lead)
    report.figures(
        {
            "pages read": f"{total.read:,}",
            "documents kept": f"{total.kept:,}",
            "text": _size(total.bytes),
            "languages": str(len(index["languages"])),
            "held out": f"{total.held_out:,}",
            "duplicates": f"{sum(n for rule, n in total.rejected.items() if rule.startswith('duplicates:')):,}",
        }
    )
    _languages(report, funnel)
    _thin(report, funnel, settings)
    _rules(report, total)
    _sources(report, funnel)
    seen = _Seen(corpus)
    _rights(report, seen)
    _domains(report, seen)
    _kept_samples(report, corpus)
    _rejected_samples(report, corpus, total)
    _thresholds(report, funnel, settings)
    report.write(folder / "report.html")


def _size(count: int) -> str:
    for unit, power in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= power:
            return f"{count / power:.1f} {unit}"
    return f"{count} B"


def _name(code: str) -> str:
    return f"{LANGUAGES[code].name} ({code})" if code in LANGUAGES else "not identified" if code == "und" else code


def _used(lines: Sequence[Line]) -> list[str]:
    """Stages that reject something."""
    found = {rule.split(":")[0] for line in lines for rule in line.rejected}
    return [stage for stage in STAGES if stage in found]


def _rejected_at(line: Line, stage: str) -> int:
    return sum(count for rule, count in line.rejected.items() if rule.split(":")[0] == stage)


def _languages(report: Report, funnel: Funnel) -> None:
    lines = funnel.by_language()
    stages = _used(lines)
    report.section("What became of the pages of each language")
    rows: list[list[Cell]] = []
    for line in lines:
        rejected = [_rejected_at(line, stage) for stage in stages]
        share = round(100 * line.kept / line.read, 1)
        rows.append([_name(line.language), line.read, *rejected, line.kept, share, line.bytes, line.held_out])
    report.table(
        ["language", "read", *stages, "kept", "kept %", "bytes", "held out"],
        rows,
        note="Columns between read and kept count the pages that this stage rejected: "
        + "; ".join(f"{stage}: {_MEANING[stage]}" for stage in stages)
        + ".",
    )
    bars = [
        (_name(line.language), {"kept": float(line.kept)} | {one: float(_rejected_at(line, one)) for one in stages})
        for line in lines
    ]
    report.bars(bars, unit="pages", note="Where the pages of each language ended.")
    texts = sorted((line for line in lines if line.kept), key=lambda line: -line.bytes)
    report.bars(
        [(_name(line.language), {"text": line.bytes / 1e6}) for line in texts],
        unit="MB",
        note="Text kept of each language, the largest first.",
    )


def _thin(report: Report, funnel: Funnel, settings: CorpusSettings) -> None:
    lines = {line.language: line for line in funnel.by_language()}
    asked = [code for code in LANGUAGES if settings.languages is None or code in settings.languages]
    rows: list[list[Cell]] = [
        [_name(code), *((lines[code].kept, lines[code].bytes, lines[code].read) if code in lines else (0, 0, 0))]
        for code in asked
        if code not in lines or lines[code].bytes < THIN
    ]
    if not rows:
        return
    report.section(
        "Languages with little text", f"Asked for by the recipe, and with less than {_size(THIN)} of text kept."
    )
    report.table(["language", "documents", "bytes", "pages read"], sorted(rows, key=lambda row: int(row[2] or 0)))


def _rules(report: Report, total: Line) -> None:
    report.section("Which rule rejected how much", "The first rule that a page breaks is the one that counts.")
    ranked = sorted(total.rejected.items(), key=lambda row: (STAGES.index(row[0].split(":")[0]), -row[1], row[0]))
    report.table(
        ["stage", "rule", "pages", "% of read"], [[*rule.split(":", 1), n, 100 * n / total.read] for rule, n in ranked]
    )


def _sources(report: Report, funnel: Funnel) -> None:
    lines = funnel.by_source()
    stages = _used(lines)
    report.section("Sources")
    report.table(
        ["source", "read", *stages, "kept", "bytes"],
        [
            [line.source, line.read, *(_rejected_at(line, one) for one in stages), line.kept, line.bytes]
            for line in lines
        ],
    )


class _Seen:
    """What is counted over all documents and all pages: licenses, rights, reservations, domains, personal data."""

    def __init__(self, corpus: Corpus) -> None:
        self.licenses: dict[tuple[str, str], list[int]] = {}
        self.reservations: dict[str, list[int]] = {}
        self.domains: dict[str, list[int]] = {}
        self.pii: dict[str, list[int]] = {}
        columns = ["url", "license", "rights", "reservations", "pii", "text"]
        for language in corpus.languages:
            for row in corpus.documents(language, split=None, columns=columns):
                size = len(row["text"].encode())
                _count(self.licenses, (row["license"] or "not declared", row["rights"]), size)
                _count(self.domains, _domain(row["url"]), size)
                for one in row["reservations"] or ():
                    _count(self.reservations, one, 1, 0)
                for kind, number in (row["pii"] or {}).items():
                    if number:
                        _count(self.pii, kind, number)
        for language in corpus.rejected_languages:
            for row in corpus.rejected(language, columns=["reservations"]):
                for one in row["reservations"] or ():
                    _count(self.reservations, one, 0, 1)


def _count(table: dict[Any, list[int]], key: Any, *amounts: int) -> None:
    """Add to the key's numbers; with one amount the first number counts the calls."""
    row = table.setdefault(key, [0, 0])
    added = (1, amounts[0]) if len(amounts) == 1 else amounts
    for at, amount in enumerate(added):
        row[at] += amount


def _domain(url: str) -> str:
    try:
        return urlsplit(url).hostname or url.split(":", 1)[0] or "no address"
    except ValueError:
        return "no address"


def _rights(report: Report, seen: _Seen) -> None:
    report.section("Licenses, reservations, personal data")
    rows = sorted(seen.licenses.items(), key=lambda row: (-row[1][1], row[0]))
    report.table(
        ["license", "rights", "documents", "bytes"], [[license, right, *numbers] for (license, right), numbers in rows]
    )
    if seen.reservations:
        found: list[list[Cell]] = [[one, *numbers] for one, numbers in sorted(seen.reservations.items())]
        report.table(
            ["reservation", "in documents kept", "in pages rejected"], found, note="As found in headers and pages."
        )
    else:
        report.table(["reservation"], [["none found"]])
    if seen.pii:
        report.table(
            ["personal data", "documents", "replaced"], [[kind, *numbers] for kind, numbers in sorted(seen.pii.items())]
        )


def _domains(report: Report, seen: _Seen, most: int = 30) -> None:
    total = sum(size for _, size in seen.domains.values()) or 1
    ranked = sorted(seen.domains.items(), key=lambda row: (-row[1][1], row[0]))[:most]
    report.section("Domains", f"{len(seen.domains):,} in all; the {len(ranked)} with the most text.")
    report.table(
        ["domain", "documents", "bytes", "% of text"],
        [[name, n, size, 100 * size / total] for name, (n, size) in ranked],
    )


def _excerpt(text: str | None) -> str:
    text = text or ""
    return text if len(text) <= SAMPLE_CHARACTERS else text[:SAMPLE_CHARACTERS] + " […]"


def _first(rows: Iterator[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    return [row for row, _ in zip(rows, range(count), strict=False)]


def _kept_samples(report: Report, corpus: Corpus) -> None:
    report.section(
        "Kept: the first documents of each language", "In order of their ids, which are hashes: as good as drawn."
    )
    items = []
    for language in corpus.languages:
        for row in _first(corpus.documents(language, None, ["id", "url", "title", "text"]), SAMPLES):
            items.append((f"{_name(language)} · {row['title'] or row['url']}", _excerpt(row["text"])))
    report.samples(items)


def _rejected_samples(report: Report, corpus: Corpus, total: Line) -> None:
    report.section("Rejected: examples for each rule", "So that a speaker can judge whether the rule is right.")
    columns = ["id", "url", "text", "rejected_by", "measure", "duplicate_of", "similarity", "detail", "language"]
    found: dict[str, list[dict[str, Any]]] = {rule: [] for rule in total.rejected}
    for language in corpus.rejected_languages:
        mine: dict[str, int] = {}
        for row in corpus.rejected(language, columns):
            rule = row["rejected_by"]
            if mine.setdefault(rule, 0) < SAMPLES:
                mine[rule] += 1
                found[rule].append(row)
    for rule in sorted(found, key=lambda one: (STAGES.index(one.split(":")[0]), one)):
        chosen = sorted(found[rule], key=lambda row: row["id"])[: 2 * SAMPLES]
        report.samples([(_why(row), _excerpt(row["text"]) or row["detail"] or "no text") for row in chosen], note=rule)


def _why(row: Mapping[str, Any]) -> str:
    parts = [row["rejected_by"], _name(row["language"])]
    if row["measure"] is not None:
        parts.append(f"{row['measure']:.4g}")
    if row["duplicate_of"]:
        parts.append(f"duplicates {row['duplicate_of'][:12]}… at {row['similarity']:.2f}")
    return " · ".join([*parts, row["url"] or ""])


def _thresholds(report: Report, funnel: Funnel, settings: CorpusSettings) -> None:
    report.section(
        "Thresholds that were applied", "Lowest and highest value with which a text passes; by language and source."
    )
    shown: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for line in funnel.lines:
        if line.language in LANGUAGES:
            profile = settings.profiles.get(line.source, settings.profile)
            limits = thresholds(profile, line.language, line.source, settings.filter)
            cells = tuple(_bounds(limits, rule) for rule in RULES)
            shown.setdefault((profile, cells), []).append(f"{line.language}/{line.source}")
    used = [at for at in range(len(RULES)) if any(cells[at] for _, cells in shown)]
    rows: list[list[Cell]] = []
    for (applied, cells), who in sorted(shown.items(), key=lambda row: row[1]):
        name = ", ".join(who[:6]) + (f" and {len(who) - 6} more" if len(who) > 6 else "")
        rows.append([name, applied, *(cells[at] or "–" for at in used)])
    report.table(["language/source", "profile", *(f"{STAGE_OF[RULES[at]]}: {RULES[at]}" for at in used)], rows)


def _bounds(limits: Mapping[str, Any], rule: str) -> str:
    bounds = limits.get(rule)
    if bounds is None:
        return ""
    parts = [
        f"≥ {bounds.min:g}" if bounds.min is not None else "",
        f"≤ {bounds.max:g}" if bounds.max is not None else "",
    ]
    return " and ".join(part for part in parts if part)
