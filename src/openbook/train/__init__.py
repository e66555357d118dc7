"""Training: tokens in an order that is a pure function, weights that can be computed again to the bit.

`run` imports torch when it is called, so that the command line starts quickly.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from openbook.books.record import Outcome
from openbook.context import Context
from openbook.model.checkpoint import FinalModel
from openbook.model.settings import ModelSettings
from openbook.train.batches import Batches
from openbook.train.canaries import CANARY, Canary, CanarySettings
from openbook.train.goldfish import Goldfish
from openbook.train.order import Draw, Order, Sighting
from openbook.train.settings import VERSION, Stage, TrainSettings

if TYPE_CHECKING:
    from openbook.train.batches import TokenSource
    from openbook.train.session import TokenizerFacts

__all__ = [
    "CANARY",
    "VERSION",
    "Batches",
    "Canary",
    "CanarySettings",
    "Draw",
    "FinalModel",
    "Goldfish",
    "ModelSettings",
    "Order",
    "Sighting",
    "Stage",
    "TrainSettings",
    "run",
]


def run(
    model: ModelSettings,
    settings: TrainSettings,
    tokenizer: "TokenizerFacts",
    tokens: "TokenSource",
    work: Path,
    context: Context,
    initial: Path | None = None,
) -> Outcome:
    """Train a model, from the weights in the folder `initial` where the settings name any; see
    `openbook.train.session`."""
    # Read by OpenMP when torch is first imported. Its threads otherwise spin while they wait for each other, and on a
    # machine with other work each then burns the time that the other needs: 4 to 20 times slower, measured.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from openbook.train.session import run

    return run(model, settings, tokenizer, tokens, work, context, initial=initial)
