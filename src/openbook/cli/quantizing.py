"""The verb that makes smaller files of a model: quantize."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from openbook import progress
from openbook.cli.app import Cache, Json, Quiet, app, console, print_json
from openbook.cli.surroundings import prepare_surroundings
from openbook.errors import OpenbookError


@app.command()
def quantize(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A run, a release, a Hugging Face folder, an F16/BF16/F32 .gguf.")
    ],
    more: Annotated[list[str] | None, typer.Argument(metavar="[FORMAT]...", help="Further formats.")] = None,
    formats: Annotated[
        list[str] | None, typer.Option(help="As --formats Q6_K Q4_K_M INT8. Default: Q8_0 Q6_K Q4_K_M.")
    ] = None,
    calibrate: Annotated[
        str | None,
        typer.Option(
            metavar="TEXTS",
            help="Calibrate formats below eight bits on a run's text, a folder with mt.txt and so on, or `parallel`.",
        ),
    ] = None,
    measure: Annotated[
        str | None, typer.Option(metavar="TEXTS", help="Measure the loss on these. Default: the rest of the same.")
    ] = None,
    both: Annotated[bool, typer.Option("--both", help="Write calibrated formats uncalibrated too.")] = False,
    languages: Annotated[str | None, typer.Option(help="Codes, with commas. Default: all that have text.")] = None,
    most: Annotated[
        list[str] | None, typer.Option("--gate", help="As Q4_K_M:mt=0.1 or Q4_K_M:*=0.2, nats; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the files go.")] = Path("quantized"),
    name: Annotated[str | None, typer.Option(help="What the files call the model.")] = None,
    license: Annotated[str | None, typer.Option(help="SPDX identifier of the weights' license.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; never decides the result.")] = None,
    cache: Cache = Path(".cache"),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Smaller files of any Llama model, checked in every language, and what each language pays for them."""
    prepare_surroundings(cache)
    from openbook import compute
    from openbook.context import Context
    from openbook.languages import language
    from openbook.quantize import Quantized
    from openbook.quantizing import quantize_model

    settings = _settings([*(formats or ()), *(more or ())], calibrate is not None, both, most or [])
    codes = [language(code.strip()).code for code in languages.split(",")] if languages else None
    shown = progress.for_terminal(quiet=quiet, json_lines=as_json)
    context = Context(compute.local(workers or len(os.sched_getaffinity(0))), shown, cache.resolve())
    record = quantize_model(model, out, settings, context, calibrate, measure, codes, name, license)
    found = Quantized.open(out)
    speeds = record.measures.get("tokens_per_second", {})
    if as_json:
        print_json({"folder": str(out), "tokens_per_second": speeds, **found.loss})
        return
    console().print(_table(found.loss, speeds))
    for name_, one in found.loss["files"].items():
        if sentence := _who_pays(name_, one["summary"]):
            typer.echo(sentence)
    console().print(f"report: {out / 'report.html'}", soft_wrap=True)


def _settings(asked: list[str], calibrated: bool, both: bool, gates: list[str]) -> Any:
    from pydantic import ValidationError

    from openbook.quantize import QuantizeSettings

    whole = {"F32", "F16", "BF16", "Q8_0", "INT8", "INT4"}
    wanted = [part.upper() for one in asked for part in one.replace(",", " ").split()] or ["Q8_0", "Q6_K", "Q4_K_M"]
    finer = [kind for kind in wanted if calibrated and kind not in whole]
    limits: dict[str, dict[str, float]] = {}
    for gate in gates:
        kind, _, rest = gate.partition(":")
        code, _, value = rest.partition("=")
        try:
            limits.setdefault(kind.upper(), {})[code] = float(value)
        except ValueError:
            raise OpenbookError(f"--gate {gate}: write it as Q4_K_M:mt=0.1, nats of mean KL divergence.") from None
    try:
        return QuantizeSettings.model_validate({
            "formats": tuple(kind for kind in wanted if both or kind not in finer),
            "calibrated": tuple(finer),
            "gates": limits,
        })  # fmt: skip
    except ValidationError as error:
        from openbook.quantize.table import known

        problem = error.errors()[0]
        found = problem["input"] if isinstance(problem["input"], str) else problem["msg"]
        raise OpenbookError(f"{found}: a format is one of {', '.join(known())}, each once.") from None


def _table(loss: dict[str, Any], speeds: dict[str, dict[str, float]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("file", "MB", "mean KL", "worst", "its KL", "95 %", "same top", "read/s", "written/s"):
        table.add_column(column, justify="left" if column in ("file", "worst") else "right", no_wrap=True)
    for name, one in sorted(loss["files"].items(), key=lambda pair: -pair[1]["bytes"]):
        told, fast = one["summary"], speeds.get(name, {})
        worst = told["worst"]
        cells = (f"{one['bytes'] / 1e6:.1f}", f"{told['mean']['value']:.2g}", worst["language"])
        span = f"{worst['low']:.2g}–{worst['high']:.2g}"
        paces = (f"{fast[key]:.0f}" if key in fast else "–" for key in ("read", "written"))
        table.add_row(name, *cells, f"{worst['value']:.2g}", span, f"{told['same_top']:.1%}", *paces)
    return table


def _who_pays(name: str, told: dict[str, Any]) -> str:
    """Who pays for the smaller file, against the language of reference."""
    ratio, worst, reference = told["worst_to_reference"], told["worst"], told["reference"]
    if not ratio or worst["language"] == reference["language"]:
        return ""
    return (
        f"{name}: {worst['language']} pays {ratio['value']:.2f} times what {reference['language']} pays "
        f"({ratio['low']:.2f} to {ratio['high']:.2f})"
    )
