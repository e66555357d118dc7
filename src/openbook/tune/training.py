"""How TRL's trainers are driven: the same arguments for all, an estimate first, progress, checkpoints to go on from."""

import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbook.books.store import sync, write_bytes
from openbook.context import Context
from openbook.tune import loading
from openbook.tune.settings import MethodSettings

EPOCHS = 3.0
"""Where a recipe says neither epochs nor steps."""
CHECKPOINTS, WHOLE = "checkpoints", "whole"
"""The folder that a killed tuning goes on from, and the mark of a checkpoint that was written to its end."""
KEPT = ("loss", "eval_loss", "learning_rate", "grad_norm", "mean_token_accuracy", "eval_mean_token_accuracy")
PREFERRED = ("rewards/accuracies", "rewards/margins", "eval_rewards/accuracies", "eval_rewards/margins")


@dataclass(frozen=True)
class Plan:
    """How long a tuning is."""

    rows: int
    tokens: float
    """Tokens of a usual row."""
    steps: int
    validation: int = 0
    """Rows of the validation."""

    @classmethod
    def of(cls, settings: MethodSettings, lengths: Sequence[int], validation: int) -> "Plan":
        steps = settings.steps or max(1, math.ceil((settings.epochs or EPOCHS) * len(lengths) / settings.batch))
        return cls(len(lengths), sum(lengths) / len(lengths), steps, validation)

    def trained(self, settings: MethodSettings) -> int:
        """Tokens that all steps compute, each as often as it is read."""
        return round(self.tokens * settings.batch * self.steps)


def arguments(config: Any, settings: MethodSettings, plan: Plan, work: Path, **more: Any) -> Any:
    """What TRL is told: nothing is uploaded, nothing depends on the clock."""
    micro = settings.micro_batch or settings.batch
    checked = plan.validation > 0
    return config(
        output_dir=str(work / CHECKPOINTS),
        per_device_train_batch_size=micro,
        per_device_eval_batch_size=micro,
        gradient_accumulation_steps=settings.batch // micro,
        max_steps=plan.steps,
        learning_rate=settings.rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=math.ceil(settings.warmup * plan.steps),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.clip,
        optim="adamw_torch",
        logging_steps=1,
        save_strategy="steps",
        save_steps=settings.checkpoint_every,
        save_total_limit=2,
        eval_strategy="steps" if checked else "no",
        eval_steps=min(settings.evaluate_every, plan.steps) if checked else None,
        eval_on_start=checked and newest(work) is None,
        seed=settings.seed,
        data_seed=settings.seed,
        gradient_checkpointing=settings.recompute,
        bf16=loading.on_gpu(),
        use_cpu=not loading.on_gpu(),
        report_to="none",
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=loading.on_gpu(),
        **more,
    )


def silent(trainer: Any) -> Any:
    """The trainer without what TRL does beside training: telling its makers of it, and writing a model card."""

    def nothing(self: Any, *_: Any, **__: Any) -> None:
        return None

    return type(trainer.__name__, (trainer,), {"_send_telemetry": nothing, "create_model_card": nothing})


def newest(work: Path) -> Path | None:
    """The last whole checkpoint of a killed tuning; what was cut off in being written is deleted."""
    found = []
    for path in (work / CHECKPOINTS).glob("checkpoint-*"):
        if (path / WHOLE).exists():
            found.append(path)
        else:
            shutil.rmtree(path)
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def seconds(model: Any, batches: Sequence[Mapping[str, Any]]) -> float:
    """Seconds that a token takes to train, on the faster of some batches; the model is left as it was."""
    import torch

    state, best = torch.get_rng_state(), math.inf
    for batch in batches:
        inputs = {name: value.to(model.device) for name, value in batch.items()}
        started = time.monotonic()
        loss = model(**inputs, use_cache=False).loss
        loss.backward()
        loss.item()
        best = min(best, (time.monotonic() - started) / int(inputs["input_ids"].numel()))
    model.zero_grad(set_to_none=True)
    torch.set_rng_state(state)
    return best


def padded(rows: Sequence[tuple[Sequence[int], Sequence[int]]], pad: int) -> dict[str, Any]:
    """Ids and labels of rows as one batch [B, T]."""
    import torch

    width = max(len(ids) for ids, _ in rows)
    return {
        "input_ids": torch.tensor([[*ids, *[pad] * (width - len(ids))] for ids, _ in rows]),
        "labels": torch.tensor([[*labels, *[-100] * (width - len(labels))] for _, labels in rows]),
        "attention_mask": torch.tensor([[*[1] * len(ids), *[0] * (width - len(ids))] for ids, _ in rows]),
    }


def say_estimate(context: Context, settings: MethodSettings, plan: Plan, token_seconds: float, factor: float) -> float:
    """Tell how long it will take, before the first step. `factor`: what a method adds to training a token."""
    train = plan.trained(settings) * token_seconds * factor
    evaluations = 1 + plan.steps // min(settings.evaluate_every, plan.steps) if plan.validation else 0
    total = train + evaluations * plan.validation * plan.tokens * token_seconds * factor / 3
    context.progress.say(
        f"{plan.steps:,} steps of {settings.batch} rows, {plan.trained(settings):,} tokens: about {spoken(total)} on "
        f"this machine ({1 / token_seconds / factor:,.0f} tokens/s on two batches)"
    )
    return total


def spoken(total: float) -> str:
    if total < 90:
        return f"{max(1, round(total))} s"
    return f"{total / 60:.0f} min" if total < 5400 else f"{total / 3600:.1f} h"


def drive(trainer: Any, plan: Plan, settings: MethodSettings, work: Path, context: Context) -> dict[str, Any]:
    """Train to the end, from the last whole checkpoint where there is one. Returns the log and what was measured."""
    from transformers import PrinterCallback

    start = newest(work)
    trainer.remove_callback(PrinterCallback)
    started = time.monotonic()
    with context.progress.task("Tune", total=plan.steps, unit="steps") as bar:
        trainer.add_callback(_watcher(bar, plan.tokens * settings.batch, started))
        trainer.train(resume_from_checkpoint=str(start) if start else None)
    rows: dict[int, dict[str, float]] = {}
    for entry in trainer.state.log_history:
        told = {name: float(f"{entry[name]:.6g}") for name in (*KEPT, *PREFERRED) if name in entry}
        if told:
            rows.setdefault(int(entry["step"]), {}).update(told)
    log = [{"step": step, **rows[step]} for step in sorted(rows)]
    return {"log": log, "seconds": round(time.monotonic() - started, 1), "from_step": _step(start)}


def _step(checkpoint: Path | None) -> int:
    return int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0


def _watcher(bar: Any, step_tokens: float, started: float) -> Any:
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):
        """Moves the bar, and marks checkpoints that are whole."""

        first: int | None = None

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if self.first is None:
                self.first = state.global_step - 1
            speed = (state.global_step - self.first) * step_tokens / (time.monotonic() - started)
            bar.update(state.global_step, tokens_per_s=f"{speed:,.0f}")

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            shown = {"loss": "loss", "eval_loss": "validation"}
            bar.update(**{label: f"{logs[name]:.3f}" for name, label in shown.items() if name in (logs or {})})

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            for path in folder.rglob("*"):
                sync(path)
            write_bytes(folder / WHOLE, b"")

    return Watcher()
