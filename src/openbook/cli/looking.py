"""The verbs that look into what a run has made: report, find."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from openbook.cli.app import Json, RunFolder, app, console, print_json
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


@report.command("tokenizer")
def report_tokenizer(
    run: RunFolder,
    compare: Annotated[
        list[Path] | None, typer.Option(help="Another tokenizer.json, or the folder of one; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write. Default: RUN/tokenizer-report.html.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: Json = False,
) -> None:
    """What each language pays with the run's tokenizer, and would pay with others: tokens for the same content."""
    from openbook.corpus import Corpus
    from openbook.corpus.parallel import ParallelText
    from openbook.tokenizer import Tokenizer
    from openbook.tokenizer import compare as side_by_side

    path = out or run / "tokenizer-report.html"
    others = {_label(one): one for one in compare or ()}
    if len(others) < len(compare or ()):
        raise OpenbookError(
            "two of the tokenizers to compare with are called the same: put them in folders of other names."
        )
    corpus, parallel = Corpus.open(run / "corpus"), ParallelText.open(run / "parallel")
    found = side_by_side(Tokenizer.open(run / "tokenizer"), others, parallel, corpus, path)
    if as_json:
        print_json({name: prices.as_dict() for name, prices in found.items()})
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("tokens, English = 1", no_wrap=True)
    for name in found:
        table.add_column(name, justify="right", no_wrap=True)
    rows = {
        code: [one.relative_to_english for prices in found.values() for one in prices.prices if one.language == code]
        for code in sorted({one.language for prices in found.values() for one in prices.prices})
    }
    for code, prices_paid in rows.items():
        table.add_row(code, *("–" if value is None else f"{value:.2f}" for value in prices_paid))
    table.add_row("Gini", *("–" if one.gini is None else f"{one.gini:.3f}" for one in found.values()))
    console().print(table)
    typer.echo(f"page: {path}")
    if show:
        typer.launch(str(path))


def _label(path: Path) -> str:
    return path.resolve().parent.name if path.name == "tokenizer.json" else path.resolve().name


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
