"""The verbs about training: ladder, replay, curves, launch."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from openbook import progress
from openbook.cli.app import Cache, Json, Quiet, RunFolder, Runs, app, print_json
from openbook.cli.surroundings import prepare_surroundings


@app.command()
def ladder(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe (TOML).")],
    more: Annotated[list[int] | None, typer.Argument(metavar="[DEPTH]...", help="Further depths.")] = None,
    depths: Annotated[
        list[int] | None, typer.Option(help="Layers of the small runs, as --depths 2 3 4 6. Default: the recipe's.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; never decides the result. Default: cores.")
    ] = None,
    runs: Runs = Path("runs"),
    cache: Cache = Path(".cache"),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train small models of the recipe's family and predict, by a power law, what its own size would reach."""
    prepare_surroundings(cache)
    from openbook import compute
    from openbook.context import Context
    from openbook.ladder import FOLDER, PAGE
    from openbook.ladder import run as climb
    from openbook.recipe import load

    loaded, base = load(recipe), recipe.resolve().parent
    shown = progress.for_terminal(quiet=quiet, json_lines=as_json)
    context = Context(compute.local(workers or len(os.sched_getaffinity(0))), shown, cache.resolve())
    found = climb(loaded, base, runs / loaded.name, context, [*(depths or ()), *(more or ())] or None)
    if as_json:
        print_json(found.as_dict())
        return
    for rung in found.rungs:
        typer.echo(f"depth {rung.depth:<3} {rung.parameters:>14,} weights  {rung.mean:.4f} bits per byte")
    wanted = found.prediction
    typer.echo(
        f"predicted {wanted.parameters:>12,} weights  {wanted.value:.4f} bits per byte "
        f"({wanted.low:.4f} to {wanted.high:.4f}, {found.confidence:.0%} interval of the law; one run scatters more)"
    )
    law, (low, high) = found.over_parameters.law, found.over_parameters.exponents(found.confidence)
    typer.echo(
        f"the law: {law.floor:.3f} + {law.scale:.4g} x weights^-{law.exponent:.3f} (exponent {low:.2f} to {high:.2f}); "
        f"runs lie {found.over_parameters.scatter:.1%} off it"
    )
    for warning in found.warnings:
        typer.echo(f"Beware: {warning}")
    typer.echo(f"The curves: {runs / loaded.name / FOLDER / PAGE}")


@app.command()
def replay(
    run: RunFolder,
    first: Annotated[int, typer.Argument(min=0, metavar="FROM", help="Steps of the first checkpoint; 0: the seed.")],
    last: Annotated[int, typer.Argument(min=1, metavar="TO", help="Steps of the last.")],
    threads: Annotated[int | None, typer.Option(min=1, help="Never decides the result. Default: cores.")] = None,
    initial: Annotated[
        Path | None, typer.Option(help="Folder of the weights that the run started from, for FROM = 0.")
    ] = None,
    cache: Cache = Path(".cache"),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Rerun the training steps between two published checkpoints; exit code 1 when a bit differs."""
    prepare_surroundings(cache)
    from openbook import compute
    from openbook.context import Context
    from openbook.tokenizer import TokenizedCorpus, Tokenizer
    from openbook.train.replay import replay as rerun

    shown = progress.for_terminal(quiet=quiet, json_lines=as_json)
    context = Context(compute.local(threads or len(os.sched_getaffinity(0))), shown, cache.resolve())
    tokenizer, tokens = Tokenizer.open(run / "tokenizer"), TokenizedCorpus.open(run / "tokens")
    found = rerun(run, first, last, tokenizer, tokens, context, initial)
    if as_json:
        print_json({"agrees": found.agrees, **found.__dict__})
    else:
        typer.echo(found.sentence())
    if not found.agrees:
        sys.exit(1)


@app.command()
def curves(
    run: RunFolder,
    tensorboard: Annotated[Path | None, typer.Option(help="Write TensorBoard's event files into this folder.")] = None,
    as_json: Json = False,
) -> None:
    """How the training of a run goes or went: its last step, its jumps, its page; also for TensorBoard."""
    from openbook.train.curves import read, to_tensorboard

    found = read(run)
    if as_json:
        print_json(found.summary())
    else:
        typer.echo(found.sentence())
    if tensorboard is not None:
        count = to_tensorboard(found.rows, tensorboard)
        typer.echo(
            f"{tensorboard}: {count:,} figures; look at them with `tensorboard --logdir {tensorboard}`.", err=as_json
        )


@app.command()
def launch(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe (TOML).")],
    nodes: Annotated[int, typer.Option(min=1)] = 1,
    gpus: Annotated[int, typer.Option(min=0, help="Graphics processors of a node; a process for each.")] = 4,
    processes: Annotated[int, typer.Option(min=1, help="Of a node, with --gpus 0: on the processor.")] = 1,
    cores: Annotated[int, typer.Option(min=1, help="Processor cores for each of them.")] = 16,
    hours: Annotated[float, typer.Option(min=0.02)] = 24.0,
    partition: Annotated[str | None, typer.Option()] = None,
    sbatch: Annotated[list[str] | None, typer.Option(help="A further #SBATCH line; may be repeated.")] = None,
    setup: Annotated[list[str] | None, typer.Option(help="A shell line before the run; may be repeated.")] = None,
    argument: Annotated[list[str] | None, typer.Option(help="A further argument of `openbook run`.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the job script is written.")] = Path(),
    submit: Annotated[bool, typer.Option("--submit", help="Hand it to sbatch.")] = False,
) -> None:
    """Write the Slurm job that runs a recipe with torchrun on many nodes, and submit it."""
    from openbook.recipe import load
    from openbook.train.launch import Job
    from openbook.train.launch import launch as write

    job = Job(
        recipe,
        load(recipe).name,
        nodes,
        gpus,
        cores,
        hours,
        partition,
        tuple(sbatch or ()),
        tuple(setup or ()),
        processes,
        tuple(argument or ()),
    )
    path, answer = write(job, folder, submit)
    typer.echo(answer or f"{path}: submit it with `sbatch {path}`; submitted again, it goes on where it stopped.")
