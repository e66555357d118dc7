"""The sections of the page in their order."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from openbook.books.record import read_record
from openbook.corpus.corpus import INDEX, Corpus
from openbook.corpus.filter import THRESHOLDS
from openbook.corpus.funnel import Funnel
from openbook.corpus.page import counted, languages, shown, signals
from openbook.corpus.page.tally import tally
from openbook.corpus.settings import CorpusSettings
from openbook.errors import OpenbookError
from openbook.languages import LANGUAGES
from openbook.report import Report

PER_RULE = 3
"""Samples of each language and rule, where there is room."""


def report_of(folder: Path, path: Path) -> None:
    """The page of a finished corpus, made anew into `path`. Raises OpenbookError when the folder holds none."""
    corpus = Corpus.open(folder)
    try:
        funnel = Funnel.read((folder / "funnel.json").read_bytes())
        index = orjson.loads((folder / INDEX).read_bytes())
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise OpenbookError(f"{folder} cannot be reported on ({error}): build the corpus again.") from None
    wanted = read_record(folder).settings["corpus"]
    known = {name: value for name, value in wanted.items() if name in CorpusSettings.model_fields}
    page(corpus, funnel, index, CorpusSettings.model_validate(known)).write(path)


def write_report(folder: Path, funnel: Funnel, index: Mapping[str, Any], settings: CorpusSettings) -> None:
    """Into report.html."""
    page(Corpus.open(folder), funnel, index, settings).write(folder / "report.html")


def page(corpus: Corpus, funnel: Funnel, index: Mapping[str, Any], settings: CorpusSettings) -> Report:
    total, count = funnel.total(), len(index["languages"])
    score = _score_rule(corpus.folder)
    report = Report(
        "Corpus",
        f"{total.kept:,} documents in {count} languages of {total.read:,} pages read are kept. Every other page lies "
        "in rejected/, with the rule that rejected it and the value that failed.",
    )
    seen = tally(corpus, PER_RULE)
    groups = sorted({group for _, group in seen.samples.found}, key=_place)
    report.choose_language({code: languages.name(code) for code in groups})
    report.figures(
        {
            "pages read": f"{total.read:,}",
            "documents kept": f"{total.kept:,}",
            "text": languages.size(total.bytes),
            "languages": str(count),
            "held out": f"{total.held_out:,}",
            "duplicates": f"{total.rejected_at('duplicates'):,}",
        }
    )
    languages.add_funnel(report, funnel)
    languages.add_speakers(report, funnel, settings)
    languages.add_thin(report, funnel, settings)
    counted.add_rules(report, total)
    counted.add_not_pages(report, corpus.folder)
    counted.add_sources(report, funnel)
    counted.add_rights(report, seen)
    signals.add_unreadable(report, corpus.folder, settings)
    signals.add_hints(report, seen)
    counted.add_domains(report, seen)
    shown.add_distributions(report, seen, funnel, settings, score)
    shown.add_samples(report, seen, total)
    counted.add_thresholds(report, funnel, settings, score)
    return report


def _score_rule(folder: Path) -> str:
    """Which rule about the identifier's score was applied."""
    path = folder / THRESHOLDS
    applied = orjson.loads(path.read_bytes()) if path.is_file() else []
    return "glotlid_score" if any("glotlid_score" in row["bounds"] for row in applied) else "language_score"


def _place(code: str) -> tuple[int, str]:
    return (0, LANGUAGES[code].name) if code in LANGUAGES else (1, code)
