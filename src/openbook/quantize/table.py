"""The loss table of all files and languages, and the gates that a language may not break."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from openbook.errors import OpenbookError
from openbook.model.export.check import rounded
from openbook.model.export.settings import Format
from openbook.quantize.artifact import PYTORCH, Made, released_as
from openbook.quantize.compare import Sample, against, summary
from openbook.quantize.settings import QuantizeSettings
from openbook.quantize.task import Found

FORMAT = 1
EVERY = "*"


def table(
    files: Sequence[Made], found: Sequence[Found], measured_by: str, calibrated_on: str, settings: QuantizeSettings
) -> dict[str, Any]:
    """The content of loss.json; docs/quantizing.md describes it. `found`: languages that were measured, at least one.

    Raises OpenbookError when the format that shall be served is none of the files.
    """
    samples = [{one.language: Sample(one.sums[at], one.counts) for one in found} for at in range(len(files))]
    rows: dict[str, Any] = {}
    for at, file in enumerate(files):
        languages = {one.language: one.losses[at] for one in found}
        means = {
            key: rounded(sum(row[key] for row in languages.values()) / len(languages))
            for key in ("bits_per_byte", "bits_per_byte_quantized")
        }
        agreement = rounded(sum(row["same_top"]["value"] for row in languages.values()) / len(languages))
        rows[file.name] = {
            "format": file.kind,
            "calibrated": file.calibrated,
            "released_as": released_as(file.kind, file.calibrated),
            "bytes": file.size,
            "summary": {**summary(samples[at], settings), "same_top": agreement, **means},
            "languages": languages,
        }
        plain = next((n for n, one in enumerate(files) if one.kind == file.kind and not one.calibrated), None)
        if file.calibrated and plain is not None:
            rows[file.name]["against_plain"] = {
                "file": files[plain].name,
                **against(samples[plain], samples[at], settings),
            }
    method = (
        f"KL divergence of the file's next-token probabilities from {measured_by}, over the whole vocabulary, in nats. "
        f"Intervals: {settings.confidence:.0%}, bootstrap over texts."
    )
    return {
        "format": FORMAT,
        "method": method,
        "calibrated_on": calibrated_on,
        "serve": served(files, settings),
        "files": rows,
    }


def known() -> tuple[str, ...]:
    """Every format by name."""
    return (*get_args(Format), *PYTORCH)


def served(files: Sequence[Made], settings: QuantizeSettings) -> str | None:
    """The name of the file that a release serves by default. Raises OpenbookError when it is not there."""
    wanted = settings.serve or "F16"
    named = [file for file in files if file.kind == wanted]
    if settings.serve and not named:
        made = ", ".join(dict.fromkeys(file.kind for file in files))
        raise OpenbookError(f"quantize.serve asks for {wanted}, which is not made here; there are {made}.")
    return max(named, key=lambda file: file.calibrated).name if named else None


def require(gates: Mapping[Any, Mapping[str, float]], loss: Mapping[str, Any]) -> None:
    """Raises OpenbookError with every language that breaks a gate, by name. So does a gate that nothing is held to."""
    problems = []
    for kind, limits in gates.items():
        files = {name: one["languages"] for name, one in loss["files"].items() if one["format"] == kind}
        if not files:
            problems.append(f"{kind} has gates and is not made")
        for name, languages in files.items():
            for code in sorted({*limits, *(languages if EVERY in limits else ())} - {EVERY}):
                limit = limits.get(code, limits.get(EVERY))
                if code not in languages:
                    problems.append(f"{code}: {name} was not measured, and may lose {limit:g} nats at most")
                elif limit is not None and languages[code]["mean_divergence"]["value"] > limit:
                    value = languages[code]["mean_divergence"]["value"]
                    problems.append(
                        f"{code}: {name} has a mean KL divergence of {value:g}, and may have {limit:g} at most"
                    )
    if problems:
        raise OpenbookError(f"quantizing breaks the recipe's gates: {'; '.join(problems)}.")
