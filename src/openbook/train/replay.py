"""Do the published weights come out again? Reruns the steps between two checkpoints of a run and compares every bit."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from openbook import compute
from openbook.books.record import read_record
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.model.checkpoint import WEIGHTS, FinalModel, read_state
from openbook.model.origin import Origin
from openbook.model.settings import ModelSettings
from openbook.model.threads import torch_threads
from openbook.train.batches import TokenSource
from openbook.train.muon import whole
from openbook.train.processes import Processes
from openbook.train.session import TokenizerFacts, build
from openbook.train.settings import TrainSettings
from openbook.train.state import OPTIMIZER, STATE, Saved


@dataclass(frozen=True)
class Replay:
    """What came out of rerunning the steps [first, last)."""

    first: int
    last: int
    differing: tuple[str, ...]
    """Weights whose bits are not the published ones."""
    largest: float
    """Largest difference of a single weight."""
    losses: int
    """Steps whose loss is not the logged one."""
    arithmetic: tuple[str, ...]
    """How this machine computes otherwise than the run did: `instructions: avx2 -> avx512f`."""

    @property
    def agrees(self) -> bool:
        return not self.differing and not self.losses

    def sentence(self) -> str:
        steps = f"Steps {self.first} to {self.last - 1}"
        if self.agrees:
            return f"{steps} were run again: every bit of the weights and every loss agrees."
        why = (
            f" This machine computes otherwise than the run did ({'; '.join(self.arithmetic)}), which alone changes "
            "the last bits."
            if self.arithmetic
            else " The arithmetic is the recorded one: the checkpoints, the tokens or the program were changed."
        )
        return (
            f"{steps} were run again: {len(self.differing)} weight tensors differ (largest difference "
            f"{self.largest:.3g}), {self.losses} losses differ.{why}"
        )


def replay(
    run_folder: Path,
    first: int,
    last: int,
    tokenizer: TokenizerFacts,
    tokens: TokenSource,
    context: Context,
    initial: Path | None = None,
) -> Replay:
    """Rerun from the checkpoint after `first` steps (0: from the seed) to the one after `last` of a run's model.

    `initial`: the folder that the run's weights came from, needed where it began with another model's and `first` is 0.
    Raises OpenbookError when there is no such checkpoint, or the first has no optimizer state any more.
    """
    folder = run_folder / "model"
    settings_of_record = read_record(folder).settings
    model_settings = ModelSettings.model_validate(settings_of_record["model"])
    settings = TrainSettings.model_validate(settings_of_record["train"])
    start, end = _published(folder, first), _published(folder, last)
    if end is None or first >= last:
        raise OpenbookError(f"{folder} has no checkpoint after step {last} that step {first} leads to.")
    if start is not None and not (start.folder / OPTIMIZER).exists():
        able = [saved.step for saved in _all(folder) if (saved.folder / OPTIMIZER).exists() and saved.step < last]
        raise OpenbookError(
            f"The checkpoint after step {first} has no optimizer state any more; a replay can begin at step "
            f"{', '.join(map(str, [0, *able]))}. Raise `keep` to keep more of them."
        )
    recorded = _arithmetic(end, last)
    settings_now = settings.model_copy(update={"compile": recorded["compiled"]})
    if settings.initial is not None and start is not None:  # shape and names are all that is needed of it
        initial = start.folder
        settings_now = settings_now.model_copy(update={"initial": Origin.open(initial).digest})
    with torch_threads(compute.threads(context.engine)):
        work = context.cache / "replay"
        loop = build(model_settings, settings_now, tokenizer, tokens, work, context, Processes(), initial)
        if start is not None:
            start.restore(loop.stepper.model, loop.stepper.optimizer)
        # The steps as they were run in the end: what a later roll-back left out is left out from the start.
        loop.stepper.watch.restore(end.state().get("watch", {}))
        loop.stepper.watch.restore(start.state().get("watch", {}) if start else {}, keep_roll_backs=True)
        log = FinalModel.open(folder).log()
        if len(log) < last or any("loss" not in row for row in log[first:last]):
            raise OpenbookError(f"{folder / 'log.jsonl'} does not tell the loss of every step up to {last}.")
        losses = 0
        with context.progress.task("replaying", last - first, "steps") as bar:
            for step in range(first, last):
                losses += loop.stepper.run(step).row(0)["loss"] != log[step]["loss"]
                bar.advance()
        names = [name for name, _ in loop.stepper.model.named_parameters()]
        differing, largest = _compare(loop.stepper.model, end.tensors(WEIGHTS, names))
    now = loop.arithmetic.facts()
    changed = tuple(f"{name}: {recorded[name]} -> {now[name]}" for name in now if now[name] != recorded.get(name))
    return Replay(first, last, differing, largest, losses, changed)


def _compare(model: torch.nn.Module, published: Mapping[str, torch.Tensor]) -> tuple[tuple[str, ...], float]:
    differing, largest = [], 0.0
    for name, weight in model.named_parameters():
        ours, theirs = whole(weight.detach()).cpu(), published[name]
        if not torch.equal(ours, theirs):
            differing.append(name)
            largest = max(largest, float((ours - theirs).abs().max()))
    return tuple(differing), largest


def _published(folder: Path, step: int) -> Saved | None:
    """The checkpoint after so many steps; None for the start of a run, which the seed decides."""
    found = next((saved for saved in _all(folder) if saved.step == step), None)
    if found is None and step:
        there = ", ".join(str(saved.step) for saved in _all(folder))
        raise OpenbookError(f"{folder} has no checkpoint after step {step}; there are those after {there}.")
    return found


def _all(folder: Path) -> list[Saved]:
    paths = FinalModel.open(folder).checkpoints
    return [Saved(path, read_state(path / STATE)["step"]) for path in paths]


def _arithmetic(saved: Saved, step: int) -> dict[str, Any]:
    """The arithmetic recorded for the steps before `step`."""
    told = saved.state().get("arithmetic")
    parts = [part for part in told if part["from"] < step] if isinstance(told, list) else []
    if not parts:
        raise OpenbookError(
            f"{saved.folder / STATE} is damaged: it does not say how steps before {step} were computed."
        )
    return {name: value for name, value in parts[-1].items() if name != "from"}
