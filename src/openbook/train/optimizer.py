"""How weights follow gradients: Muon for the blocks' matrices and AdamW for the rest, or AdamW for all."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from openbook.train.muon import Muon, part, whole
from openbook.train.processes import Processes
from openbook.train.settings import TrainSettings

REFERENCE_WIDTH = 256
"""The width at which the settings' rates were found."""


def schedule(step: int, settings: TrainSettings) -> float:
    """The factor on all rates at a step (from 0): a rise, a plateau, a straight fall to 0 after the last step."""
    total = settings.total_steps
    rise, fall = settings.warmup * total, settings.decay * total
    up = (step + 1) / rise if step + 1 < rise else 1.0
    down = (total - step) / fall if total - step < fall else 1.0
    return min(up, down)


class Optimizer:
    """State by parameter name, as flat tensors, so that it is saved in safetensors and resumed to the same bits."""

    def __init__(self, model: nn.Module, settings: TrainSettings, width: int, processes: Processes) -> None:
        self.settings, self.processes = settings, processes
        named = dict(model.named_parameters())
        matrices = {name: weight for name, weight in named.items() if weight.ndim == 2 and ".layers." in name}
        self.muon = Muon(matrices) if settings.optimizer == "muon" else None
        self.adam = {name: weight for name, weight in named.items() if not self.muon or name not in matrices}
        self.parameters = named
        # Vectors and embeddings are not decayed. Wider models: the matrices' AdamW rate falls as 1 / width (Yang et al.
        # 2022), the embeddings' as its root (kept from the square-root law of Adam's step length).
        narrow = REFERENCE_WIDTH / width
        groups: dict[str, list[Tensor]] = {"matrices": [], "tables": [], "vectors": []}
        for name, weight in self.adam.items():
            groups["matrices" if name in matrices else "tables" if weight.ndim == 2 else "vectors"].append(weight)
        factors = {"matrices": narrow, "tables": math.sqrt(narrow), "vectors": 1.0}
        self.rates = [settings.resolved_rate * factors[kind] for kind, group in groups.items() if group]
        self.adamw = torch.optim.AdamW(
            [
                {"params": group, "weight_decay": settings.weight_decay if kind == "matrices" else 0.0}
                for kind, group in groups.items()
                if group
            ],
            lr=settings.resolved_rate,
            betas=(0.9, 0.95),
            eps=1e-10,
            fused=True,
        )

    def step(self, step: int) -> None:
        factor = schedule(step, self.settings)
        for group, rate in zip(self.adamw.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.adamw.step()
        if self.muon:
            momentum = 0.85 + 0.1 * min(1.0, step / 300)
            self.muon.step(self.settings.matrix_rate * factor, self.settings.weight_decay, momentum)

    def clip(self) -> float:
        """Shorten the gradients of all parameters together to `clip`; returns their length before."""
        gradients = [weight.grad for weight in self.parameters.values() if weight.grad is not None]
        length = math.sqrt(self.processes.sum(sum(squares(gradient) for gradient in gradients)))
        if length > self.settings.clip:
            torch._foreach_mul_(gradients, self.settings.clip / length)
        return length

    def zero(self) -> None:
        for weight in self.parameters.values():
            weight.grad = None

    def state(self) -> dict[str, Tensor]:
        """Tensors by name: `muon.momentum.<parameter>`, `adamw.mean.<parameter>`, `adamw.square.<parameter>`."""
        tensors: dict[str, Tensor] = {}
        if self.muon:
            tensors |= {f"muon.momentum.{name}": whole(buffer) for name, buffer in self.muon.buffers.items()}
        for name, weight in self.adam.items():
            moments = self.adamw.state.get(weight)  # none before the first update
            tensors[f"adamw.mean.{name}"] = whole(moments["exp_avg"] if moments else torch.zeros_like(weight))
            tensors[f"adamw.square.{name}"] = whole(moments["exp_avg_sq"] if moments else torch.zeros_like(weight))
        return tensors

    def reset(self) -> None:
        """As before the first update."""
        self.adamw.state.clear()
        if self.muon:
            for buffer in self.muon.buffers.values():
                buffer.zero_()
        self.zero()

    def restore(self, tensors: Mapping[str, Tensor], step: int) -> None:
        """Set the state to what it was after `step` updates."""
        if self.muon:
            for name, buffer in self.muon.buffers.items():
                buffer.copy_(part(tensors[f"muon.momentum.{name}"].to(buffer.device), buffer))
        for name, weight in self.adam.items():
            self.adamw.state[weight] = {
                "step": torch.tensor(float(step), device=weight.device),
                "exp_avg": part(tensors[f"adamw.mean.{name}"].to(weight.device), weight).clone(),
                "exp_avg_sq": part(tensors[f"adamw.square.{name}"].to(weight.device), weight).clone(),
            }


ROW = 1024


def squares(gradient: Tensor) -> float:
    """The sum of squares (of this process's shard), in an order that does not depend on the number of threads."""
    local = getattr(gradient, "to_local", None)
    flat = (local() if local else gradient).flatten()
    rows = flat[: flat.numel() // ROW * ROW].view(-1, ROW)
    lengths = torch.linalg.vector_norm(rows, dim=1).cpu().double().numpy()
    rest = flat[rows.numel() :].cpu().double().numpy()
    return float((lengths**2).sum() + (rest**2).sum())
