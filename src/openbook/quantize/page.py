"""The loss table as a page: languages as rows, files as columns."""

from typing import Any

from openbook.languages import LANGUAGES
from openbook.report import Report


def page(loss: dict[str, Any]) -> Report:
    files = loss["files"]
    report = Report("Quantizing", "What each language pays for a smaller file.")
    columns = ["File", "Format", "Bytes", "Mean KL", "interval", "Worst language", "Its mean KL", "interval"]
    report.table(
        [*columns, "Worst to reference", "interval", "Same top token"],
        [
            [
                name,
                f"{one['format']}{', calibrated' if one['calibrated'] else ''}",
                one["bytes"],
                *_figure(one["summary"]["mean"], 1e3),
                named(one["summary"]["worst"]["language"]),
                *_figure(one["summary"]["worst"], 1e3),
                *_figure(one["summary"]["worst_to_reference"]),
                one["summary"]["same_top"],
            ]
            for name, one in files.items()
        ],
        note=f"{loss['method']} Shown in thousandths of a nat.",
    )
    compared = {name: one["against_plain"] for name, one in files.items() if "against_plain" in one}
    if compared:
        report.section("What calibrating changes")
        report.table(
            ["File", "Against", "Mean of the languages", "interval", "Worst language", "interval"],
            [
                [name, one["file"], *_figure(one["mean"], 1e3), *_figure(one["worst"], 1e3)]
                for name, one in sorted(compared.items())
            ],
            note="Thousandths of a nat of KL divergence; below zero less is lost. "
            f"Calibrated on {loss['calibrated_on']}.",
        )
    codes = sorted({code for one in files.values() for code in one["languages"]})
    for heading, key, times in (
        ("Mean KL divergence, thousandths of a nat", "mean_divergence", 1e3),
        ("99th percentile of the KL divergence, thousandths of a nat", "p99_divergence", 1e3),
        ("Same top token", "same_top", 1),
    ):
        report.section(heading)
        report.table(
            ["Code", "Language", *(column for name in files for column in (name, "interval"))],
            [
                [
                    code,
                    named(code),
                    *(part for one in files.values() for part in _figure(one["languages"][code][key], times)),
                ]
                for code in codes
            ],
        )
    for heading, first, key, times in (
        ("Median KL divergence, thousandths of a nat", [], "median_divergence", 1e3),
        ("Bits per byte", ["Checkpoint"], "bits_per_byte_quantized", 1),
    ):
        report.section(heading)
        report.table(
            ["Code", "Language", *first, *files],
            [
                [
                    code,
                    named(code),
                    *(next(iter(files.values()))["languages"][code]["bits_per_byte"] for _ in first),
                    *(shown(one["languages"][code][key] * times) for one in files.values()),
                ]
                for code in codes
            ],
        )
    return report


def named(code: str) -> str:
    return LANGUAGES[code].name if code in LANGUAGES else code


def shown(value: float) -> float:
    """To four digits."""
    return float(f"{value:.4g}")


def _figure(one: dict[str, Any] | None, times: float = 1) -> list[float | str | None]:
    if one is None:
        return [None, None]
    if one["low"] is None:
        return [shown(one["value"] * times), None]
    return [shown(one["value"] * times), f"{one['low'] * times:.3g} to {one['high'] * times:.3g}"]
