"""The page's tables of signals that could not be read, of the sites' policy files, of what extraction made use of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from openbook.corpus.annotated import CUT
from openbook.corpus.page.tally import Tally
from openbook.corpus.rights import OPEN_RIGHTS
from openbook.corpus.settings import CorpusSettings
from openbook.corpus.signals import FILE
from openbook.report import Cell, Report

HINTS = {
    "og": "Open Graph title or language",
    "json-ld": "structured data (JSON-LD)",
    "json-ld articleBody": "text taken from the JSON-LD articleBody",
    "itemprop articleBody": "an element marked as articleBody",
    "article": "an article element",
    "main": "a main element",
    CUT: "only the beginning was read: too long, or broken off",
}


def add_unreadable(report: Report, folder: Path, settings: CorpusSettings) -> None:
    """Nothing for a corpus made before these were counted."""
    path = folder / FILE
    found: Mapping[str, Any] = orjson.loads(path.read_bytes()) if path.is_file() else {}
    if "unreadable_by_source" not in found:
        return
    answer = settings.rights.unreadable
    rows: list[list[Cell]] = [
        [kind, source, sum(answers.values()), *(answers.get(one, 0) for one in OPEN_RIGHTS)]
        for kind, sources in sorted(found["unreadable_by_source"].items())
        for source, answers in sorted(sources.items())
    ]
    report.section(
        "Signals that could not be read",
        f'A page with such a signal is {answer}: the recipe says unreadable = "{answer}". Where a license or another '
        "signal of the page asks for less, the narrowest answer counts.",
    )
    report.table(
        ["signal", "source", "pages", *OPEN_RIGHTS],
        rows or [["none", "", 0, 0, 0, 0]],
        caption="Pages with a signal that could not be read, and what the recipe did with them",
    )
    broken, cut = found["unreadable_sites"], found["cut_policy_files"]
    files: list[list[Cell]] = [
        [path, count, broken.get(_kind(path), 0), cut.get(path, 0)] for path, count in found["policy_files"].items()
    ]
    report.table(
        ["file", "files", "sites where one cannot be read", "sites where only the beginning was read"],
        files or [["none", 0, 0, 0]],
        note=_handed_in(found["snapshots"]),
        caption="Policy files of sites",
    )


def _kind(path: str) -> str:
    """Under which a Site names a file that it cannot read."""
    return "robots" if path == "/robots.txt" else path.rsplit("/", 1)[-1]


def _handed_in(snapshots: Mapping[str, Any]) -> str:
    if not snapshots.get("files"):
        return "They stand in the crawl, and are no pages."
    damaged = ", ".join(f"{name} ({count:,})" for name, count in sorted(snapshots["damaged"].items()))
    told = f"{snapshots['files']:,} files with more of them were handed in beside the crawl."
    return f"{told} Places that cannot be read: {damaged}." if damaged else told


def add_hints(report: Report, seen: Tally) -> None:
    if not seen.hints:
        return
    report.section("What extraction found in the pages", "A page may have several of these, or none.")
    report.table(
        ["what", "", "in documents kept", "in pages dropped"],
        [[one, HINTS.get(one, ""), *numbers] for one, numbers in sorted(seen.hints.items())],
        caption="Structured data, marked elements, and pages that were cut",
    )
