"""Reinforcement by verifiable rewards: TRL's GRPO on the rewards of the recipe, each part logged.

Every step draws its own answers, so a checkpoint lies between two draws: a killed tuning goes on with the same
answers that it would have drawn.
"""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.books.chance import generator
from openbook.books.store import sync, write_bytes
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.tune import training
from openbook.tune.reinforce_settings import GrpoSettings
from openbook.tune.rewards import CodeSettings, Part, check_rows
from openbook.tune.rewards import parts as made_ready

if TYPE_CHECKING:
    from datasets import Dataset

LOGGED = {
    "reward": "reward",
    "reward_std": "reward_std",
    "frac_reward_zero_std": "groups_without_spread",
    "completions/mean_length": "answer_tokens",
    "completions/clipped_ratio": "cut_answers",
    "entropy": "entropy",
    "kl": "kl",
    "loss": "loss",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
}
"""TRL's name -> ours."""
RESERVED = ("completions", "completion_ids", "trainer_state", "log_extra", "log_metric", "images", "image", "tools")
TRIED = 8
"""Tokens of each answer that are drawn to tell how long a step takes."""


def reinforce(
    model: Any, tokenizer: Any, rows: Sequence[Mapping[str, Any]], settings: GrpoSettings, work: Path, context: Context
) -> dict[str, Any]:
    """Train `model` (of transformers, with or without an adapter of PEFT) in place.

    `rows`: `prompt` as messages or text, and the columns that the rewards read. Returns `log` (a row for each step:
    the sum, each part as `rewards/NAME`, loss, length), `steps`, `tokens` (asked and answered), `seconds`,
    `estimated_seconds`, `from_step`, and `isolation` where code was run. Goes on from a checkpoint in `work`.

    Raises OpenbookError for rows that lack what a reward needs, before anything is drawn.
    """
    from transformers import PrinterCallback

    rewards = made_ready(settings.parts)
    if not rows:
        raise OpenbookError("there is no prompt to answer.")
    check_rows(rewards, rows)
    isolation = _isolation(settings)
    if isolation:
        context.progress.say(f"code of the model runs shut in: {isolation}")
    estimate = _estimate(model, tokenizer, rows, settings)
    context.progress.say(
        f"{settings.steps:,} steps of {settings.prompts} prompts with {settings.answers} answers each: at most "
        f"{training.spoken(estimate)} on this machine"
    )
    start = training.newest(work)
    trainer = _trainer(model, tokenizer, rows, settings, rewards, work)
    trainer.remove_callback(PrinterCallback)
    began = time.monotonic()
    with context.progress.task("Reinforce", total=settings.steps, unit="steps") as bar:
        trainer.add_callback(_watcher(bar))
        trainer.train(resume_from_checkpoint=str(start) if start else None)
    if "ref" in getattr(model, "peft_config", {}):
        model.delete_adapter("ref")
    log = _log(trainer.state.log_history, rewards)
    found = {
        "log": log,
        "steps": trainer.state.global_step,
        "tokens": int(trainer.state.num_input_tokens_seen),
        "seconds": round(time.monotonic() - began, 1),
        "estimated_seconds": round(estimate, 1),
        "from_step": int(start.name.rpartition("-")[2]) if start else 0,
    }
    return found | ({"isolation": isolation} if isolation else {})


def _isolation(settings: GrpoSettings) -> str:
    """What code of the model is kept from; empty where none is run."""
    modes = sorted({one.sandbox for one in settings.parts if isinstance(one, CodeSettings)})
    if not modes:
        return ""
    from openbook.tune.rewards.sandbox.isolation import isolation

    return " ".join(isolation(mode).holds for mode in modes)


def _trainer(
    model: Any,
    tokenizer: Any,
    rows: Sequence[Mapping[str, Any]],
    settings: GrpoSettings,
    rewards: Sequence[Part],
    work: Path,
) -> Any:
    import torch
    import trl

    library: Any = trl
    drawn = settings.prompts * settings.answers
    micro = settings.micro_batch or drawn
    gpu = torch.cuda.is_available()
    arguments = library.GRPOConfig(
        output_dir=str(work / training.CHECKPOINTS),
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=drawn // micro,
        steps_per_generation=drawn // micro,
        num_iterations=1,
        shuffle_dataset=False,
        num_generations=settings.answers,
        max_completion_length=settings.longest_answer,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=0,
        max_steps=settings.steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=math.ceil(settings.warmup * settings.steps),
        max_grad_norm=settings.clip,
        beta=settings.beta,
        scale_rewards=settings.scale,
        loss_type=settings.loss,
        mask_truncated_completions=not settings.cut_answers,
        reward_weights=[part.weight for part in rewards],
        optim="adamw_torch",
        logging_steps=1,
        save_strategy="steps",
        save_steps=settings.checkpoint_every,
        save_total_limit=2,
        seed=settings.seed,
        data_seed=settings.seed,
        gradient_checkpointing=False,
        bf16=gpu,
        use_cpu=not gpu,
        dataloader_pin_memory=gpu,
        report_to="none",
        disable_tqdm=True,
    )
    return training.silent(library.GRPOTrainer)(
        model=model,
        reward_funcs=[part.reward for part in rewards],
        args=arguments,
        train_dataset=_dataset(rows).select(_order(len(rows), settings)),
        processing_class=tokenizer,
    )


