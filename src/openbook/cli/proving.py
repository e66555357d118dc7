"""The verbs of proof: sign, receipt, check-receipt, log."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Annotated

import typer

from openbook.cli.app import Json, app, print_json
from openbook.errors import OpenbookError

log = typer.Typer(help="The append-only log of releases and removals.", no_args_is_help=True)
app.add_typer(log, name="log")

Password = Annotated[
    Path | None, typer.Option("--password-file", help="File whose first line is the password of the private key.")
]
LogFolder = Annotated[Path, typer.Argument(metavar="LOG", help="A log's folder.")]


def _password(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes().splitlines()[0]
    except (OSError, IndexError):
        raise OpenbookError(f"{path} holds no password: its first line should be it.") from None


@app.command()
def sign(
    release: Annotated[Path | None, typer.Argument(metavar="[RELEASE]", help="A release folder.")] = None,
    key: Annotated[Path | None, typer.Option(help="Private key on P-256 (PEM).")] = None,
    new_key: Annotated[Path | None, typer.Option(help="Make a key: this file, and .pub beside it.")] = None,
    ed25519: Annotated[bool, typer.Option("--ed25519", help="With --new-key: a key for logs and documents.")] = False,
    sigstore: Annotated[bool, typer.Option("--sigstore", help="Sign with an identity; needs a network.")] = False,
    token: Annotated[str | None, typer.Option("--identity-token", help="For --sigstore, where no browser is.")] = None,
    password_file: Password = None,
) -> None:
    """Sign a release in the OpenSSF model signing format, or make a key for it."""
    from openbook.release import sign as signing

    if (new_key is None) == (release is None) or (release is not None and (key is None) != sigstore):
        raise OpenbookError("sign needs RELEASE and --key (or --sigstore), or --new-key alone.")
    if new_key is not None:
        public = signing.new_key(new_key, "ed25519" if ed25519 else "p256", _password(password_file))
        typer.echo(f"{new_key}: keep it to yourself.\n{public}: publish it, in a place other than the release.")
    elif release is not None and key is not None:
        typer.echo(f"{signing.sign_release(release, key, _password(password_file))}: signed")
    elif release is not None:
        typer.echo(f"{signing.sign_with_sigstore(release, token)}: signed")


@app.command()
def receipt(
    folder: Annotated[Path, typer.Argument(metavar="RELEASE", help="A release, or a run that has one.")],
    url: Annotated[str | None, typer.Option(help="An address.")] = None,
    domain: Annotated[str | None, typer.Option(help="A host, and all hosts below it.")] = None,
    document: Annotated[str | None, typer.Option(help="A document's id, 64 hex digits.")] = None,
    text_hash: Annotated[str | None, typer.Option(help="SHA-256 of a text, as docs/proof.md says.")] = None,
    text: Annotated[Path | None, typer.Option(help="A file with the text, which is hashed here.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write. Default: standard output.")] = None,
) -> None:
    """Prove that an address, site, document or text is in a release's corpus, or that it is not."""
    from openbook.books.store import write_bytes
    from openbook.release.receipt import make_receipt
    from openbook.release.receipt import text_hash as hash_of

    if text is not None:
        try:
            text_hash = text_hash or hash_of(text.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise OpenbookError(f"{text} cannot be read as UTF-8 text: {error}.") from None
    asked = {"urls": url, "domains": domain, "documents": document, "texts": text_hash}
    given = [(kind, value) for kind, value in asked.items() if value is not None]
    if len(given) != 1:
        raise OpenbookError("receipt asks one thing at a time: --url, --domain, --document, --text-hash or --text.")
    data = make_receipt(folder, *given[0])
    if out is None:
        typer.echo(data.decode(), nl=False)
    else:
        write_bytes(out, data)
        typer.echo(f"{out}: {'present' if json.loads(data)['present'] else 'absent'}, {len(data):,} bytes")


@app.command("check-receipt")
def check_receipt(
    path: Annotated[Path, typer.Argument(metavar="RECEIPT", help="A receipt (JSON).")],
    root: Annotated[str | None, typer.Option(help="The published root of the list, 64 hex digits.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="A manifest.json, which publishes the roots.")] = None,
    as_json: Json = False,
) -> None:
    """Check a receipt against a published root; nothing else is needed."""
    from openbook.books.presence import MOST_RECEIPT_BYTES, read_receipt
    from openbook.books.presence import check_receipt as check
    from openbook.books.tiles import read_bounded

    if (root is None) == (manifest is None):
        raise OpenbookError("check-receipt needs --root (64 hex digits) or --manifest.")
    data = read_bounded(path, MOST_RECEIPT_BYTES)
    kind = read_receipt(data).kind
    if manifest is not None:
        from openbook.release.receipt import published_root

        published = published_root(manifest, kind)
    else:
        from openbook.release.receipt import digest

        published = digest(root or "")
    found = check(data, published)
    if as_json:
        print_json({"kind": kind, "name": found.name, "key": found.key.hex(), "present": found.present})
        return
    stands = "stands" if found.present else "does not stand"
    typer.echo(f"{found.name or found.key.hex()} {stands} in the list of {kind} ({found.size:,} entries).")
    typer.echo(f"Its root must be the one that the provider published as keys.{kind}.root: {published.hex()}")


@log.command("append")
def log_append(
    folder: LogFolder,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Releases, or documents of removals.")],
    key: Annotated[Path, typer.Option(help="The log's private Ed25519 key (PEM).")],
    name: Annotated[str | None, typer.Option(help="Name of a new log, such as example.org/openbook-log.")] = None,
    password_file: Password = None,
) -> None:
    """Add releases and removals; the checkpoint is signed anew."""
    from openbook.release.log import append
    from openbook.release.sign import log_key, read_signing_key

    password = _password(password_file)
    now = append(folder, paths, key, name, password)
    typer.echo(f"{folder}: {now.size:,} entries, root {b64encode(now.root).decode()}")
    typer.echo(f"The log's key, to publish: {log_key(now.origin, read_signing_key(key, password))}")


@log.command("show")
def log_show(folder: LogFolder, as_json: Json = False) -> None:
    """Every entry, in order."""
    from openbook.books.tlog import TileLog
    from openbook.release.log import told

    entries = [told(entry) for entry in TileLog.open(folder).entries()]
    if as_json:
        print_json(entries)
        return
    for index, entry in enumerate(entries):
        typer.echo(
            f"{index:>6}  {entry['kind']:<8} {entry.get('name', '')}  {entry.get('root', entry.get('sha256', ''))}"
        )


@log.command("prove")
def log_prove(
    folder: LogFolder,
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]", help="A release, or a removal's document.")] = None,
    since: Annotated[int | None, typer.Option(help="Instead: that the log of so many entries only grew.")] = None,
) -> None:
    """Print the proof that the log lists something (C2SP tlog-proof), or that it grew from an older one (RFC 6962)."""
    from openbook.books.tlog import TileLog
    from openbook.release.log import find

    opened = TileLog.open(folder)
    if (path is None) == (since is None):
        raise OpenbookError("log prove needs a PATH, or --since with a number of entries.")
    if path is not None:
        typer.echo(opened.proof(find(opened, path)), nl=False)
    elif since is not None:
        path_of_hashes = [b64encode(one).decode() for one in opened.consistency(since, opened.size)]
        print_json({"first": since, "second": opened.size, "proof": path_of_hashes})


@log.command("check")
def log_check(
    folder: LogFolder,
    key: Annotated[str, typer.Option(help="The log's key, NAME+ID+BASE64.")],
    before: Annotated[Path | None, typer.Option(help="An older checkpoint that the log must have grown from.")] = None,
) -> None:
    """Check signature, entries and hashes; with an older checkpoint also that nothing in it was changed."""
    from openbook.books.note import open_note, parse_verifier_key
    from openbook.books.tiles import check_log, parse_checkpoint, read_bounded

    parsed = parse_verifier_key(key)
    older = None
    if before is not None:
        older = parse_checkpoint(open_note(read_bounded(before, 1 << 20).decode("utf-8", "replace"), parsed))
    now, _ = check_log(folder, parsed, older)
    grown = f"; it grew from the {older.size:,} of the older checkpoint" if older else ""
    typer.echo(f"{folder}: {now.size:,} entries, signed by {now.origin}{grown}. Nothing was changed.")
