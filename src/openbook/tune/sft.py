"""Supervised fine-tuning: TRL's trainer on rows that are ids and labels already."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openbook.context import Context
from openbook.tune import examples, training
from openbook.tune.mask import Row
from openbook.tune.settings import MethodSettings
from openbook.tune.template import Chat
from openbook.tune.training import Plan


def train(
    model: Any,
    chat: Chat,
    rows: Sequence[Row],
    validation: Sequence[Row],
    settings: MethodSettings,
    sequence: int,
    work: Path,
    context: Context,
) -> dict[str, Any]:
    """Train `model` in place. Returns steps, tokens, log, and what was measured."""
    import trl
    from datasets import Dataset

    library: Any = trl

    entries, checked = columns(rows, settings.packing, sequence), columns(validation, settings.packing, sequence)
    plan = Plan.of(settings, [len(entry["input_ids"]) for entry in entries], len(checked))
    taken = entries[:: max(1, len(entries) // (2 * settings.batch))][: 2 * (settings.micro_batch or settings.batch)]
    halves = [taken[0::2], taken[1::2] or taken[0::2]]
    batches = [training.padded([(one["input_ids"], one["labels"]) for one in half], chat.pad) for half in halves]
    estimate = training.say_estimate(context, settings, plan, training.seconds(model, batches), 1.0)
    trainer = training.silent(library.SFTTrainer)(
        model=model,
        args=training.arguments(
            library.SFTConfig,
            settings,
            plan,
            work,
            max_length=None,
            padding_free=settings.packing,
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
        train_dataset=Dataset.from_list(entries),
        eval_dataset=Dataset.from_list(checked) if checked else None,
        processing_class=chat.tokenizer,
    )
    found = training.drive(trainer, plan, settings, work, context)
    counts = {"rows": plan.rows, "steps": plan.steps, "tokens": plan.trained(settings)}
    return found | counts | {"estimated_seconds": round(estimate, 1)}


def columns(rows: Sequence[Row], packing: bool, sequence: int) -> list[dict[str, Any]]:
    """As TRL's collator takes them; packed rows with the lengths of what is in them."""
    if not packing:
        return [{"input_ids": row.ids, "labels": row.labels} for row in rows]
    return [
        {"input_ids": one.ids, "labels": one.labels, "seq_lengths": one.lengths}
        for one in examples.pack(rows, sequence)
    ]
