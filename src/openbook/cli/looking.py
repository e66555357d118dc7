"""The verbs that look into a corpus: report, find."""

from pathlib import Path
from typing import Annotated, Any

import typer

from openbook.cli.app import Json, RunFolder, app, print_json
from openbook.errors import OpenbookError

report = typer.Typer(help="Make a page to look at from what a run has made.", no_args_is_help=True)
app.add_typer(report, name="report")


@report.command("corpus")
def report_corpus(
    run: RunFolder,
    out: Annotated[Path | None, typer.Option(help="File to write. Default: RUN/corpus-report.html.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """What was read, kept and dropped, by language and rule, with samples: one HTML file that asks for no other."""
    from openbook.corpus.page import report_of

    path = out or run / "corpus-report.html"
    report_of(run / "corpus", path)
    typer.echo(str(path))
    if show:
        typer.launch(str(path))


@app.command()
def find(
    run: Annotated[list[Path] | None, typer.Argument(metavar="[RUN]...", help="Folders of runs.")] = None,
    url: Annotated[str | None, typer.Option(help="An address.")] = None,
    domain: Annotated[str | None, typer.Option(help="A host, and all hosts below it.")] = None,
    text: Annotated[str | None, typer.Option(help="A text, or a passage of 25 words or more.")] = None,
    id: Annotated[str | None, typer.Option(help="A document's id, or the first six or more of its digits.")] = None,
    runs: Annotated[Path | None, typer.Option("--runs", help="Search all runs in this folder.")] = None,
    most: Annotated[int, typer.Option(min=1, help="Pages to print of each run; all are counted.")] = 10,
    as_json: Json = False,
) -> None:
    """Where an address, a site, a text or a document is: kept or dropped and why, trained on when, released or not."""
    from openbook.corpus.find import Finder
    from openbook.trace.standing import standing

    asked = {"url": url, "domain": domain, "text": text, "id": id}
    given = [(kind, value) for kind, value in asked.items() if value is not None]
    if len(given) != 1:
        raise OpenbookError("find asks one thing at a time: give one of --url, --domain, --text and --id.")
    [(kind, value)] = given
    told: dict[str, Any] = {}
    for folder in _folders(run or [], runs):
        finder = Finder.open(folder / "corpus")
        answer = getattr(finder, f"by_{kind}")(value, most)
        places = standing(folder, [(page.id, page.split) for page in answer.pages])
        if as_json:
            pages = [{**page.as_dict(), **place.as_dict()} for page, place in zip(answer.pages, places, strict=True)]
            told[str(folder)] = {**answer.__dict__, "pages": pages}
        else:
            typer.echo(_told(folder, answer, places))
    if as_json:
        print_json(told)


def _folders(named: list[Path], runs: Path | None) -> list[Path]:
    """The runs to search. Raises OpenbookError when there is none."""
    found = [*named, *(sorted(path.parents[1] for path in runs.glob("*/corpus/index.json")) if runs else ())]
    if not found:
        raise OpenbookError("find needs a run's folder, such as runs/first-light, or --runs with a folder of runs.")
    return found


def _told(folder: Path, answer: Any, places: list[Any]) -> str:
    from openbook.trace.standing import describe

    if not answer.total:
        return "\n".join([f"{folder}: nothing was read that answers to this.", *([answer.note] if answer.note else ())])
    counts = ", ".join(f"{count:,} {verdict}" for verdict, count in answer.verdicts.items())
    lines = [f"{folder}: {answer.total:,} {'page' if answer.total == 1 else 'pages'} ({counts})"]
    for page, place in zip(answer.pages, places, strict=True):
        lines += ["", describe(page, place)]
    if answer.total > len(answer.pages):
        lines += ["", f"{answer.total - len(answer.pages):,} more: --most prints more of them."]
    return "\n".join([*lines, *([answer.note] if answer.note else ())]) + "\n"
