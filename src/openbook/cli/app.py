"""What all verbs share: the application, the options they have in common, how they print."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from openbook import __version__

app = typer.Typer(
    help="Open language models whose books are open: from crawled pages to a served model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print JSON, for programs; progress as JSON lines on standard error.")
]
Runs = Annotated[Path, typer.Option("--runs", help="Folder that runs are kept in.")]
Cache = Annotated[Path, typer.Option("--cache", help="Folder for downloads; may be deleted.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, such as runs/first-light.")]


def console() -> Console:
    """Standard output; as wide as a table needs where it is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 110)


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1, default=str))


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"openbook {__version__}")
        raise typer.Exit
