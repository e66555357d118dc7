"""One step of training: forward, backward, clip, update; what it found, in figures that no thread count changes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from openbook.errors import OpenbookError
from openbook.model.config import IGNORED
from openbook.model.transformer import Transformer
from openbook.train.batches import Batch, Batches, document_numbers
from openbook.train.optimizer import Optimizer, schedule
from openbook.train.order import Draw
from openbook.train.processes import Processes
from openbook.train.settings import TrainSettings
from openbook.train.watch import RollBack, Spike, Watch, worst


@dataclass(frozen=True)
class StepResult:
    step: int
    loss: float
    """Nats per token, mean over the batch, before the step's update."""
    gradient: float
    """Length of the gradient before clipping."""
    rate: float
    """AdamW's learning rate in this step."""
    tokens: int
    """Tokens predicted in this step."""
    languages: dict[str, float]
    """Mean loss of the rows of each language that the batch held."""
    kept: int | None = None
    """Tokens that counted in the loss, where the Goldfish loss left some out."""
    spike: dict[str, Any] | None = None
    """What jumped, and what was done about it."""

    def row(self, tokens_before: int) -> dict[str, object]:
        """The step's line of the log; null for a figure that is not finite."""
        line: dict[str, object] = {
            "step": self.step,
            "loss": _finite(self.loss),
            "lr": self.rate,
            "tokens": tokens_before + self.tokens,
            "grad_norm": _finite(self.gradient),
            "languages": {code: _finite(value) for code, value in self.languages.items()},
        }
        if self.kept is not None:
            line["kept"] = self.kept
        return line if self.spike is None else {**line, "spike": self.spike}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


class Stepper:
    """Runs the steps of one process of a run."""

    def __init__(
        self, model: Transformer, optimizer: Optimizer, batches: Batches, settings: TrainSettings, processes: Processes
    ) -> None:
        self.model, self.optimizer, self.batches = model, optimizer, batches
        self.settings, self.processes = settings, processes
        self.rows = processes.rows(settings.batch_rows)
        self.micro_rows = min(settings.micro_rows or self.rows, self.rows)
        self.watch = Watch(settings)

    def batch(self, step: int) -> Batch:
        """This process's rows of a step."""
        first = self.processes.rank * self.rows
        return self.batches.rows(step, first, first + self.rows)

    def gradients(self, batch: Batch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Forward and backward over this process's rows; returns, for each row of the step, the sum of its losses and
        how many tokens they are of."""
        counts = torch.from_numpy((batch.targets != IGNORED).sum(1).astype(np.float64))
        device = self.model.head_weight.device
        if self.processes.count > 1:
            counts = self.processes.gather(counts.to(device)).cpu()
        total = float(counts.sum())
        sums = []
        for first in range(0, len(batch.draws), self.micro_rows):
            part = slice(first, first + self.micro_rows)
            ids = torch.from_numpy(batch.ids[part]).to(device, non_blocking=True)
            targets = torch.from_numpy(batch.targets[part]).to(device, non_blocking=True)
            documents = None
            if self.settings.mask_documents:
                documents = torch.from_numpy(document_numbers(batch.ids[part], self.batches.bos)).to(device)
            # Processes average their gradients: each counts its share of the step's tokens.
            loss, each = self.model(ids, documents, targets=targets, count=total / self.processes.count)
            loss.backward()
            sums.append(each.double().sum(1))
        return self.processes.gather(torch.cat(sums)).cpu().numpy(), counts.numpy()

    def run(self, step: int) -> StepResult:
        """One whole step. A loss or gradient that jumped is found before any weight changes: raises OpenbookError or
        RollBack, or leaves the weights as they are, as `on_spike` says."""
        batch = self.batch(step)
        sums, counts = self.gradients(batch)
        draws = [self.batches.order.draw(step, row) for row in range(self.settings.batch_rows)]
        length = self.optimizer.clip()
        loss = float(sums.sum() / counts.sum())
        means = (sums / np.maximum(counts, 1)).tolist()
        action = self._judge(step, draws, means, loss, length)
        if action is None or action["action"] == "reported":
            self.optimizer.step(step)
            self.watch.accept(loss, length)
        self.optimizer.zero()
        languages: dict[str, list[float]] = {}
        for draw, mean in zip(draws, means, strict=True):
            languages.setdefault(draw.language, []).append(mean)
        return StepResult(
            step=step,
            loss=loss,
            gradient=length,
            rate=self.settings.resolved_rate * schedule(step, self.settings),
            tokens=sum(self.batches.counted(draw) for draw in draws),
            languages={code: float(np.mean(values)) for code, values in sorted(languages.items())},
            kept=int(counts.sum()) if self.settings.goldfish else None,
            spike=action,
        )

    def _judge(
        self, step: int, draws: Sequence[Draw], means: Sequence[float], loss: float, length: float
    ) -> dict[str, Any] | None:
        """What the log says of a step that is not like the others."""
        if step in self.watch.left_out:
            self.watch.skipped.append(step)
            return {"action": "left out", "why": "a roll-back leaves out this batch"}
        why = self.watch.judge(loss, length)
        if why is None:
            return None
        rows = worst(means)
        spike = Spike(
            step=step,
            why=why,
            rows=rows,
            languages=tuple(sorted({draws[row].language for row in rows})),
            documents=tuple(dict.fromkeys(name for row in rows for name in self.batches.documents(draws[row]))),
        )
        wish = self.settings.on_spike
        if wish == "stop" or (wish == "report" and not (math.isfinite(loss) and math.isfinite(length))):
            raise OpenbookError(_stopped(spike, draws))
        if wish == "roll-back":
            raise RollBack(spike)
        if wish == "skip":
            self.watch.skip(spike)
        return spike.row("skipped" if wish == "skip" else "reported")

    def trial(self) -> None:
        """Forward and backward as in a step, without an update: makes the compiler do its work."""
        self.gradients(self.batch(0))
        self.optimizer.zero()


def _stopped(spike: Spike, draws: Sequence[Draw]) -> str:
    return (
        f"Training broke down. {spike.sentence()} Languages in the batch: "
        f"{', '.join(sorted({draw.language for draw in draws}))}. The weights before this step are kept. Lower rate or "
        'matrix_rate, lengthen warmup, or set train.on_spike to "skip" or "roll-back", and run again.'
    )
