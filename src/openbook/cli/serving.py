"""The verbs that put a model to use: serve, key, detect."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from openbook.cli.app import app
from openbook.errors import OpenbookError

if TYPE_CHECKING:
    from openbook.serve.settings import Adapter, Upstream

EngineName = Literal["auto", "llama.cpp", "pytorch"]


@app.command()
def serve(
    target: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL", help="A release folder, any GGUF file, or a Llama's Hugging Face folder."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; loopback unless you say otherwise.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8080,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the engine. Default: cores.")] = None,
    slots: Annotated[int, typer.Option(min=1, help="Requests that are answered at once.")] = 4,
    context: Annotated[int | None, typer.Option(min=16, help="Tokens of prompt and answer.")] = None,
    engine: Annotated[EngineName, typer.Option(help="Of a release, pytorch takes the folder, not the GGUF.")] = "auto",
    also: Annotated[list[Path] | None, typer.Option(help="A further model to serve; may be repeated.")] = None,
    adapter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="LoRA served as a model; NAME@MODEL=PATH for another than the first."),
    ] = None,
    upstream: Annotated[
        str | None, typer.Option(metavar="URL", help="An OpenAI-compatible server to pass on to.")
    ] = None,
    upstream_key_file: Annotated[Path | None, typer.Option(help="File with the key to show there.")] = None,
    watermark: Annotated[
        Path | None, typer.Option(help="File with a secret: answers get a statistical mark (PyTorch engine).")
    ] = None,
    keys: Annotated[Path | None, typer.Option(help="File of API keys (TOML); without it everyone may ask.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="TLS: PEM file of the certificate and its chain.")] = None,
    certificate_key: Annotated[Path | None, typer.Option(help="PEM file of its private key.")] = None,
    origin: Annotated[list[str] | None, typer.Option(help="A web page elsewhere that may ask (CORS).")] = None,
    audit: Annotated[Path | None, typer.Option(help="File that says who asked when for how much.")] = None,
    audit_content: Annotated[
        bool, typer.Option("--audit-content", help="And what was asked; the page then says so.")
    ] = False,
    limits: Annotated[Path | None, typer.Option(help="File of bounds on requests (TOML); docs/serving.md.")] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Run whose index answers are traced in (its trace folder).")
    ] = None,
    deletions: Annotated[
        list[Path] | None, typer.Option(help="Deletion list: answers that repeat a removed text are stopped.")
    ] = None,
    deletions_key: Annotated[Path | None, typer.Option(help="PEM of the public key that must have signed it.")] = None,
) -> None:
    """Serve a model: an OpenAI-shaped API and a page to talk to it."""
    from openbook.serve import Limits, ServeSettings, WatermarkSettings, read_limits
    from openbook.serve import serve as serve_model

    if audit_content and audit is None:
        raise OpenbookError("--audit-content is for --audit FILE, which the content would be written to.")
    settings = ServeSettings(
        host=host,
        port=port,
        threads=threads,
        parallel=slots,
        context=context,
        engine=engine,
        more=tuple(also or ()),
        adapters=tuple(_adapter(one) for one in adapter or ()),
        upstream=_upstream(upstream, upstream_key_file),
        watermark=WatermarkSettings(key=watermark) if watermark else None,
        keys=keys,
        certificate=certificate,
        certificate_key=certificate_key,
        origins=tuple(origin or ()),
        audit=audit,
        audit_content=audit_content,
        limits=read_limits(limits) if limits else Limits(),
        trace=trace,
        deletions=tuple(deletions or ()),
        deletions_key=deletions_key,
    )
    serve_model(target, settings)


@app.command()
def key(name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is; stands in the audit log.")]) -> None:
    """Make an API key: the key itself on standard error, once; what to add to the key file on standard output."""
    from openbook.serve.keys import new_key

    secret, entry = new_key(name)
    typer.echo(entry, nl=False)
    typer.echo(f"The key, shown only here: {secret}", err=True)


@app.command()
def detect(
    text: Annotated[Path, typer.Argument(metavar="FILE", help="A text in UTF-8; - reads standard input.")],
    key: Annotated[Path, typer.Option(help="The secret that `openbook serve --watermark` was given.")],
    tokenizer: Annotated[Path, typer.Option(help="Folder with the model's tokenizer.json.")],
    share: Annotated[float, typer.Option(min=0.01, max=0.99, help="Green share of the vocabulary.")] = 0.25,
) -> None:
    """Say whether a text carries a watermark: how green it is, and how likely that is without the mark."""
    import sys

    from openbook.serve.detection import detect_text
    from openbook.serve.watermark import Watermark

    try:
        content = sys.stdin.read() if str(text) == "-" else text.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as trouble:
        raise OpenbookError(
            f"{text} cannot be read as a text: {getattr(trouble, 'strerror', None) or trouble}."
        ) from None
    found = detect_text(content, tokenizer, Watermark.read(key, share))
    typer.echo(f"{found.green} of {found.places} different pairs of tokens are green; {share:.0%} would be by chance.")
    typer.echo(f"z = {found.z_score:.2f}; without the mark a text is so green with probability {found.p_value:.2g}.")


def _adapter(value: str) -> "Adapter":
    """NAME=PATH, or NAME@MODEL=PATH."""
    from openbook.serve.settings import Adapter

    names, equals, path = value.partition("=")
    name, _, base = names.partition("@")
    if not (name and equals and path):
        raise OpenbookError(f"--adapter {value}: write NAME=PATH, or NAME@MODEL=PATH.")
    return Adapter(name=name, path=Path(path), base=base or None)


def _upstream(url: str | None, key: Path | None) -> "Upstream | None":
    from openbook.serve.settings import Upstream

    if url is None:
        if key is not None:
            raise OpenbookError("--upstream-key-file is for --upstream.")
        return None
    if not url.startswith(("http://", "https://")):
        raise OpenbookError(f"--upstream {url}: write an address such as http://127.0.0.1:8000/v1.")
    return Upstream(url=url, key=key)
