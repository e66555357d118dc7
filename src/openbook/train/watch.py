"""Did a step's loss or gradient jump, and what follows? A pure function of the losses: a resumed run decides alike.

A jump is held against the median and the median absolute deviation of the last steps: a few odd ones do not move them.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from openbook.errors import OpenbookError
from openbook.train.settings import TrainSettings

LEAST_LOSS, LEAST_GRADIENT = 0.01, 0.15
"""Smallest deviations that are reckoned with: nats, and the natural logarithm of a gradient's length."""
LEFT_OUT = 16
"""A roll-back leaves out the batches of the step that jumped and of so many steps before it, less one."""
MOST_SKIPPED = 10
"""More steps in a row are not skipped: then the run diverges."""
MOST_ROLL_BACKS = 8


@dataclass(frozen=True)
class Spike:
    """A step whose loss or gradient jumped, in the terms of the log."""

    step: int
    why: str
    rows: tuple[int, ...]
    """The rows with the highest loss."""
    languages: tuple[str, ...]
    documents: tuple[str, ...]
    """Those in these rows."""

    def sentence(self) -> str:
        return (
            f"Step {self.step}: {self.why}. Worst rows: {', '.join(map(str, self.rows))} "
            f"({', '.join(self.languages)}), which hold the documents {', '.join(self.documents)}."
        )

    def row(self, action: str) -> dict[str, Any]:
        """As it stands in the line of the log."""
        return {
            "action": action,
            "why": self.why,
            "rows": list(self.rows),
            "languages": list(self.languages),
            "documents": list(self.documents),
        }


class RollBack(Exception):  # noqa: N818 - it is no error
    """The run goes back to its last checkpoint."""

    def __init__(self, spike: Spike) -> None:
        super().__init__(spike.sentence())
        self.spike = spike


class Watch:
    """What a run remembers of its last steps; `state` of it stands in every checkpoint."""

    def __init__(self, settings: TrainSettings) -> None:
        self.settings = settings
        self.window: deque[tuple[float, float]] = deque(maxlen=settings.spike_window)
        """Loss and gradient of the last steps that changed the weights."""
        self.skipped: list[int] = []
        """Steps that changed no weight, rising."""
        self.left_out: list[int] = []
        """Steps whose batches roll-backs have left out, rising."""
        self.roll_backs: list[dict[str, int]] = []
        """[{"at": the step that jumped, "to": steps done where the run went on}]."""

    def judge(self, loss: float, gradient: float) -> str | None:
        """Why this is a jump, in words; None when it is none."""
        if not math.isfinite(loss):
            return "the loss is not finite"
        if not math.isfinite(gradient):
            return "the gradient is not finite"
        if len(self.window) < self.settings.spike_window:
            return None
        losses, gradients = np.array(self.window).T
        for name, value, before, least in (
            ("loss", loss, losses, LEAST_LOSS),
            ("gradient's logarithm", math.log(gradient or 1e-30), np.log(np.maximum(gradients, 1e-30)), LEAST_GRADIENT),
        ):
            middle = float(np.median(before))
            deviation = max(least, float(np.median(np.abs(before - middle))))
            if value > middle + self.settings.spike_deviations * deviation:
                return (
                    f"the {name} jumped to {value:.3f}; the median of the {len(before)} steps before is {middle:.3f}, "
                    f"their median deviation {deviation:.3f}"
                )
        return None

    def accept(self, loss: float, gradient: float) -> None:
        self.window.append((loss, gradient))

    def skip(self, spike: Spike) -> None:
        """Note that a step changed no weight. Raises OpenbookError when that was so too often in a row."""
        self.skipped.append(spike.step)
        last = self.skipped[-MOST_SKIPPED:]
        if len(last) == MOST_SKIPPED and last[0] == spike.step - MOST_SKIPPED + 1:
            raise OpenbookError(
                f"Training diverges: {MOST_SKIPPED} steps in a row were skipped. {spike.sentence()} "
                "Lower rate or matrix_rate, or lengthen warmup, and run again."
            )

    def roll_back(self, spike: Spike, to: int) -> None:
        """Note that the run goes back to where `to` steps were done, and which batches it leaves out from now on.
        Raises OpenbookError when it went back too often."""
        if len(self.roll_backs) == MOST_ROLL_BACKS:
            raise OpenbookError(
                f"Training diverges: it was rolled back {MOST_ROLL_BACKS} times. {spike.sentence()} "
                "Lower rate or matrix_rate, or lengthen warmup, and run again."
            )
        first = max(to, spike.step - LEFT_OUT + 1)
        self.left_out = sorted({*self.left_out, *range(first, spike.step + 1)})
        self.roll_backs.append({"at": spike.step, "to": to})

    def state(self) -> dict[str, Any]:
        return {
            "window": [list(pair) for pair in self.window],
            "skipped": self.skipped,
            "left_out": self.left_out,
            "roll_backs": self.roll_backs,
        }

    def restore(self, state: Mapping[str, Any], keep_roll_backs: bool = False) -> None:
        """What a checkpoint's state says. With `keep_roll_backs` what was decided after it stays decided."""
        self.window.clear()
        self.window.extend((float(loss), float(gradient)) for loss, gradient in state.get("window", ()))
        self.skipped = list(state.get("skipped", ()))
        if not keep_roll_backs:
            self.left_out, self.roll_backs = list(state.get("left_out", ())), list(state.get("roll_backs", ()))


def worst(losses: Sequence[float], most: int = 3) -> tuple[int, ...]:
    """The rows with the highest loss, those that are not finite first."""
    order = sorted(range(len(losses)), key=lambda row: (-losses[row] if math.isfinite(losses[row]) else -math.inf, row))
    return tuple(order[:most])
