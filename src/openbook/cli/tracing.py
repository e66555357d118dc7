"""The verb that asks where a text comes from: trace."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from openbook.cli.app import Json, Runs, app, print_json
from openbook.errors import OpenbookError


@app.command()
def trace(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to trace; - reads it from standard input.")],
    run: Annotated[
        Path | None, typer.Option(help="A run, or its trace folder. Default: the only run of --runs that has one.")
    ] = None,
    runs: Runs = Path("runs"),
    least: Annotated[int, typer.Option(min=1, help="Words of a span at least.")] = 5,
    documents: Annotated[int, typer.Option(min=1, help="Documents that are named for a span.")] = 5,
    every: Annotated[bool, typer.Option("--all", help="Every span, not only the least likely ones.")] = False,
    proof: Annotated[bool, typer.Option("--proof", help="With a receipt for each document.")] = False,
    as_json: Json = False,
) -> None:
    """Which spans of a text stand word for word in the training data, and in which documents."""
    from openbook.release.tracing import Tracer, describe

    asked = sys.stdin.read() if text == "-" else text
    if not asked.strip():
        raise OpenbookError("there is no text to look for: give it as TEXT, or `-` and the text on standard input.")
    told = Tracer.open(run or _only(runs)).trace(asked, least, len(asked) if every else None, documents, proof)
    if as_json or proof:
        print_json(told)
    else:
        typer.echo(describe(told, asked))


def _only(runs: Path) -> Path:
    found = sorted(path.parent.parent for path in runs.glob("*/trace/index.json"))
    if len(found) != 1:
        there = ", ".join(map(str, found)) or "none"
        raise OpenbookError(f"name the run to trace in with --run; those in {runs} that have an index: {there}.")
    return found[0]
