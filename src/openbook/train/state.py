"""How a run is kept on disk while it goes on, and found again: checkpoints that appear whole, their optimizer state."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from openbook.books.store import atomic_path, sync
from openbook.errors import OpenbookError
from openbook.model.checkpoint import WEIGHTS, read_state, write_huggingface, write_json
from openbook.model.config import TransformerConfig
from openbook.model.transformer import Transformer
from openbook.train.muon import part, whole
from openbook.train.optimizer import Optimizer

OPTIMIZER, STATE = "training/optimizer.safetensors", "training/state.json"


def folder_name(step: int) -> str:
    """The folder of the checkpoint after so many steps."""
    return f"step-{step:06d}"


@dataclass(frozen=True)
class Saved:
    """A checkpoint that a run can go on from."""

    folder: Path
    step: int
    remedy: str = "Fetch or make it again."
    """What to do when it turns out to be damaged."""

    def state(self) -> dict[str, Any]:
        return read_state(self.folder / STATE)

    def tensors(self, name: str, needed: Iterable[str] = ()) -> dict[str, Tensor]:
        """Raises OpenbookError for a file that was changed after it was written, since it appeared whole."""
        try:
            found = load_file(self.folder / name)
        except (SafetensorError, OSError) as error:
            raise OpenbookError(f"{self.folder / name} is damaged ({error}). {self.remedy}") from None
        lacking = sorted(set(needed) - set(found))
        if lacking:
            raise OpenbookError(f"{self.folder / name} is damaged: it lacks {lacking[0]}. {self.remedy}")
        return found

    def restore(self, model: Transformer, optimizer: Optimizer) -> None:
        """Put weights and optimizer back to what they were after `step` steps, to the bit. Raises OpenbookError for
        files that are damaged."""
        weights = self.tensors(WEIGHTS, (name for name, _ in model.named_parameters()))
        moments = self.tensors(OPTIMIZER)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(part(weights[name].to(parameter.device), parameter))
        skipped = self.state().get("watch", {}).get("skipped", ())
        try:
            optimizer.restore(moments, self.step - len(skipped))
        except KeyError as missing:
            raise OpenbookError(
                f"{self.folder / OPTIMIZER} is damaged: it lacks {missing.args[0]}. {self.remedy}"
            ) from None


def save(
    folder: Path,
    model: Transformer,
    optimizer: Optimizer,
    config: TransformerConfig,
    tokenizer: Path | None,
    state: Mapping[str, Any],
    write: bool = True,
) -> None:
    """Write a whole checkpoint: it appears under its name when every byte is on the disk. All processes of a run call
    this, as shards must be gathered; one of them has `write`."""
    weights = {name: whole(parameter.detach()).cpu() for name, parameter in model.named_parameters()}
    moments = optimizer.state()
    if not write:
        return
    with atomic_path(folder) as temporary:
        shutil.rmtree(temporary, ignore_errors=True)
        write_huggingface(temporary, weights, config, tokenizer)
        (temporary / "training").mkdir()
        save_file({name: _flat(tensor) for name, tensor in sorted(moments.items())}, temporary / OPTIMIZER)
        write_json(temporary / STATE, dict(state))
        for path in temporary.rglob("*"):
            sync(path)


def _flat(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous()


def latest(work: Path, identity: str) -> Saved | None:
    """The furthest checkpoint in a work folder that has its optimizer state and belongs to this run."""
    found = sorted([*_able(work, "checkpoints", identity), *_able(work, "resume", identity)], key=lambda one: one.step)
    if not found:
        return None
    last = found[-1]
    remedy = f"Delete the folder {work}; the run then begins anew."
    if len(found) > 1:
        remedy = f"Delete the folder {last.folder}; the run then goes on after step {found[-2].step}."
    return replace(last, remedy=remedy)


def last_published(work: Path, identity: str) -> Saved | None:
    """The furthest published checkpoint of this run that has its optimizer state."""
    return max(_able(work, "checkpoints", identity), key=lambda one: one.step, default=None)


def _able(work: Path, kind: str, identity: str) -> list[Saved]:
    """The checkpoints of a run that it can go on from."""
    found = []
    for folder in sorted((work / kind).glob("step-*")):
        if (folder / OPTIMIZER).exists():
            try:
                state = read_state(folder / STATE)
            except OpenbookError as error:
                raise OpenbookError(f"{error} Delete the folder {folder}; no run can go on from it.") from None
            if state.get("run") == identity:
                found.append(Saved(folder, state["step"]))
    return found


def drop_old_states(work: Path, keep: int) -> None:
    """Published checkpoints but the last `keep` lose their optimizer state; their weights stay."""
    folders = sorted((work / "checkpoints").glob("step-*"))
    for folder in folders[: max(0, len(folders) - keep)]:
        (folder / OPTIMIZER).unlink(missing_ok=True)


def keep_for_resuming(work: Path, step: int) -> Path:
    """Where the checkpoint goes that only a killed run needs."""
    return work / "resume" / folder_name(step)


def forget_resuming(work: Path, but: int | None = None) -> None:
    """Delete those checkpoints, all but the one after `but` steps."""
    for folder in (work / "resume").glob("step-*"):
        if but is None or folder.name != folder_name(but):
            shutil.rmtree(folder)
    if but is None and (work / "resume").exists():
        shutil.rmtree(work / "resume")
