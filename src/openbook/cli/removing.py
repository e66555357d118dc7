"""The verbs of those who want something out, or want to look at what is sealed: remove, sealed."""

from pathlib import Path
from typing import Annotated, Any

import typer

from openbook import progress
from openbook.cli.app import Cache, Json, Quiet, RunFolder, app, print_json
from openbook.cli.surroundings import prepare_surroundings
from openbook.errors import OpenbookError


@app.command()
def remove(
    run: RunFolder,
    url: Annotated[str | None, typer.Option(help="An address.")] = None,
    domain: Annotated[str | None, typer.Option(help="A host, and all hosts below it.")] = None,
    document: Annotated[str | None, typer.Option(help="A document's id.")] = None,
    text: Annotated[Path | None, typer.Option(metavar="FILE", help="A text, or a passage of 25 words or more.")] = None,
    robots: Annotated[Path | None, typer.Option(metavar="FILE", help="A site's new robots.txt; with --site.")] = None,
    site: Annotated[str, typer.Option(help="Of that robots.txt: https://example.org.")] = "",
    optouts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A list: a domain, an address or an id a line.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; stands in the books.")] = "",
    by: Annotated[str | None, typer.Option(help="Who asks; stands in the books.")] = None,
    date: Annotated[str | None, typer.Option(help="Of the request, such as 2026-01-31. Default: today.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM of the Ed25519 key that signs.")] = None,
    share: Annotated[float, typer.Option(min=0.25, max=1, help="Of a --text that a page must hold.")] = 1.0,
    words: Annotated[int, typer.Option(help="In a row, that no served answer may repeat.")] = 20,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Remove no page that says the same; recorded.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed; write nothing.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Whether all that was removed is gone, and stayed away.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Train on without it, from the last checkpoint that had not seen it.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for that. Default: RUN.without-NNNN.")] = None,
    cache: Cache = Path(".cache"),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Take something out of a run: a signed entry in its books, an exposure certificate, a deletion list."""
    from openbook.release.request import Request

    asked = [
        Request(kind, value, site if kind == "robots" else "", share)  # type: ignore[arg-type]
        for kind, value in (
            ("url", url),
            ("domain", domain),
            ("document", document),
            ("text", _read(text)),
            ("robots", _read(robots)),
            ("optouts", _read(optouts)),
        )
        if value is not None
    ]
    if len(asked) > 1 or not (asked or check or apply):
        raise OpenbookError("remove takes one request: --url, --domain, --document, --text, --robots or --optouts.")
    told: dict[str, Any] = {}
    for request in asked:
        told |= _removed(run, request, keep_duplicates, dry_run, as_json, reason, by, key, date, words)
    if apply and not dry_run:
        told |= _retrained(run, out, cache, quiet, as_json)
    if as_json:
        print_json(told | (_checked(run, as_json) if check else {}))
    elif check:
        _checked(run, as_json)


def _read(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise OpenbookError(f"there is no file {path}.") from None
    except UnicodeDecodeError:
        raise OpenbookError(f"{path} is not UTF-8: save it as UTF-8.") from None


def _removed(
    run: Path,
    request: Any,
    keep_duplicates: bool,
    dry_run: bool,
    as_json: bool,
    reason: str,
    by: str | None,
    key: Path | None,
    date: str | None,
    words: int,
) -> dict[str, Any]:
    from openbook.release import exposure, removal, statement

    signer = statement.read_key(key) if key else None
    seen = removal.preview(run, request, keep_duplicates)
    if not as_json:
        typer.echo(exposure.sentence(seen.certificate))
        for page in seen.pages:
            typer.echo(f"  {page.id[:16]} {page.url}: {page.rejected_by or 'kept'}")
        for page in seen.similar:
            typer.echo(f"  {page.id[:16]} {page.url}: holds {page.share:.0%} of the text; stays")
    if dry_run:
        return {"exposure": seen.certificate}
    made = removal.remove(run, seen, reason, by, signer, date, words)
    if not as_json:
        signed = f"signed by {made.entry['key'][:16]}…" if made.entry["key"] else "not signed"
        typer.echo(f"removal {made.entry['number']:04d} ({signed}): {made.path}")
        typer.echo(f"certificate: {made.certificate}; what to serve with: --deletions {made.deletions}")
        typer.echo("`openbook run` with the run's recipe makes the corpus, and all that follows, without it.")
    return {"removal": made.entry, "exposure": seen.certificate}


def _retrained(run: Path, out: Path | None, cache: Path, quiet: bool, as_json: bool) -> dict[str, Any]:
    prepare_surroundings(cache)
    import os

    from openbook import compute, retraining
    from openbook.context import Context

    shown = progress.for_terminal(quiet=quiet, json_lines=as_json)
    context = Context(compute.local(len(os.sched_getaffinity(0))), shown, cache.resolve())
    made = retraining.retrain(run, out or retraining.folder_of(run), context)
    if not as_json:
        whence = f"the checkpoint after step {made.began}" if made.began else "the seed"
        typer.echo(f"{made.folder}: {len(made.removed)} documents out of the tokens; trained on from {whence}.")
    return {"retrained": {"folder": str(made.folder), "from": made.began, "removed": list(made.removed)}}


def _checked(run: Path, as_json: bool) -> dict[str, Any]:
    from openbook.release import removal

    found = removal.check(run)
    if not as_json:
        typer.echo(f"{found.removals} removals; {len(found.standing)} documents that they name are still there.")
        for page in found.standing:
            typer.echo(f"  {page.id[:16]} {page.url}")
        for id in found.repeating:
            typer.echo(f"  {id[:16]} repeats words of a removed text")
    if found.standing:
        raise OpenbookError("the corpus holds what was removed: run the recipe again, and the removals take effect.")
    return {"check": {"removals": found.removals, "repeating": list(found.repeating)}}
