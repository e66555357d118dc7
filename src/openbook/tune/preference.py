"""Direct preference optimization (Rafailov et al. 2023): TRL's trainer on pairs that are ids already."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from openbook.context import Context
from openbook.tune import training
from openbook.tune.mask import Preference
from openbook.tune.settings import MethodSettings
from openbook.tune.template import Chat
from openbook.tune.training import Plan

REFERENCE = 4 / 3
"""Training a token and computing it once more, forward, over training it."""


def train(
    model: Any,
    reference: Callable[[], Any],
    chat: Chat,
    rows: Sequence[Preference],
    validation: Sequence[Preference],
    settings: MethodSettings,
    work: Path,
    context: Context,
) -> dict[str, Any]:
    """Train `model` in place. `reference` loads the base once more, where no adapter can be switched off instead."""
    import trl
    from datasets import Dataset

    library: Any = trl

    class Trainer(training.silent(library.DPOTrainer)):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    plan = Plan.of(settings, [_tokens(row) for row in rows], len(validation))
    taken = rows[: 2 * (settings.micro_batch or settings.batch)]
    halves = [taken[0::2], taken[1::2] or taken[0::2]]
    batches = [training.padded([pair for row in half for pair in _sequences(row)], chat.pad) for half in halves]
    estimate = training.say_estimate(context, settings, plan, training.seconds(model, batches), REFERENCE)
    trainer = Trainer(
        model=model,
        ref_model=reference() if settings.adapter == "none" else None,
        args=training.arguments(library.DPOConfig, settings, plan, work, max_length=None, beta=settings.beta),
        train_dataset=Dataset.from_list([_columns(row) for row in rows]),
        eval_dataset=Dataset.from_list([_columns(row) for row in validation]) if validation else None,
        processing_class=chat.tokenizer,
    )
    found = training.drive(trainer, plan, settings, work, context)
    counts = {"rows": plan.rows, "steps": plan.steps, "tokens": plan.trained(settings)}
    return found | counts | {"estimated_seconds": round(estimate, 1)}


def _tokens(row: Preference) -> int:
    return 2 * len(row.prompt) + len(row.chosen) + len(row.rejected)


def _sequences(row: Preference) -> list[tuple[list[int], list[int]]]:
    whole = [row.prompt + answer for answer in (row.chosen, row.rejected)]
    return [(ids, ids) for ids in whole]


def _columns(row: Preference) -> dict[str, list[int]]:
    return {"prompt_ids": row.prompt, "chosen_ids": row.chosen, "rejected_ids": row.rejected}
