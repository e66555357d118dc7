"""The verb that hands a run on: release."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from openbook import progress
from openbook.cli.app import Cache, Json, Quiet, RunFolder, app, print_json
from openbook.errors import OpenbookError


@app.command()
def release(
    run: RunFolder,
    recipe: Annotated[
        Path | None, typer.Option(metavar="RECIPE", help="Take \\[release], name and description from this recipe.")
    ] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Build nothing: list what its documents print as not recorded.")
    ] = False,
    score: Annotated[
        bool, typer.Option("--score", help="Build nothing: what readers of the public summary look for, and find.")
    ] = False,
    cache: Cache = Path(".cache"),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Build the release of a finished run anew: bundle, evidence and documents."""
    if missing:
        show_missing(run, as_json)
        return
    if score:
        show_score(run, as_json)
        return
    from openbook import compute, pipeline
    from openbook.context import Context
    from openbook.recipe import load

    loaded = load(recipe) if recipe else None
    shown = progress.for_terminal(quiet=quiet, json_lines=as_json)
    with compute.started(
        compute.chosen(compute.EngineSettings(), None, 1, None, ()), run.resolve() / ".jobs"
    ) as running:
        record = pipeline.release_again(run, Context(running, shown, cache.resolve()), loaded)
    folder = run / "release"
    if as_json:
        print_json({"release": str(folder), "root": record.root, **record.counts})
    elif not quiet:
        typer.echo(f"{folder}: {record.counts['files']} files, {record.counts['bytes']:,} bytes, root {record.root}")
        typer.echo(f"  {folder}/documents/en/summary.html   # begin here; --missing says what is not told")


def show_missing(run: Path, as_json: bool) -> None:
    from openbook.release import missing_of

    found = missing_of(run / "release")
    if as_json:
        print_json(found)
        return
    for key, hint in found.items():
        typer.echo(f"{key:24} {hint}")
    typer.echo(f"{len(found)} fields are not recorded." if found else "Every field is recorded.")


def show_score(run: Path, as_json: bool) -> None:
    from openbook.release.documents.score import criteria, share
    from openbook.release.facts import gather_facts

    if not (run / "release" / "said.json").exists():
        raise OpenbookError(
            f"{run} has no release with evidence: build it with openbook release {run} --recipe RECIPE."
        )
    facts, asked = gather_facts(run / "release"), criteria()
    table: dict[str, Any] = {}
    for kind in ("transparency", "usefulness"):
        of_kind = [one for one in asked if one.kind == kind]
        table[kind] = round(share(of_kind, facts), 1)
        table[f"{kind}_derivable"] = round(share([one for one in of_kind if not one.said], facts), 1)
    table["open"] = [f"{one.kind}: {one.asks}" for one in asked if not one.met(facts)]
    if as_json:
        print_json(table)
        return
    for one in asked:
        met = "yes" if one.met(facts) else "no "
        typer.echo(f"{met:4} {one.kind:13} {one.section:6} {one.asks}{' (said)' if one.said else ''}")
    typer.echo(json.dumps({key: value for key, value in table.items() if key != "open"}))
    typer.echo(
        f"Percent of {len(asked)} questions of our own, by section of the template of the AI Office; (said): a person "
        "must answer. No grade of the AI Accountability Lab, whose 242 questions are others."
    )
