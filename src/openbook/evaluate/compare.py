"""Several models on the same text: languages as rows, models as columns, differences marked where they are sure.

A difference is between the same texts scored by two models, so its interval is drawn over texts in pairs; it is marked
when zero lies outside. That finds more than two separate intervals would, and nothing that is not there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from openbook.errors import OpenbookError
from openbook.evaluate.artifact import Evaluation
from openbook.evaluate.bits import kept
from openbook.evaluate.interval import ratio_interval
from openbook.evaluate.task import Scores
from openbook.languages import LANGUAGES
from openbook.report import Report

Verdict = Literal["better", "worse", "not separate", "other texts"]
MARKS: Mapping[Verdict, str] = {"better": "▼", "worse": "▲", "not separate": "", "other texts": "(other texts)"}
RESAMPLES, CONFIDENCE = 2_000, 0.95


@dataclass(frozen=True)
class Difference:
    """Bits per byte of a model minus those of the first; less is better."""

    language: str
    model: str
    value: float | None
    low: float | None
    high: float | None
    verdict: Verdict


def differences(evaluations: Mapping[str, Evaluation], seed: int = 1) -> list[Difference]:
    """Every later model against the first, in every language that both have held-out text of."""
    if len(evaluations) < 2:
        raise OpenbookError("a comparison needs at least two evaluations.")
    (_, first), *others = evaluations.items()
    return [
        difference(code, name, first.scores(code), other.scores(code), seed)
        for name, other in others
        for code in first.languages
        if code in first.bits["languages"] and code in other.bits["languages"]
    ]


def difference(language: str, model: str, first: Mapping[str, Any], other: Mapping[str, Any], seed: int) -> Difference:
    """`first` and `other`: what `Evaluation.scores` gives."""
    texts = [[(row["id"], row["bytes"]) for row in one["documents"]] for one in (first, other)]
    if texts[0] != texts[1]:
        return Difference(language, model, None, None, None, "other texts")
    before, after = Scores.of(first["documents"]), Scores.of(other["documents"])
    bits = (after.nats - before.nats) / np.log(2)
    value = float(bits.sum() / before.bytes.sum())
    if not np.isfinite(value):
        raise OpenbookError(
            f"{language}: {model} cannot be compared, since the scores of one of the two are no numbers. "
            "Evaluate that model again; if they come out the same, its weights are damaged."
        )
    interval = ratio_interval(bits, before.bytes, seed, f"evaluate/compare/{language}", RESAMPLES, CONFIDENCE)
    if interval is None:
        return Difference(language, model, kept(value), None, None, "not separate")
    low, high = interval
    verdict: Verdict = "better" if high < 0 else "worse" if low > 0 else "not separate"
    return Difference(language, model, kept(value), kept(low), kept(high), verdict)


def comparison(evaluations: Mapping[str, Evaluation], seed: int = 1) -> Report:
    """One page. `evaluations`: name of each model -> its evaluation; the first is what the others are held against."""
    found = differences(evaluations, seed)
    names = list(evaluations)
    report = Report("Comparison", f"{', '.join(names[1:])} held against {names[0]}, language by language.")
    report.figures(
        {
            f"{name}: better / worse / not separate": " / ".join(
                str(sum(1 for one in found if one.model == name and one.verdict == verdict))
                for verdict in ("better", "worse", "not separate")
            )
            for name in names[1:]
        }
    )
    codes = sorted({code for one in evaluations.values() for code in one.languages})
    report.section("Bits per byte", _note(names[0]))
    report.table(
        ["Code", "Language", names[0], *(column for name in names[1:] for column in (name, "difference", "mark"))],
        [_row(code, evaluations, found) for code in codes],
    )
    report.section("Information parity", next(iter(evaluations.values())).parity["caveat"])
    report.table(
        ["Code", "Language", *names],
        [
            [
                code,
                _name(code),
                *(one.parity["languages"].get(code, {}).get("relative") for one in evaluations.values()),
            ]
            for code in codes
        ],
    )
    return report


def _row(
    code: str, evaluations: Mapping[str, Evaluation], found: Sequence[Difference]
) -> list[str | int | float | None]:
    first, *others = evaluations
    row: list[str | int | float | None] = [code, _name(code), _bits(evaluations[first], code)]
    for name in others:
        one = next((one for one in found if one.language == code and one.model == name), None)
        row += [_bits(evaluations[name], code), one.value if one else None, MARKS[one.verdict] if one else ""]
    return row


def _bits(evaluation: Evaluation, code: str) -> float | None:
    value: float | None = evaluation.bits["languages"].get(code, {}).get("bits_per_byte")
    return value


def _name(code: str) -> str:
    return LANGUAGES[code].name if code in LANGUAGES else code


def _note(first: str) -> str:
    return (
        f"▼ fewer bits than {first}, ▲ more, where the {CONFIDENCE:.0%} interval of the difference over documents "
        "(bootstrap, in pairs) leaves out zero; no mark where it does not. Models that were scored on other texts are "
        "not compared."
    )
