"""The verbs that ask the books: books, verify, lineage."""

import os
from pathlib import Path
from typing import Annotated

import typer

from openbook import progress
from openbook.cli.app import Cache, Json, Quiet, RunFolder, app, print_json
from openbook.cli.surroundings import prepare_surroundings
from openbook.errors import OpenbookError


@app.command()
def books(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or a release's.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write. Default: RUN/books.html; of a release, beside it.")
    ] = None,
    language: Annotated[str, typer.Option(help="Of the documents that are shown.")] = "en",
    log: Annotated[Path | None, typer.Option(help="A log that lists releases and removals.")] = None,
    key: Annotated[Path | None, typer.Option(help="The signer's public key (PEM).")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """The chain from sources to release, its records, documents, checks and removals: one HTML page."""
    from openbook.release import manifest as manifests
    from openbook.release.page import write_page

    whole = folder.resolve()
    is_release = (whole / manifests.FILE_NAME).exists()
    path = out or (folder.with_name(f"{whole.name}.books.html") if is_release else folder / "books.html")
    shown = progress.for_terminal(quiet=quiet, json_lines=as_json)
    with shown.task("books", total=None, unit="bytes") as bar:
        problems = write_page(folder, path, language, log, key, bar.advance)
    if as_json:
        print_json({"page": str(path), "problems": problems})
    elif not quiet:
        typer.echo("\n".join([*(f"does not hold: {problem}" for problem in problems), str(path)]))
    if show:
        typer.launch(str(path))


@app.command()
def verify(
    release: Annotated[Path, typer.Argument(metavar="RELEASE", help="A release folder.")],
    key: Annotated[Path | None, typer.Option(help="The signer's public key (PEM).")] = None,
    identity: Annotated[str | None, typer.Option(help="Who must have signed with sigstore.")] = None,
    issuer: Annotated[str | None, typer.Option(help="Who vouches for that identity.")] = None,
    replay: Annotated[
        int | None, typer.Option(min=1, help="Rerun so many training steps, and score so many languages again.")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="For --replay: the run. Default: the folder around RELEASE.")] = None,
    cache: Cache = Path(".cache"),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Check a release offline; name every file that was changed, is missing or was added."""
    if replay is not None:
        prepare_surroundings(cache)
    from openbook.release import verify as check
    from openbook.release.verify import REPLAYED, demand_sound, with_problems

    if (identity is None) != (issuer is None):
        raise OpenbookError("a signature with sigstore is checked with both --identity and --issuer.")
    shown = progress.for_terminal(quiet=quiet, json_lines=as_json)
    with shown.task("verify", total=None, unit="bytes") as bar:
        verdict = check(release, seen=bar.advance, key=key)
    if identity is not None and issuer is not None:
        from openbook.release.sign import verify_sigstore

        verify_sigstore(release, identity, issuer)
    told: tuple[str, ...] = ()
    if replay is not None and verdict.sound:
        from openbook import compute
        from openbook.context import Context
        from openbook.release.rerun import rerun

        context = Context(compute.local(len(os.sched_getaffinity(0))), shown, cache.resolve())
        again = rerun(release, run or release.resolve().parent, replay, context)
        verdict, told = with_problems(verdict, again.problems, REPLAYED), again.told
    if as_json:
        print_json({"sound": verdict.sound, **verdict.__dict__, "rerun": list(told)})
    demand_sound(verdict, release)
    if not quiet and not as_json:
        read = f"{verdict.files} files, {verdict.bytes:,} bytes, {verdict.records} records"
        by_whom = f"signed with sigstore by {identity}" if identity else verdict.signed
        typer.echo("\n".join([f"{release}: nothing was changed ({read}); {by_whom}.", *told]))


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
