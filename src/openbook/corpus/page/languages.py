"""The page's sections whose rows are languages: the funnel, text against speakers, languages with little text."""

from collections.abc import Sequence

from openbook.corpus.funnel import STAGES, Funnel, Line, place_of, stages_used
from openbook.corpus.settings import CorpusSettings
from openbook.corpus.speakers import speakers
from openbook.languages import LANGUAGES
from openbook.report import Cell, Report

THIN = 2_000_000
"""Bytes of text under which a language is called thin."""

SOMETIMES = ("read", "optout", "blocklist", "quality", "decontaminate", "cap")
"""Stages that are shown only where they drop something."""
LEFT = {
    "read": "readable",
    "optout": "not left out",
    "blocklist": "not on a blocklist",
    "extract": "extracted",
    "identify": "identified",
    "language": "certain",
    "rights": "allowed",
    "duplicates": "not repeated",
    "cap": "under the cap",
}
"""What the pages are called that came through a stage; the others are named for the stage."""

MEANING = {
    "read": "records that could not be read, or are too large",
    "optout": "left out by name, text and title removed",
    "blocklist": "on a list of addresses that the recipe names",
    "extract": "pages without a main text",
    "identify": "pages in no language that was asked for",
    "language": "the language is not certain enough, or the letters are of another script",
    "gopher": "too short, too long, or not made of words of a language",
    "repetition": "says the same again and again",
    "fineweb": "lists, menus, lines without an end",
    "c4": "dummy text, banners, code",
    "quality": "a classifier of the recipe gives it too little, or too much",
    "decontaminate": "hardly more than a text that the model is evaluated on",
    "rights": "reserved by the maker, or not allowed by the recipe's policy",
    "duplicates": "another document says the same",
    "cap": "beyond the bound set for a language",
}
OTHERS = "und"


def name(code: str) -> str:
    if code in LANGUAGES:
        return f"{LANGUAGES[code].name} ({code})"
    return "no language of the table" if code == OTHERS else code


def size(count: int) -> str:
    for unit, power in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= power:
            return f"{count / power:.1f} {unit}"
    return f"{count} B"


def add_funnel(report: Report, funnel: Funnel) -> None:
    lines = funnel.by_language()
    stages = sorted({*stages_used(lines), *STAGES} - ({*SOMETIMES} - {*stages_used(lines)}), key=place_of)
    names = [LEFT.get(stage, stage) for stage in stages]
    report.section("The funnel", "How many pages are left after each stage, and how many it drops.")
    counts = {"": _left(funnel.total(), stages)}
    for line in lines:
        group = line.language if line.language in LANGUAGES else OTHERS
        left = _left(line, stages)
        counts[group] = [a + b for a, b in zip(counts.get(group, [0] * len(left)), left, strict=True)]
    steps = ["read", *names, "kept"]
    why = ["", *(MEANING.get(stage, "") for stage in stages), ""]
    report.panel("funnel", {"steps": steps, "why": why, "left": counts})
    rows: list[list[Cell]] = []
    for line in lines:
        share = round(100 * line.kept / line.read, 1) if line.read else None
        rows.append([name(line.language), *_left(line, stages), share, line.bytes, line.held_out])
    report.table(
        ["language", *steps, "kept %", "bytes", "held out"],
        rows,
        note="What each stage drops: "
        + "; ".join(f"{LEFT.get(one, one)}: {MEANING[one]}" for one in stages if one in MEANING)
        + ".",
        caption="Pages of each language that are left after each stage",
    )
    report.bars(
        [(name(line.language), _shares(line, stages_used(lines))) for line in lines if line.read],
        unit="%",
        note="Where the pages of each language ended, in per cent of those read.",
        totals=[f"{line.read:,} read" for line in lines if line.read],
    )


def _left(line: Line, stages: Sequence[str]) -> list[int]:
    """Read, left after each stage, kept."""
    return [line.read, *(line.left_after(stage) for stage in stages), line.kept]


def _shares(line: Line, stages: Sequence[str]) -> dict[str, float]:
    shares = {"kept": line.kept} | {stage: line.rejected_at(stage) for stage in stages}
    return {part: 100 * count / line.read for part, count in shares.items()}


def add_speakers(report: Report, funnel: Funnel, settings: CorpusSettings) -> None:
    texts = {line.language: line.bytes for line in funnel.by_language()}
    asked = [code for code in LANGUAGES if settings.languages is None or code in settings.languages]
    table = speakers()
    per = {code: texts.get(code, 0) / table[code].thousands for code in asked if code in table}
    report.section(
        "Text for those who speak the language",
        "Bytes of text kept for every thousand people who use the language. A short bar beside a long one says who "
        "will be served worse, whatever the totals are.",
    )
    ranked = sorted(per, key=lambda code: (-per[code], code))
    report.bars(
        [(name(code), {"text": per[code]}) for code in ranked],
        unit="B",
        note="On a logarithmic scale: each equal step to the right is as many times more.",
        logarithmic=True,
    )
    rows: list[list[Cell]] = [
        [name(code), table[code].thousands, texts.get(code, 0), per[code], table[code].source, str(table[code].year)]
        for code in ranked
    ]
    report.table(
        ["language", "speakers, thousands", "bytes", "bytes per 1,000 speakers", "who says so", "year"],
        rows,
        note="Speakers: people who use the language, first or second, anywhere in the world: an order of magnitude. "
        "Both scripts of Serbian have the same speakers.",
        caption="Text and speakers",
    )


def add_thin(report: Report, funnel: Funnel, settings: CorpusSettings) -> None:
    lines = {line.language: line for line in funnel.by_language()}
    asked = [code for code in LANGUAGES if settings.languages is None or code in settings.languages]
    rows: list[list[Cell]] = [
        [name(code), *((lines[code].kept, lines[code].bytes, lines[code].read) if code in lines else (0, 0, 0))]
        for code in asked
        if code not in lines or lines[code].bytes < THIN
    ]
    if not rows:
        return
    report.section(
        "Languages with little text", f"Asked for by the recipe, and with less than {size(THIN)} of text kept."
    )
    report.table(
        ["language", "documents", "bytes", "pages read"],
        sorted(rows, key=lambda row: int(row[2] or 0)),
        caption="Languages with little text, the least first",
    )
