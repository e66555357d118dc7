"""The page of a ladder: the scaling curve with its fit, the prediction, and a curve for each language."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from openbook.languages import LANGUAGES
from openbook.report import Report
from openbook.train.ladder import Fit, Ladder, Rung

ENDS = 4
"""Languages at either end that are drawn."""


def write_page(path: Path, name: str, ladder: Ladder) -> None:
    """Holds no clock time: the same rungs give the same page."""
    wanted = ladder.prediction
    page = Report(
        f"Scaling ladder of {name}",
        f"{len(ladder.rungs)} small runs on the same corpus, tokenizer and tokens, and the power law through them. "
        f"{wanted.parameters:,} weights beside the embeddings are predicted.",
    )
    low, high = ladder.over_parameters.exponents(ladder.confidence)
    page.figures(
        {
            "predicted bits per byte": f"{wanted.value:.3f}",
            f"interval, {ladder.confidence:.0%}": f"{wanted.low:.3f} to {wanted.high:.3f}",
            "exponent over weights": f"{ladder.over_parameters.law.exponent:.3f} ({low:.2f} to {high:.2f})",
            "floor": f"{ladder.over_parameters.law.floor:.3f}" if ladder.over_parameters.law.floor else "not told",
            "runs lie off the law by": f"{ladder.over_parameters.scatter:.1%}",
        }
    )
    if ladder.warnings:
        page.section("Beware", " ".join(ladder.warnings))
    page.section(
        "Bits per byte over weights",
        "Mean over languages, equally weighted, on held-out text. The law is floor + scale × weights^-exponent: "
        "the floor is what no size takes away, as far as these runs can tell. "
        f"Shaded: where the law may lie ({ladder.confidence:.0%}); a single run scatters more.",
    )
    _curve(page, ladder, ladder.over_parameters, lambda rung: float(rung.parameters), wanted.parameters, "weights")
    page.section("Bits per byte over compute", "Floating-point operations of the whole training.")
    _curve(page, ladder, ladder.over_flops, lambda rung: rung.flops, wanted.flops, "FLOPs")
    page.section("Rungs")
    page.table(
        ["depth", "weights", "tokens", "FLOPs", "bits per byte", "the law says"],
        [
            (
                rung.depth,
                rung.parameters,
                rung.tokens,
                f"{rung.flops:.3g}",
                rung.mean,
                ladder.over_parameters.law(rung.parameters),
            )
            for rung in ladder.rungs
        ],
    )
    page.section(
        "Languages",
        "Each language has a law of its own, and a figure of its own at the predicted size. A language with little "
        "text is read more often by larger runs, and then falls less than its law says.",
    )
    codes = list(wanted.languages)
    page.line(
        {
            LANGUAGES[code].name if code in LANGUAGES else code: [
                (math.log10(rung.parameters), rung.bits[code]) for rung in ladder.rungs
            ]
            for code in outermost(wanted.languages)
        },
        "log10 of weights",
        "bits per byte",
        f"The {ENDS} lowest and the {ENDS} highest at the predicted size." if len(codes) > 2 * ENDS else "",
    )
    page.table(
        ["code", "language", *(f"depth {rung.depth}" for rung in ladder.rungs), "predicted"],
        [
            (
                code,
                LANGUAGES[code].name if code in LANGUAGES else code,
                *(rung.bits[code] for rung in ladder.rungs),
                wanted.languages[code],
            )
            for code in codes
        ],
    )
    page.write(path)


def _curve(page: Report, ladder: Ladder, fit: Fit, of: Callable[[Rung], float], target: float, what: str) -> None:
    places = [of(rung) for rung in ladder.rungs]
    grid = np.geomspace(min([*places, target]), max([*places, target]), 60).tolist()
    page.line(
        {
            "law": [(math.log10(x), fit.law(x)) for x in grid],
            "runs": [(math.log10(x), rung.mean) for x, rung in zip(places, ladder.rungs, strict=True)],
            "predicted": [(math.log10(target), fit.law(target))],
        },
        f"log10 of {what}",
        "bits per byte",
        dots=("runs", "predicted"),
        band=[(math.log10(x), *fit.interval(x, ladder.confidence)) for x in grid],
    )


def outermost(languages: Mapping[str, float]) -> list[str]:
    """The codes with the lowest figures and with the highest, lowest first; a chart of all cannot be read."""
    ordered = sorted(languages, key=lambda code: (languages[code], code))
    return ordered if len(ordered) <= 2 * ENDS else ordered[:ENDS] + ordered[-ENDS:]
