"""The evaluation as a page: one table whose rows are languages."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from openbook.evaluate.baseline import NAMED
from openbook.evaluate.bits import CAVEAT
from openbook.evaluate.memorized_page import memorization_section
from openbook.languages import LANGUAGES
from openbook.report import Report

if TYPE_CHECKING:
    from openbook.evaluate.compare import Difference


def page(
    model: str,
    bits: dict[str, Any],
    parity: dict[str, Any],
    memorized: dict[str, Any] | None = None,
    pairs: Mapping[str, Any] | None = None,
    held: "Sequence[Difference]" = (),
) -> Report:
    report = Report("Evaluation", f"What {model} makes of text that it was not trained on.")
    report.figures(_figures(bits, parity))
    reference = parity["reference"]
    columns = [
        "Code",
        "Language",
        "Bits per byte",
        "from",
        "to",
        "Documents",
        "Bytes",
        NAMED,
        f"Share of {NAMED}",
        f"Parity to {reference}" if reference else "Parity",
        "from",
        "to",
        "Lines",
    ]
    rows = [_row(code, bits["languages"], parity["languages"]) for code in _languages(bits, parity)]
    report.section("Every language", bits["method"])
    report.table(columns, rows, note=_note(bits, parity))
    if pairs:
        _pairs_section(report, pairs)
    if held:
        _earlier_section(report, held)
    if memorized:
        memorization_section(report, memorized)
    return report


def _pairs_section(report: Report, pairs: Mapping[str, Any]) -> None:
    report.section("Minimal pairs", pairs["method"])
    rows = [
        [code, _name(code), phenomenon, *(figures[key] for key in ("accuracy", "low", "high", "n"))]
        for code, row in pairs["languages"].items()
        for phenomenon, figures in [("all", row["all"]), *row["phenomena"].items()]
    ]
    report.table(["Code", "Language", "Phenomenon", "Told apart", "from", "to", "Pairs"], rows)


def _earlier_section(report: Report, held: "Sequence[Difference]") -> None:
    report.section(
        "Beside the earlier model", "Bits per byte of this model minus those of the earlier one; less is better."
    )
    rows = [[one.language, _name(one.language), one.value, one.low, one.high, one.verdict] for one in held]
    report.table(["Code", "Language", "Difference", "from", "to", "Verdict"], rows)


def _name(code: str) -> str:
    return LANGUAGES[code].name if code in LANGUAGES else code


def _languages(bits: dict[str, Any], parity: dict[str, Any]) -> list[str]:
    return sorted({*bits["languages"], *parity["languages"]})


def _figures(bits: dict[str, Any], parity: dict[str, Any]) -> dict[str, str]:
    figures = {"languages": str(len(_languages(bits, parity)))}
    for label, summary in (
        ("bits per byte", bits["summary"]["bits_per_byte"]),
        (f"share of {NAMED}", bits["summary"]["share_of_baseline"]),
        ("parity", parity["summary"]),
    ):
        if summary["mean"] is not None:
            worst = summary["worst"]
            figures[f"{label}, mean"] = f"{summary['mean']:.3f}"
            figures[f"{label}, worst ({worst['language']})"] = f"{worst['value']:.3f}"
            figures[f"{label}, gap"] = f"{summary['gap']:.3f}"
    return figures


def _row(code: str, bits: dict[str, Any], parity: dict[str, Any]) -> list[str | int | float | None]:
    one, other = bits.get(code, {}), parity.get(code, {})
    return [
        code,
        _name(code),
        *(
            one.get(key)
            for key in ("bits_per_byte", "low", "high", "documents", "bytes", "baseline", "share_of_baseline")
        ),
        *(other.get(key) for key in ("relative", "low", "high", "lines")),
    ]


def _note(bits: dict[str, Any], parity: dict[str, Any]) -> str:
    unaligned = [code for code, row in parity["languages"].items() if not row["aligned"]]
    sentences = [bits["interval"], CAVEAT, parity["caveat"]]
    if unaligned:
        sentences.append(f"Not aligned line by line, so without interval: {', '.join(unaligned)}.")
    if parity["reference"] is None:
        sentences.append("No parallel text in the reference language: no parity.")
    return " ".join(sentences)
