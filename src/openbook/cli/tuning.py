"""The verb that makes a model yours: tune."""

from pathlib import Path
from typing import Annotated, Any

import typer

from openbook import progress
from openbook.cli.app import Cache, Json, Quiet, app, console, print_json
from openbook.cli.surroundings import prepare_surroundings


@app.command()
def tune(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A tuning recipe (TOML).")],
    run: Annotated[
        Path | None, typer.Option("--run", metavar="FOLDER", help="Where the tuned model goes. Default: runs/NAME.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Check data and template; train nothing.")] = False,
    cache: Cache = Path(".cache"),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fine-tune a model on your own data: checked first, measured in every language before and after."""
    prepare_surroundings(cache)
    from openbook import compute, tuning
    from openbook.context import Context
    from openbook.tune import load
    from openbook.tune.artifact import STEP

    loaded, base = load(recipe), recipe.resolve().parent
    folder = run or Path("runs") / loaded.name
    context = Context(compute.local(1), progress.for_terminal(quiet=quiet, json_lines=as_json), cache.resolve())
    if check:
        facts = tuning.check(loaded, base, context)
        if as_json:
            print_json(facts)
        return
    tuning.run(loaded, base, folder, context)
    facts = tuning.shown(folder)
    if as_json:
        print_json({"folder": str(folder / STEP), **facts})
    elif not quiet:
        show(folder / STEP, facts)


def show(folder: Path, facts: dict[str, Any]) -> None:
    """What was made, and what is to be known of it."""
    base, told, languages = facts["base"], facts["compute"], facts["languages"]
    out = console()
    method = " with ".join(part for part in (facts["method"]["kind"], facts["method"]["adapter"]) if part != "none")
    out.print(f"{facts['name']}: {method}, from {base['name']} (license: {base['license']})", soft_wrap=True)
    share = told["share"] if isinstance(told["share"], str) else f"{told['share']:.2%}"
    share = "less than 0.01%" if share == "0.00%" else share
    out.print(f"computing: {told['flops']:.3g} operations, share of the base's training: {share}", soft_wrap=True)
    for name in ("lost", "gained"):
        codes = languages[name]
        out.print(
            f"languages {name}: {codes if isinstance(codes, str) else ', '.join(codes) or 'none'}", soft_wrap=True
        )
    for name in ("model", "adapter", "adapter.gguf"):
        if (folder / name).exists():
            out.print(f"  {folder / name}", soft_wrap=True)
    for path in sorted(folder.glob("model-*.gguf")):
        out.print(f"  openbook serve {path}", soft_wrap=True)
