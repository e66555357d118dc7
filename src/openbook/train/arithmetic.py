"""In which arithmetic a run computes: device, instructions, precision, compiled or not. It decides the last bits.

What the machine cannot do is replaced by what it can, said in a sentence, and recorded.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from openbook.books.record import machine_facts
from openbook.model.loss import LossBody
from openbook.model.transformer import Transformer
from openbook.progress import Progress
from openbook.train.settings import TrainSettings


@dataclass(frozen=True)
class Arithmetic:
    """Equal arithmetic and equal settings give equal bits, whatever the number of threads."""

    device: str
    instructions: str
    dtype: str
    attention: str
    compiled: bool
    processes: int
    torch: str

    def facts(self) -> dict[str, Any]:
        return asdict(self)


def choose_device() -> torch.device:
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")


def set_compute(model: Transformer, settings: TrainSettings, device: torch.device, progress: Progress) -> None:
    """Choose the precision and the way of attending that the device is good at."""
    dtype = torch.bfloat16 if settings.dtype == "bfloat16" else torch.float32
    if dtype == torch.bfloat16 and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        progress.say("This processor has no bfloat16 arithmetic: training runs in float32.")
        dtype = torch.float32
    model.set_compute(dtype, "blocked" if device.type == "cpu" else "fused")
    model.recompute = settings.recompute


def prepare(
    model: Transformer,
    settings: TrainSettings,
    device: torch.device,
    cache: Path,
    progress: Progress,
    trial: Callable[[], None],
    processes: int,
) -> Arithmetic:
    """Compile the model's blocks. `trial` runs a training step's forward and backward pass: it shows whether the
    compiled form works, and waits for the compiler at a place where the progress says so."""
    compiled = False
    if settings.compile:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str((cache / "compiled").absolute()))
        if device.type == "cpu" and not compiler():
            progress.say(
                "No C++ compiler was found (g++ or clang++): training runs uncompiled, at about half the speed."
            )
        else:
            with progress.task("compiling the model", None) as bar:
                bar.update(note="a minute or more the first time")
                compiled = _compile(model, trial, Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]), progress)
    if not compiled:
        with progress.task("first step", None):
            trial()
    facts = machine_facts()
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA")
    instructions = " ".join(facts["vector_instructions"]) + (f" limited to {limit}" if limit else "")
    return Arithmetic(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else facts["architecture"],
        instructions=instructions if device.type == "cpu" else "",
        dtype=str(model.compute_dtype).removeprefix("torch."),
        attention="blocked" if device.type == "cpu" else "fused",
        compiled=compiled,
        processes=processes,
        torch=torch.__version__,
    )


def compiler() -> str | None:
    """The C++ compiler that torch would use."""
    named = os.environ.get("CXX")
    return shutil.which(named) if named else shutil.which("g++") or shutil.which("clang++")


def _compile(model: Transformer, trial: Callable[[], None], cache: Path, progress: Progress) -> bool:
    parts = [*model.model.layers, model.model.norm]
    for part in parts:
        part.compile(dynamic=False)
    model.loss_body = LossBody().compiled()
    reason = _fails(trial)
    if reason and cache.exists():
        # A run killed while it compiled leaves half a library there, which no later run could load: without this the
        # run would go on uncompiled, to other bits.
        shutil.rmtree(cache, ignore_errors=True)
        torch.compiler.reset()
        model.zero_grad(set_to_none=True)
        reason = _fails(trial)
    if reason:
        progress.say(f"Compiling the model failed ({reason}): training runs uncompiled, at about half the speed.")
        for part in parts:
            part._compiled_call_impl = None
        model.loss_body = LossBody()
        model.zero_grad(set_to_none=True)
    return not reason


def _fails(trial: Callable[[], None]) -> str | None:
    try:
        trial()
    except Exception as error:  # any failure of the compiler's many parts means the same: go on without it
        return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    return None
