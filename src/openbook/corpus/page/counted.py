"""The page's tables of what was counted: rules, records that are no pages, sources, rights, domains, thresholds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from openbook.corpus.filter import RULES, STAGE_OF, thresholds
from openbook.corpus.funnel import Funnel, Line, place_of, stages_used
from openbook.corpus.page.tally import Domains, Tally
from openbook.corpus.settings import CorpusSettings
from openbook.languages import LANGUAGES
from openbook.report import Cell, Report

MOST_DOMAINS, OF_A_LANGUAGE = 30, 12


def add_rules(report: Report, total: Line) -> None:
    report.section("Which rule dropped how much", "The first rule that a page breaks is the one that counts.")
    ranked = sorted(total.rejected.items(), key=lambda row: (place_of(row[0]), -row[1], row[0]))
    report.table(
        ["stage", "rule", "pages", "% of read"],
        [[*rule.split(":", 1), n, 100 * n / total.read] for rule, n in ranked],
        caption="Pages that each rule dropped",
    )


def add_not_pages(report: Report, folder: Path) -> None:
    """Records that never were pages, where the funnel counts them: reason -> records, or source -> those."""
    path = folder / "funnel.json"
    found = orjson.loads(path.read_bytes()).get("not_pages") if path.is_file() else None
    if not found:
        return
    rows: list[list[Cell]] = []
    for key, value in sorted(found.items()):
        pairs = sorted(value.items()) if isinstance(value, dict) else [("", value)]
        rows += [[key, reason, count] for reason, count in pairs]
    nested = any(row[1] for row in rows)
    report.section("Records that are no pages", "They stand in the source files, and are not among the pages read.")
    report.table(
        ["source", "what it is", "records"] if nested else ["what it is", "records"],
        rows if nested else [[row[0], row[2]] for row in rows],
        caption="Records that are no pages",
    )


def add_sources(report: Report, funnel: Funnel) -> None:
    lines = funnel.by_source()
    stages = stages_used(lines)
    report.section("Sources")
    report.table(
        ["source", "read", *stages, "kept", "bytes"],
        [[line.source, line.read, *(line.rejected_at(one) for one in stages), line.kept, line.bytes] for line in lines],
        note="Columns between read and kept count the pages that this stage dropped.",
        caption="Pages of each source",
    )


def add_rights(report: Report, seen: Tally) -> None:
    report.section("Licenses, reservations, personal data")
    rows = sorted(seen.licenses.items(), key=lambda row: (-row[1][1], row[0]))
    report.table(
        ["license", "rights", "documents", "bytes"],
        [[license, right, *numbers] for (license, right), numbers in rows],
        caption="Licenses of the documents kept",
    )
    found: list[list[Cell]] = [[one, *numbers] for one, numbers in sorted(seen.reservations.items())]
    report.table(
        ["reservation", "in documents kept", "in pages dropped"],
        found or [["none found", 0, 0]],
        note="As found in headers, in pages and in the policy files of their sites.",
        caption="Reservations",
    )
    if seen.pii:
        report.table(
            ["personal data", "documents", "replaced"],
            [[kind, *numbers] for kind, numbers in sorted(seen.pii.items())],
            caption="Personal data that was replaced",
        )


def add_domains(report: Report, seen: Tally) -> None:
    """Of all languages, and of the one that is chosen."""
    tables = {
        code: {
            "count": len(domains.found),
            "forgot": domains.forgot,
            "bytes": sum(size for _, size in domains.found.values()),
            "rows": [
                [name[:100], *numbers] for name, numbers in domains.ranked()[: OF_A_LANGUAGE if code else MOST_DOMAINS]
            ],
        }
        for code, domains in sorted(seen.domains.items())
    }
    everything = seen.domains.get("", Domains())
    report.section("Domains", "Those with the most text. Choose a language at the top for its own.")
    report.panel("domains", tables)
    total = sum(size for _, size in everything.found.values()) or 1
    report.table(
        ["domain", "documents", "bytes", "% of text"],
        [[name, n, size, 100 * size / total] for name, (n, size) in everything.ranked()[:MOST_DOMAINS]],
        caption="Domains with the most text",
        id="domain-table",
    )


def add_thresholds(report: Report, funnel: Funnel, settings: CorpusSettings, score: str) -> None:
    report.section(
        "Thresholds that were applied", "Lowest and highest value with which a text passes; by language and source."
    )
    shown: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for line in funnel.lines:
        if line.language in LANGUAGES:
            limits = limits_of(line, settings, score)
            cells = tuple(_bounds(limits, rule) for rule in RULES)
            profile = settings.profiles.get(line.source, settings.profile)
            shown.setdefault((profile, cells), []).append(f"{line.language}/{line.source}")
    used = [at for at in range(len(RULES)) if any(cells[at] for _, cells in shown)]
    rows: list[list[Cell]] = []
    for (applied, cells), who in sorted(shown.items(), key=lambda row: row[1]):
        name = ", ".join(who[:6]) + (f" and {len(who) - 6} more" if len(who) > 6 else "")
        rows.append([name, applied, *(cells[at] or "–" for at in used)])
    report.table(
        ["language/source", "profile", *(f"{STAGE_OF[RULES[at]]}: {RULES[at]}" for at in used)],
        rows,
        caption="Thresholds",
    )


def limits_of(line: Line, settings: CorpusSettings, score: str) -> Mapping[str, Any]:
    profile = settings.profiles.get(line.source, settings.profile)
    return thresholds(profile, line.language, line.source, settings.filter, score)


def _bounds(limits: Mapping[str, Any], rule: str) -> str:
    bounds = limits.get(rule)
    if bounds is None:
        return ""
    parts = [
        f"≥ {bounds.min:,.10g}" if bounds.min is not None else "",
        f"≤ {bounds.max:,.10g}" if bounds.max is not None else "",
    ]
    return " and ".join(part for part in parts if part)
