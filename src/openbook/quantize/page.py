"""The loss table as a page: languages as rows, files as columns."""

from typing import Any

from openbook.languages import LANGUAGES
from openbook.report import Report


def page(loss: dict[str, Any]) -> Report:
    files = loss["files"]
    report = Report("Quantizing", "What each language pays for a smaller file.")
    columns = ["File", "Format", "Bytes", "Mean KL", "from", "to", "Worst language", "Its mean KL", "from", "to"]
    report.table(
        [*columns, "Worst to reference", "from", "to", "Same top token"],
        [
            [
                name,
                f"{one['format']}{', calibrated' if one['calibrated'] else ''}",
                one["bytes"],
                *_figure(one["summary"]["mean"]),
                named(one["summary"]["worst"]["language"]),
                *_figure(one["summary"]["worst"]),
                *_figure(one["summary"]["worst_to_reference"]),
                one["summary"]["same_top"],
            ]
            for name, one in files.items()
        ],
        note=loss["method"],
    )
    compared = {name: one["against_plain"] for name, one in files.items() if "against_plain" in one}
    if compared:
        report.section("What calibrating changes")
        report.table(
            ["File", "Against", "Mean of the languages", "from", "to", "Worst language", "from", "to"],
            [
                [name, one["file"], *_figure(one["mean"]), *_figure(one["worst"])]
                for name, one in sorted(compared.items())
            ],
            note=f"Nats of KL divergence; below zero less is lost. Calibrated on {loss['calibrated_on']}.",
        )
    codes = sorted({code for one in files.values() for code in one["languages"]})
    for heading, key in (
        ("Mean KL divergence, nats", "mean_divergence"),
        ("99th percentile of the KL divergence, nats", "p99_divergence"),
        ("Same top token", "same_top"),
    ):
        report.section(heading)
        report.table(
            ["Code", "Language", *(column for name in files for column in (name, "from", "to"))],
            [
                [code, named(code), *(part for one in files.values() for part in _figure(one["languages"][code][key]))]
                for code in codes
            ],
        )
    for heading, first, key in (
        ("Median KL divergence, nats", [], "median_divergence"),
        ("Bits per byte", ["Checkpoint"], "bits_per_byte_quantized"),
    ):
        report.section(heading)
        report.table(
            ["Code", "Language", *first, *files],
            [
                [
                    code,
                    named(code),
                    *(next(iter(files.values()))["languages"][code]["bits_per_byte"] for _ in first),
                    *(one["languages"][code][key] for one in files.values()),
                ]
                for code in codes
            ],
        )
    return report


def named(code: str) -> str:
    return LANGUAGES[code].name if code in LANGUAGES else code


def _figure(one: dict[str, Any] | None) -> list[float | None]:
    return [one[part] if one else None for part in ("value", "low", "high")]
