"""The verbs that ask the books: verify, lineage."""

from pathlib import Path
from typing import Annotated

import typer

from openbook import progress
from openbook.cli.app import Json, Quiet, RunFolder, app, print_json
from openbook.errors import OpenbookError


@app.command()
def verify(
    release: Annotated[Path, typer.Argument(metavar="RELEASE", help="A release folder.")],
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Check a release offline; name every file that was changed, is missing or was added."""
    from openbook.release import verify as check
    from openbook.release.verify import demand_sound

    with progress.for_terminal(quiet=quiet, json_lines=as_json).task("verify", total=None, unit="bytes") as bar:
        verdict = check(release, seen=bar.advance)
    if as_json:
        print_json({"sound": verdict.sound, **verdict.__dict__})
    demand_sound(verdict, release)
    if not quiet and not as_json:
        read = f"{verdict.files} files, {verdict.bytes:,} bytes, {verdict.records} records"
        typer.echo(f"{release}: nothing was changed ({read}).")


@app.command()
def lineage(
    run: RunFolder,
    step: Annotated[int | None, typer.Option(min=0, help="Training step, from 0.")] = None,
    row: Annotated[int | None, typer.Option(min=0, help="Row of the step's batch, from 0.")] = None,
    token: Annotated[int | None, typer.Option(min=0, help="Position in the row, from 0.")] = None,
    document: Annotated[
        str | None, typer.Option(help="The other way round: every place that saw this document.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the page as it stands in its WARC record.")] = False,
    as_json: Json = False,
) -> None:
    """Which document, and which bytes of which page, stood at a place in the training data; or where one was seen."""
    from openbook.trace.lineage import describe, page_text, place, seen

    if document is not None:
        sightings = seen(run, document)
        if as_json:
            print_json([dict(zip(("step", "row", "start", "end"), one, strict=True)) for one in sightings])
            return
        for at_step, at_row, start, end in sightings:
            typer.echo(f"step {at_step}, row {at_row}, tokens {start} to {end}")
        typer.echo(f"seen in {len(sightings)} places")
        return
    if step is None or row is None:
        raise OpenbookError("lineage needs --step and --row (a place in training), or --document (an id).")
    places = place(run, step, row, token)
    if as_json:
        print_json([one.as_dict() for one in places])
        return
    for one in places:
        typer.echo(describe(one))
        if show:
            typer.echo(f"\n{page_text(run, one.document)}\n")