def _order(rows: int, settings: GrpoSettings) -> list[int]:
    """Which rows are asked, for all steps: each once before any comes again. One long pass for the trainer, which
    deals a second one anew when it goes on from a checkpoint."""
    asked = settings.steps * settings.prompts
    passes = [generator(settings.seed, "tune/reinforce", at).permutation(rows) for at in range(math.ceil(asked / rows))]
    return [int(row) for one in passes for row in one][:asked]


def _dataset(rows: Sequence[Mapping[str, Any]]) -> "Dataset":
    from datasets import Dataset
    from pyarrow import ArrowException

    taken = sorted({column for row in rows for column in row} & set(RESERVED))
    if taken:
        raise OpenbookError(f"the column {taken[0]!r} has a meaning of its own to the trainer; give it another name.")
    columns = sorted({column for row in rows for column in row})
    try:
        return Dataset.from_dict({column: [row.get(column) for row in rows] for column in columns})
    except (ArrowException, TypeError, ValueError) as error:
        raise OpenbookError(f"a column of the data holds values of several kinds ({error}).") from None


def _estimate(model: Any, tokenizer: Any, rows: Sequence[Mapping[str, Any]], settings: GrpoSettings) -> float:
    """Seconds, if every answer is as long as it may be: a few tokens are drawn, and one batch is learned from.

    The model and the state of chance are left as they were.
    """
    import torch

    prompts = [_ids(tokenizer, row["prompt"]) for row in rows[: settings.prompts]]
    width = max(len(ids) for ids in prompts)
    padded = [[*[0] * (width - len(ids)), *ids] for ids in prompts for _ in range(settings.answers)]
    seen = [[*[0] * (width - len(ids)), *[1] * len(ids)] for ids in prompts for _ in range(settings.answers)]
    ids = torch.tensor(padded, device=model.device)
    state = torch.get_rng_state()
    learning = model.training
    length = min(TRIED, settings.longest_answer)
    model.eval()
    with torch.no_grad():
        began = time.monotonic()
        model.generate(
            input_ids=ids,
            attention_mask=torch.tensor(seen, device=model.device),
            min_new_tokens=length,
            max_new_tokens=length,
            do_sample=False,
            pad_token_id=tokenizer.eos_token_id,
        )
        drawing = (time.monotonic() - began) / length * settings.longest_answer
    model.train(learning)
    micro = settings.micro_batch or len(padded)
    row = torch.ones((min(micro, 2), width + settings.longest_answer), dtype=torch.long, device=model.device)
    learned = training.seconds(model, [{"input_ids": row, "labels": row}]) * row.shape[1] * len(padded)
    torch.set_rng_state(state)
    return settings.steps * (drawing + learned)


def _ids(tokenizer: Any, prompt: Any) -> list[int]:
    if isinstance(prompt, str):
        return list(tokenizer(prompt)["input_ids"])
    found = tokenizer.apply_chat_template(list(prompt), add_generation_prompt=True, return_dict=True)
    return list(found["input_ids"])


def _log(history: Sequence[Mapping[str, Any]], rewards: Sequence[Part]) -> list[dict[str, float]]:
    """A row for each step; the parts of the reward as `rewards/NAME`, before their weight."""
    names = LOGGED | {f"rewards/{part.name}/mean": f"rewards/{part.name}" for part in rewards}
    log = []
    for entry in history:
        told = {ours: float(f"{entry[name]:.6g}") for name, ours in names.items() if name in entry}
        if "reward" in told:
            log.append({"step": int(entry["step"]), **told})
    return log


def _watcher(bar: Any) -> Any:
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):
        """Moves the bar, shows the reward, and marks checkpoints that are whole."""

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            bar.update(state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "reward" in logs:
                bar.update(reward=f"{logs['reward']:.3f}")

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            for path in folder.rglob("*"):
                sync(path)
            write_bytes(folder / training.WHOLE, b"")

    return Watcher()
