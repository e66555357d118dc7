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
        bool, typer.Option("--apply", help="Train on without it, and release, from the last checkpoint that is clean.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for that. Default: RUN.without-NNNN.")] = None,
    initial: Annotated[
        Path | None, typer.Option(help="Weights that the run started from, if it did; with --apply.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="With --apply: the log that is to list removal and release.")] = None,
    log_key: Annotated[Path | None, typer.Option(help="PEM of the Ed25519 key that signs the log.")] = None,
    log_name: Annotated[str | None, typer.Option(help="Of a new log, such as example.org/openbook-log.")] = None,
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
    if (log is None) != (log_key is None) or (log and not apply):
        raise OpenbookError("--log goes with --log-key and --apply: it lists the release that comes of the removal.")
    told: dict[str, Any] = {}
    for request in asked:
        told |= _removed(run, request, keep_duplicates, dry_run, as_json, reason, by, key, date, words)
    if apply and not dry_run:
        told |= _retrained(run, out, initial, cache, quiet, as_json)
        if log and log_key:
            told |= _logged(run, Path(told["retrained"]["folder"]), log, log_key, log_name, as_json)
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
        typer.echo("With --apply a run without it is made; or `openbook run` with the recipe makes all anew.")
    return {"removal": made.entry, "exposure": seen.certificate}


def _retrained(
    run: Path, out: Path | None, initial: Path | None, cache: Path, quiet: bool, as_json: bool
) -> dict[str, Any]:
    prepare_surroundings(cache)
    import os

    from openbook import compute, retraining
    from openbook.context import Context

    shown = progress.for_terminal(quiet=quiet, json_lines=as_json)
    context = Context(compute.local(len(os.sched_getaffinity(0))), shown, cache.resolve())
    made = retraining.retrain(run, out or retraining.folder_of(run), context, initial)
    if not as_json:
        whence = f"the checkpoint after step {made.began}" if made.began else "the seed"
        what = "1 document is" if len(made.removed) == 1 else f"{len(made.removed):,} documents are"
        typer.echo(f"{made.folder}: {what} out of the tokens; trained on from {whence}.")
        typer.echo(f"It holds {', '.join(made.made)}{'; ' + made.missing if made.missing else ''}.")
        typer.echo(f"  openbook books {made.folder}   # the chain, and what was removed")
    return {
        "retrained": {
            "folder": str(made.folder),
            "from": made.began,
            "removed": list(made.removed),
            "made": list(made.made),
            "missing": made.missing,
        }
    }


def _logged(run: Path, made: Path, log: Path, key: Path, name: str | None, as_json: bool) -> dict[str, Any]:
    """The release before, if it is not listed yet, then the removals, then the release without what they name."""
    from openbook.release import log as logs
    from openbook.release import removal

    if not (made / "release").is_dir():
        raise OpenbookError(f"{made} has no release that {log} could list: finish {run}, then --apply again.")
    listed = [run / "release", *(one.path for one in removal.removals(run)), made / "release"]
    checkpoint = logs.append(log, listed, key, name)
    if not as_json:
        typer.echo(f"{log}: {checkpoint.size:,} entries; the last is this release.")
    return {"log": {"size": checkpoint.size, "root": checkpoint.root.hex()}}


def _checked(run: Path, as_json: bool) -> dict[str, Any]:
    from openbook.release import removal

    found = removal.check(run)
    if not as_json:
        typer.echo(
            f"removals: {found.removals}; documents that they name and that are still there: {len(found.standing)}"
        )
        for page in found.standing:
            typer.echo(f"  {page.id[:16]} {page.url}")
        for id in found.repeating:
            typer.echo(f"  {id[:16]} repeats words of a removed text")
    if found.standing:
        raise OpenbookError("the corpus holds what was removed: run the recipe again, and the removals take effect.")
    return {"check": {"removals": found.removals, "repeating": list(found.repeating)}}


sealed = typer.Typer(help="Documents that were trained on but may not be given out.", no_args_is_help=True)
app.add_typer(sealed, name="sealed")
Release = Annotated[Path, typer.Argument(metavar="RELEASE", help="A release folder.")]
Identity = Annotated[list[Path], typer.Option("--identity", "-i", help="File of a secret key (AGE-SECRET-KEY-1…).")]
Nonce = Annotated[str, typer.Option(help="The auditor's, in hex: `openssl rand -hex 32`.")]
Sample = Annotated[int, typer.Option(min=1, help="Documents to draw.")]


@sealed.command("key")
def sealed_key(
    out: Annotated[Path, typer.Option(help="File for the secret key; it must not be there yet.")] = Path("auditor.key"),
) -> None:
    """Make an auditor's pair of keys: the secret one to a file, the public one on standard output."""
    from openbook.release import auditors

    typer.echo(auditors.make_key(out))


@sealed.command("open")
def sealed_open(
    release: Release,
    identity: Identity,
    out: Annotated[Path, typer.Option(help="File to write: JSON lines, or the answer to a challenge.")],
    nonce: Annotated[str | None, typer.Option(help="Answer this challenge; without it, all is opened.")] = None,
    sample: Sample = 20,
) -> None:
    """Open all sealed documents, or those that a challenge draws, with their salts."""
    from openbook.books.digest import canonical_json
    from openbook.books.store import atomic_path, write_bytes
    from openbook.release import auditors, challenge
    from openbook.release import sealed as sealing

    keys = auditors.identities(identity)
    if nonce is not None:
        write_bytes(out, challenge.answer(release, keys, nonce, sample))
        return
    count = 0
    with atomic_path(out) as temporary, temporary.open("wb") as file:
        for one in sealing.open_documents(release, keys):
            file.write(canonical_json(vars(one)) + b"\n")
            count += 1
    typer.echo(f"{out}: {count:,} documents")


@sealed.command("challenge")
def sealed_challenge(release: Release, nonce: Nonce, sample: Sample = 20, as_json: Json = False) -> None:
    """Which documents an auditor's nonce draws, by their places; anyone finds the same."""
    from openbook.release import challenge

    places = challenge.draw(release, nonce, sample)
    if as_json:
        print_json(places)
    else:
        typer.echo(" ".join(map(str, places)))


@sealed.command("check")
def sealed_check(
    release: Release,
    answer: Annotated[Path | None, typer.Option(help="Answer to a challenge; needs no key.")] = None,
    nonce: Annotated[str | None, typer.Option(help="Of that challenge.")] = None,
    sample: Sample = 20,
    identity: Annotated[list[Path] | None, typer.Option("--identity", "-i", help="Open and check all.")] = None,
) -> None:
    """Whether opened documents are those that the release committed to and that gave its tokens; exit code 2 if not."""
    from openbook.release import auditors, challenge

    if answer is not None and nonce is not None:
        found = challenge.check_answer(release, answer.read_bytes(), nonce, sample)
    elif identity and answer is None:
        found = challenge.check_all(release, auditors.identities(identity))
    else:
        raise OpenbookError("check needs --identity (all documents), or --answer with --nonce (a challenge).")
    if found:
        raise OpenbookError("\n".join([f"{release}: the sealed documents are not what they should be:", *found]))
    whole = ", ".join(challenge.whole_languages(release)) or "no language"
    typer.echo(f"{release}: the documents are those that the root commits to, and give the tokens that they name.")
    if identity:
        typer.echo(f"Made again from them, and equal to the file that training read: the tokens of {whole}.")


@sealed.command("canary")
def sealed_canary(
    release: Release,
    identity: Identity,
    text: Annotated[list[Path], typer.Option(metavar="FILE", help="A text to count; may be repeated.")],
) -> None:
    """In how many sealed documents a text stands, as JSON that can be published: digests and counts."""
    from openbook.release import auditors, challenge

    texts = [found for found in map(_read, text) if found is not None]
    print_json(challenge.canaries(release, auditors.identities(identity), texts))


@sealed.command("rotate")
def sealed_rotate(
    release: Release,
    identity: Identity,
    auditor: Annotated[list[str], typer.Option(help="Public key of an auditor (age1…); may be repeated.")],
) -> None:
    """Seal the same documents for other auditors: the root stays, the manifest is written anew and wants signing."""
    from openbook.release import auditors, manifest
    from openbook.release import sealed as sealing

    sealing.rotate(release, auditors.identities(identity), auditor)
    typer.echo(f"{release}: sealed for {', '.join(auditor)}; the root over the documents is the same.")
    typer.echo(f"{manifest.FILE_NAME} was written anew: sign it again. Older copies stay open to the keys they had.")
