"""The verbs that measure models: evaluate, pairs, compare."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from openbook import progress
from openbook.cli.app import Cache, Json, Quiet, app, console, print_json
from openbook.cli.surroundings import prepare_surroundings
from openbook.errors import OpenbookError


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A checkpoint, a Hugging Face folder, a GGUF file.")],
    on: Annotated[Path, typer.Option(metavar="RUN", help="The run whose held-out and parallel text it is scored on.")],
    name: Annotated[str | None, typer.Option(help="What to call it. Default: the model's file name.")] = None,
    languages: Annotated[str | None, typer.Option(help="Codes, with commas. Default: all of the run's.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each worker.")] = 1,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes. Default: cores.")] = None,
    cache: Cache = Path(".cache"),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """How well any model knows each language: bits per byte and parity on a run's held-out text."""
    prepare_surroundings(cache)
    from openbook import compute, evaluations
    from openbook.context import Context
    from openbook.evaluate import Evaluation
    from openbook.languages import language

    codes = [language(code.strip()).code for code in languages.split(",")] if languages else None
    engine = compute.local(workers or len(os.sched_getaffinity(0)))
    shown = progress.for_terminal(quiet=quiet, json_lines=as_json)
    context = Context(engine, shown, cache.resolve())
    folder = evaluations.evaluate_model(model, on, name, codes, threads, context)
    found = Evaluation.open(folder)
    without = [code for code in codes or () if code not in found.languages]
    if as_json:
        print_json({"folder": str(folder), "bits": found.bits, "parity": found.parity, "without_text": without})
        return
    if quiet:
        return
    table = Table(box=None, pad_edge=False)
    for column in ("language", "bits/byte", "95 %", "n", "zstd -19", "parity"):
        table.add_column(column, justify="left" if column == "language" else "right", no_wrap=True)
    for code in found.languages:
        row, same = found.bits["languages"].get(code, {}), found.parity["languages"].get(code, {})
        interval = f"{row['low']:.3f}–{row['high']:.3f}" if row.get("low") is not None else "–"
        cells = (shown_number(row.get("bits_per_byte")), interval, str(row.get("documents", "–")))
        table.add_row(code, *cells, shown_number(row.get("baseline")), shown_number(same.get("relative")))
    console().print(table)
    for code in without:
        console().print(f"{code}: not scored; the run holds neither held-out nor parallel text of it.")
    if found.parity["reference"] is not None:
        console().print(f"parity: bits for the same content, {found.parity['reference']} = 1. {found.parity['caveat']}")
    console().print(f"report: {folder / 'report.html'}", soft_wrap=True)


def shown_number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


@app.command()
def pairs(
    treebanks: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Treebanks in CoNLL-U.")],
    language: Annotated[str, typer.Option(help="Their language's code.")],
    out: Annotated[Path, typer.Option(help="The file to write, JSON lines.")],
    license: Annotated[str | None, typer.Option(help="SPDX identifier of the treebanks' license.")] = None,
    most: Annotated[int, typer.Option(min=1, help="Pairs of each phenomenon.")] = 500,
    as_json: Json = False,
) -> None:
    """Minimal pairs out of treebanks: each a real sentence, and the same with one thing broken."""
    from collections import Counter

    from openbook.evaluate.pairs import generate, write_pairs
    from openbook.languages import language as known

    found = generate(treebanks, known(language).code, license, most)
    if not found:
        raise OpenbookError("the treebanks give no pair: they need words with features, heads and relations.")
    write_pairs(found, out)
    counts = dict(sorted(Counter(pair.phenomenon for pair in found).items()))
    if as_json:
        print_json({"file": str(out), "pairs": counts})
        return
    for phenomenon, count in counts.items():
        console().print(f"{phenomenon:8} {count:6,}")
    console().print(f"{len(found):,} pairs: {out}", soft_wrap=True)


@app.command()
def compare(
    models: Annotated[list[Path], typer.Argument(metavar="A B [C...]", help="Runs, or folders of evaluations.")],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("comparison.html"),
    as_json: Json = False,
) -> None:
    """Several models side by side, language by language; marked where the intervals separate."""
    from openbook import evaluations
    from openbook.evaluate import comparison
    from openbook.evaluate.compare import MARKS, differences

    if len(models) < 2:
        raise OpenbookError("a comparison needs two models at least: openbook compare A B [C...].")
    opened = [evaluations.find(path) for path in models]
    folders = [one.folder.resolve() for one in opened]
    for path, folder in zip(models, folders, strict=True):
        if folders.count(folder) > 1:
            raise OpenbookError(f"{path} stands there twice: a comparison is between different evaluations.")
    names = [path.resolve().name for path in models]
    found = {
        name if names.count(name) == 1 else str(path): one
        for name, path, one in zip(names, models, opened, strict=True)
    }
    comparison(found).write(out)
    rows = differences(found)
    if as_json:
        print_json([row.__dict__ for row in rows])
        return
    table = Table(box=None, pad_edge=False)
    for column in ("language", "model", "difference, bits/byte", "95 %", ""):
        table.add_column(column, no_wrap=True)
    for row in rows:
        interval = f"{row.low:+.3f} to {row.high:+.3f}" if row.low is not None else "–"
        value = "–" if row.value is None else f"{row.value:+.3f}"
        table.add_row(row.language, row.model, value, interval, f"{MARKS[row.verdict]} {row.verdict}".strip())
    console().print(table)
    console().print(f"page: {out}", soft_wrap=True)
