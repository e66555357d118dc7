"""The verbs that put a model to use: serve, key."""

from pathlib import Path
from typing import Annotated

import typer

from openbook.cli.app import app


@app.command()
def serve(
    target: Annotated[Path, typer.Argument(metavar="RELEASE_OR_GGUF", help="A release folder or any GGUF file.")],
    host: Annotated[str, typer.Option(help="Address to listen on; loopback unless you say otherwise.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8080,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the engine. Default: cores.")] = None,
    slots: Annotated[int, typer.Option(min=1, help="Requests that are answered at once.")] = 4,
    context: Annotated[int | None, typer.Option(min=16, help="Tokens of prompt and answer.")] = None,
    also: Annotated[list[Path] | None, typer.Option(help="A further model to serve; may be repeated.")] = None,
    keys: Annotated[Path | None, typer.Option(help="File of API keys (TOML); without it everyone may ask.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="TLS: PEM file of the certificate and its chain.")] = None,
    certificate_key: Annotated[Path | None, typer.Option(help="PEM file of its private key.")] = None,
    origin: Annotated[list[str] | None, typer.Option(help="A web page elsewhere that may ask (CORS).")] = None,
    audit: Annotated[Path | None, typer.Option(help="File that says who asked when for how much.")] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Run whose index answers are traced in (its trace folder).")
    ] = None,
    deletions: Annotated[
        list[Path] | None, typer.Option(help="Deletion list: answers that repeat a removed text are stopped.")
    ] = None,
    deletions_key: Annotated[Path | None, typer.Option(help="PEM of the public key that must have signed it.")] = None,
) -> None:
    """Serve a model: an OpenAI-shaped API and a page to talk to it."""
    from openbook.serve import ServeSettings
    from openbook.serve import serve as serve_model

    settings = ServeSettings(
        host=host,
        port=port,
        threads=threads,
        parallel=slots,
        context=context,
        more=tuple(also or ()),
        keys=keys,
        certificate=certificate,
        certificate_key=certificate_key,
        origins=tuple(origin or ()),
        audit=audit,
        trace=trace,
        deletions=tuple(deletions or ()),
        deletions_key=deletions_key,
    )
    serve_model(target, settings)


@app.command()
def key(name: Annotated[str, typer.Argument(help="Whose key it is; stands in the audit log.")]) -> None:
    """Make an API key: the key itself on standard error, once; what to add to the key file on standard output."""
    from openbook.serve.keys import new_key

    secret, entry = new_key(name)
    typer.echo(entry, nl=False)
    typer.echo(f"The key, shown only here: {secret}", err=True)
