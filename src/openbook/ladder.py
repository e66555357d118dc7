"""How a ladder is run: small members of the recipe's family, on its corpus, tokenizer and tokens, one after another.

A rung is a run of its own in `ladder/<depth>/` of the recipe's run; the steps before training are those of the run.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist

from openbook import pipeline
from openbook.books import store
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.evaluate.artifact import Evaluation
from openbook.evaluate.gates import Gates
from openbook.model import ModelSettings, TransformerConfig, family
from openbook.recipe import Recipe
from openbook.step import difference, execute
from openbook.tokenizer import Tokenizer
from openbook.train import TrainSettings
from openbook.train.ladder import Ladder, Rung, checked, predict
from openbook.train.ladder_page import write_page

SHARED = ("parallel", "corpus", "tokenizer", "tokens")
"""Steps of the run that every rung reads."""
FOLDER, RESULT, PAGE = "ladder", "ladder.json", "ladder.html"


def run(recipe: Recipe, base: Path, run_folder: Path, context: Context, depths: Sequence[int] | None = None) -> Ladder:
    """Train and evaluate the rungs, or take those that are up to date; write ladder.json and ladder.html beside them.

    Raises OpenbookError for a recipe that starts from other weights, and for fewer than two depths.
    """
    chosen = checked(depths or recipe.ladder.depths)
    if len(chosen) < 2:
        raise OpenbookError("A ladder needs two depths at least, and four to tell its exponent, such as 2 3 4 6.")
    if recipe.train.initial is not None:
        raise OpenbookError("A ladder is of models trained from nothing: this recipe starts from train.initial.")
    pipeline.run(recipe, base, run_folder, context, until="tokens")
    vocabulary = Tokenizer.open(run_folder / "tokenizer").vocabulary_size
    rungs = []
    for number, depth in enumerate(chosen, 1):
        context.progress.say(f"Rung {number} of {len(chosen)}: depth {depth}")
        member = rung_recipe(recipe, depth)
        folder = run_folder / FOLDER / str(depth)
        climb(member, base, run_folder, folder, context)
        rungs.append(result(member, depth, folder, vocabulary))
    own = recipe.model.config(vocabulary, 0)
    flops, tokens = training_flops(own, recipe.train), total_tokens(recipe.train)
    ladder = predict(rungs, own.matrix_parameters, flops, recipe.ladder.confidence, tokens)
    content = json.dumps(ladder.as_dict(), indent=1, sort_keys=True, ensure_ascii=False)
    store.write_bytes(run_folder / FOLDER / RESULT, content.encode() + b"\n")
    write_page(run_folder / FOLDER / PAGE, recipe.name, ladder)
    return ladder


def rung_recipe(recipe: Recipe, depth: int) -> Recipe:
    """The recipe of one rung: another depth, tokens in the same proportion to the weights, and the batch that follows
    from them; rows as long, rates and all else as the recipe has it. Gates are for the model itself."""
    kept = {name: getattr(recipe.model, name) for name in ("context", "rope_theta", "tied")}
    model = ModelSettings.model_validate({"depth": depth, **kept})
    own = recipe.train
    ratio = recipe.ladder.tokens_per_parameter
    if ratio is None:
        ratio = total_tokens(own) / recipe.model.config(1, 0).matrix_parameters
    tokens = max(1, round(ratio * model.config(1, 0).matrix_parameters))
    changes = {
        "steps": None,
        "tokens": tokens,
        "tokens_per_parameter": ratio,
        "batch_rows": max(1, min(own.batch_rows, family.batch_tokens(tokens) // own.sequence)),
        "micro_rows": None,
    }
    train = TrainSettings.model_validate(own.model_dump() | changes)
    train = train.model_copy(update={"checkpoint_every": train.total_steps})
    evaluate = recipe.evaluate.model_copy(update={"gates": Gates()})
    return recipe.model_copy(update={"model": model, "train": train, "evaluate": evaluate})


def climb(recipe: Recipe, base: Path, run_folder: Path, folder: Path, context: Context) -> None:
    """Bring the training and the evaluation of a rung up to date."""
    folder.mkdir(parents=True, exist_ok=True)
    with store.lock(folder):
        for name in SHARED:
            link = folder / name
            if not link.is_symlink():
                link.symlink_to(Path("..", "..", name), target_is_directory=True)
        for step in pipeline.steps(recipe, base):
            if step.name not in ("model", "evaluation"):
                continue
            store.recover(folder / step.name)
            if difference(step, folder):
                execute(step, folder, context)


def result(recipe: Recipe, depth: int, folder: Path, vocabulary: int) -> Rung:
    """What a finished rung reached, from its evaluation."""
    config = recipe.model.config(vocabulary, 0)
    rows = Evaluation.open(folder / "evaluation").bits["languages"]
    width = 2 * NormalDist().inv_cdf((1 + recipe.evaluate.confidence) / 2)
    return Rung(
        depth,
        config.matrix_parameters,
        total_tokens(recipe.train),
        training_flops(config, recipe.train),
        {code: row["bits_per_byte"] for code, row in rows.items()},
        {code: (row["high"] - row["low"]) / width for code, row in rows.items() if row["low"] is not None},
    )


def total_tokens(settings: TrainSettings) -> int:
    """Tokens that a run trains on, repeated ones counted each time."""
    return settings.total_steps * settings.batch_rows * settings.sequence


def training_flops(config: TransformerConfig, settings: TrainSettings) -> float:
    """Operations of a whole run, as the shape of the model gives them for a token."""
    return config.training_flops(settings.sequence) * total_tokens(settings)
