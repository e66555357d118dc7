"""The verb that helps to make a corpus: thresholds."""

from pathlib import Path
from typing import Annotated

import typer

from openbook.cli.app import Json, app, print_json
from openbook.errors import OpenbookError


@app.command()
def thresholds(
    sample: Annotated[
        list[str], typer.Argument(metavar="SAMPLE...", help="JSONL, Parquet or text files of good texts, or patterns.")
    ],
    language: Annotated[str, typer.Option(help="The language's code in the table, such as mt.")],
    profile: Annotated[str, typer.Option(help="Whose rules get bounds: web, documentation or messages.")] = "web",
    tail: Annotated[float, typer.Option(min=0, max=0.5, help="Share of the sample that a bound may reject.")] = 0.02,
    field: Annotated[str, typer.Option(help="Key of the text in a row.")] = "text",
    as_json: Json = False,
) -> None:
    """Derive a language's filter thresholds from good texts; prints TOML for the recipe."""
    from openbook.corpus.derive import derive_files
    from openbook.corpus.filter import PROFILES

    if profile not in PROFILES:
        raise OpenbookError(f"there is no profile {profile!r}; the profiles are {', '.join(PROFILES)}.")
    found = derive_files(tuple(sample), Path.cwd(), language, profile, tail, field)
    if as_json:
        bounds = {rule: one.model_dump(exclude_none=True) for rule, one in found.bounds.items()}
        print_json({"language": language, "derived": found.origin.model_dump(), "bounds": bounds})
    else:
        typer.echo(found.recipe(), nl=False)
