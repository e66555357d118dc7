"""The verbs that make a run and look at it: run, show, doctor."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from openbook import progress
from openbook.cli.app import Cache, Json, Quiet, RunFolder, Runs, app, console, print_json
from openbook.cli.surroundings import helps_to_train, let_helpers_go, prepare_surroundings


@app.command()
def run(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe (TOML).")],
    plan: Annotated[bool, typer.Option("--plan", help="Show what would run, and why; run nothing.")] = False,
    until: Annotated[str | None, typer.Option(help="Stop after this step.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Tasks at the same time; never decides the result. Default: cores.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="Where tasks run: local, ray or slurm. Default: the recipe's \\[engine].")
    ] = None,
    address: Annotated[str | None, typer.Option(help="Ray: auto, local or host:port of a running cluster.")] = None,
    engine_option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="What only this engine knows; may be repeated.")
    ] = None,
    runs: Runs = Path("runs"),
    cache: Cache = Path(".cache"),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run a recipe: make what is out of date, leave what is up to date."""
    prepare_surroundings(cache)
    from openbook import compute, pipeline, step
    from openbook.context import Context
    from openbook.recipe import load

    if helps_to_train():
        from openbook.train.worker import follow

        follow()
        return
    loaded, base = load(recipe), recipe.resolve().parent
    folder = runs / loaded.name
    if plan:
        states = list(step.plan(pipeline.steps(pipeline.with_removals(loaded, folder), base), folder))
        show_plan(states, as_json)
        return
    settings = compute.chosen(loaded.engine, engine, workers, address, engine_option or ())
    shown = progress.for_terminal(quiet=quiet, json_lines=as_json)
    try:
        with compute.started(settings, folder.resolve() / ".jobs") as running:
            pipeline.run(loaded, base, folder, Context(running, shown, cache.resolve()), until)
    finally:
        let_helpers_go()
    if until is None and not quiet:
        from openbook import summary

        if as_json:
            print_json(summary.as_json(summary.evidence_of(folder)))
        else:
            summary.print_summary(folder, console())
            show_next(folder)


def show_plan(states: list[Any], as_json: bool) -> None:
    if as_json:
        print_json({state.step.name: list(state.reasons) for state in states})
        return
    table = Table(box=None, pad_edge=False)
    for column in ("step", "state", "why"):
        table.add_column(column, overflow="fold")
    for state in states:
        table.add_row(state.step.name, "will run" if state.reasons else "up to date", "\n".join(state.reasons))
    console().print(table)


def show_next(folder: Path) -> None:
    """What to do with a finished run."""
    typer.echo("\nWhat you can do now:")
    for command, what in (
        (f"openbook serve {folder}/release", "talk to the model in the browser, or through an OpenAI-shaped API"),
        (f"openbook lineage {folder} --step 1 --row 0 --show", "which page stood at this place of the training data"),
        (f'openbook trace "text" --run {folder}', "which documents hold the words of a text"),
        (f"openbook verify {folder}/release", "check that nothing in the release was changed"),
        (f"openbook show {folder}", "this table again"),
    ):
        typer.echo(f"  {command:<58} # {what}")


@app.command()
def show(run: RunFolder, as_json: Json = False) -> None:
    """What came out of a run: one table by language, and where the reports are."""
    from openbook import summary

    if as_json:
        print_json(summary.as_json(summary.evidence_of(run)))
    else:
        summary.print_summary(run, console())


@app.command()
def doctor(as_json: Json = False) -> None:
    """What this machine has, and what cannot be done on it."""
    from openbook.doctor import examine

    findings = examine(Path.cwd())
    if as_json:
        print_json([finding.__dict__ for finding in findings])
        return
    table = Table(box=None, pad_edge=False)
    for column in ("", "found", "so"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        table.add_row(finding.what, finding.found, finding.lacks)
    console().print(table)
