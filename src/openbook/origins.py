"""Which of other people's models a recipe builds on: their folders become digests, and a shape, in the record."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbook.model import ModelSettings
from openbook.model.origin import Origin
from openbook.recipe import Recipe
from openbook.tokenizer import TokenizerSettings
from openbook.train import TrainSettings


@dataclass(frozen=True)
class Origins:
    """A recipe's settings without paths, and the folders that those named."""

    tokenizer: TokenizerSettings
    tokenizer_folder: Path | None
    model: ModelSettings
    train: TrainSettings
    initial: Origin | None

    def settings(self) -> dict[str, Any]:
        """What the record of the training step holds: of other weights, the digest, the license and the shape."""
        asked: dict[str, Any] = {"model": self.model, "train": self.train}
        return asked | ({"initial": self.initial.facts()} if self.initial else {})


def resolve(recipe: Recipe, base: Path) -> Origins:
    """`base` is the folder that the recipe's paths are relative to. Raises OpenbookError for what is not there."""
    tokenizer, model, train = recipe.tokenizer, recipe.model, recipe.train
    folder = base / tokenizer.foreign if tokenizer.foreign is not None else None
    if folder is not None:
        from openbook.tokenizer.extend import digest

        if tokenizer.extend is not None:
            extend = tokenizer.extend.model_copy(update={"base": digest(folder)})
            tokenizer = tokenizer.model_copy(update={"extend": extend})
        else:
            tokenizer = tokenizer.model_copy(update={"taken": digest(folder)})
    initial = Origin.open(base / train.initial) if train.initial is not None else None
    if initial is not None:
        model, train = initial.settings, train.model_copy(update={"initial": initial.digest})
    return Origins(tokenizer, folder, model, train, initial)
