"""The page's sections by which a speaker judges: how measures are distributed, and texts that were kept and dropped."""

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from markupsafe import Markup, escape

from openbook.corpus.filter import STAGE_OF
from openbook.corpus.funnel import Funnel, Line, place_of, stage_of
from openbook.corpus.page.counted import limits_of
from openbook.corpus.page.histogram import Counts, bars, quantiles, summed
from openbook.corpus.page.languages import MEANING, OTHERS, name
from openbook.corpus.page.samples import KEPT_RULE, Sample
from openbook.corpus.page.tally import DROPPED, KEPT, Tally
from openbook.corpus.settings import CorpusSettings
from openbook.languages import LANGUAGES
from openbook.report import Report, number

FIRST = ("words", "bytes", "language_score", "quality")
MARKED_WORDS = 400


def add_distributions(report: Report, seen: Tally, funnel: Funnel, settings: CorpusSettings, score: str) -> None:
    names = {measure for measure, _, _ in seen.measures}
    order = [one for one in FIRST if one in names] + sorted(names - {*FIRST}, key=_rank)
    limits = _limits(funnel, settings, score)
    data = []
    for measure in order:
        parts: dict[str, dict[str, Counts]] = {KEPT: {}, DROPPED: {}}
        for (name_, what, language), counts in seen.measures.items():
            if name_ == measure:
                parts[what][language] = counts
        whole = {what: summed(by) for what, by in parts.items()}
        if not sum(int(counts.sum()) for counts in whole.values()):
            continue
        shape = bars(whole[KEPT] + whole[DROPPED])
        shown = {what: {"": whole[what]} | by for what, by in parts.items()}
        data.append(
            {
                "name": measure,
                "stage": STAGE_OF.get(measure, ""),
                "edges": shape.edges,
                "log": shape.logarithmic,
                "limits": limits.get(measure, {}),
                **{what: {code: shape.of(counts) for code, counts in by.items()} for what, by in shown.items()},
                "quantiles": {
                    what: {code: quantiles(counts) for code, counts in by.items()} for what, by in shown.items()
                },
            }
        )
    report.section(
        "How the measures are distributed",
        "Of the pages of the language that is chosen at the top. Dashed lines: the bounds of the rule, one for each "
        "that some source has. Bars at the ends also hold what lies beyond.",
    )
    report.panel("distributions", data)


def _rank(measure: str) -> tuple[bool, int, str]:
    """Those with a rule first, in the order of the rules."""
    return measure not in STAGE_OF, list(STAGE_OF).index(measure) if measure in STAGE_OF else 0, measure


def _limits(funnel: Funnel, settings: CorpusSettings, score: str) -> dict[str, dict[str, list[float]]]:
    """Rule -> language -> its bounds, over all sources."""
    found: dict[str, dict[str, set[float]]] = {}
    for line in funnel.lines:
        if line.language not in LANGUAGES:
            continue
        for rule, bounds in limits_of(line, settings, score).items():
            values = found.setdefault(rule, {}).setdefault(line.language, set())
            values.update(one for one in (bounds.min, bounds.max) if one is not None)
    return {rule: {code: sorted(values) for code, values in by.items()} for rule, by in found.items()}


def add_samples(report: Report, seen: Tally, total: Line) -> None:
    chosen = seen.samples.chosen()
    groups: dict[str, list[Sample]] = {}
    for sample in sorted(chosen, key=lambda one: (one.id, one.rule)):
        groups.setdefault(sample.rule, []).append(sample)
    report.section("Kept: examples", "The first of each language in order of their ids, which are hashes.")
    kept = groups.pop(KEPT_RULE, [])
    report.add("judged.html.jinja", groups=[_group(KEPT_RULE, kept, total.kept)], chooser=False)
    report.section(
        "Dropped: examples for each rule",
        "So that a speaker can judge whether the rule is right. Texts that their makers reserved, or that were left "
        "out by name, are not shown; of sealed documents, which only auditors may read, nothing but the id.",
    )
    rules = sorted(groups, key=lambda rule: (place_of(rule), rule))
    shown = [_group(rule, groups[rule], total.rejected.get(rule, 0)) for rule in rules]
    report.add("judged.html.jinja", groups=shown, chooser=True)


def _group(rule: str, samples: list[Sample], count: int) -> dict[str, Any]:
    return {
        "rule": rule,
        "count": number(count),
        "meaning": MEANING.get(stage_of(rule), ""),
        "samples": [_shown(sample) for sample in samples],
    }


def _shown(sample: Sample) -> dict[str, Any]:
    facts = [name(sample.language)]
    if sample.measure is not None:
        facts.append(f"measured {sample.measure:.4g}")
    if sample.similarity is not None:
        facts.append(f"{sample.similarity:.0%} alike")
    if sample.detail:
        facts.append(sample.detail)
    text, original = sample.text, sample.original
    if text and original:
        text, original = marked(text, original)
    return {
        "group": sample.group,
        "lang": sample.language if sample.language not in ("", OTHERS) else None,
        "title": sample.title or sample.url or sample.id,
        "facts": " · ".join(facts),
        "url": sample.url,
        "id": sample.id,
        "text": text,
        "sealed": sample.sealed,
        "original": original,
        "original_url": sample.original_url,
        "duplicate_of": sample.duplicate_of,
    }


def marked(left: str, right: str) -> tuple[Markup, Markup]:
    """Two texts with the words marked that only one of them has, of the first few hundred."""
    first, second = (re.findall(r"\S+\s*", text)[:MARKED_WORDS] for text in (left, right))
    matcher = SequenceMatcher(None, [one.rstrip() for one in first], [one.rstrip() for one in second], autojunk=False)
    shown: Mapping[str, list[Markup]] = {"left": [], "right": []}
    for kind, a, b, c, d in matcher.get_opcodes():
        for side, words in (("left", first[a:b]), ("right", second[c:d])):
            piece = "".join(words)
            if kind == "equal":
                shown[side].append(escape(piece))
            elif piece:
                word = piece.rstrip()
                shown[side].append(Markup("<mark>{}</mark>{}").format(word, piece[len(word) :]))
    return Markup("").join(shown["left"]), Markup("").join(shown["right"])
