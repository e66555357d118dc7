"""Memorization as a section of the evaluation's page."""

from typing import Any

from openbook.languages import LANGUAGES
from openbook.report import Cell, Report

COLUMNS = ("n", "share", "low", "high", "run", "longest", "nats", "probability")
HEADINGS = ("n", "Verbatim", "from", "to", "Run, mean", "Run, longest", "Nats a token", "Probability")


def memorization_section(report: Report, found: dict[str, Any]) -> None:
    goldfish = found["goldfish"]
    loss = f"Goldfish loss, k = {goldfish['k']}, h = {goldfish['h']}." if goldfish else "Goldfish loss: off."
    report.section("Memorization", f"{found['method']} {loss}")
    rows: list[list[Cell]] = [
        [prefix, label, *(figures[column] for column in COLUMNS)]
        for group, label in (("trained", "trained on"), ("held_out", "held out"))
        for prefix, figures in found["summary"][group].items()
    ]
    report.table(["Prefix", "Text", *HEADINGS], rows, "All languages together; the figures by language follow.")
    report.table(["Code", "Language", "Times read", *HEADINGS, "n, held out", "Run, held out"], _languages(found))
    canaries = found["canaries"]
    if canaries:
        report.table(
            ["Repeats", "Canaries", "Exposure", "from", "to"],
            [
                [int(repeats), row["n"], row["exposure"], row["low"], row["high"]]
                for repeats, row in canaries["repeats"].items()
            ],
            f"Exposure of random sequences that were trained on so often (Carlini et al. 2019), in bits: 0 to "
            f"{canaries['most']:g}; {canaries['never_trained']:.2f} on average for one that was never trained on.",
        )


def _languages(found: dict[str, Any]) -> list[list[Cell]]:
    """Each language at the longest prefix that it has passages for."""
    rows: list[list[Cell]] = []
    for code, row in found["languages"].items():
        measured = [prefix for prefix, figures in row["trained"].items() if figures["n"]]
        prefix = max(measured, key=int) if measured else next(iter(row["trained"]), None)
        if prefix is None:
            continue
        own, other = row["trained"][prefix], row["held_out"][prefix]
        name = LANGUAGES[code].name if code in LANGUAGES else code
        rows.append([code, name, row["read"], *(own[column] for column in COLUMNS), other["n"], other["run"]])
    return rows
