"""How did the loss of each language go over a run? From the steps that held it; a step holds few of many languages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbook.languages import LANGUAGES

POINTS = 40
"""Of a curve at most; each the mean of as many steps, four at least where there are enough."""
NAMED = 3


@dataclass(frozen=True)
class Course:
    """Nats per token of one language."""

    code: str
    points: tuple[tuple[float, float], ...]
    """(step, loss), each the mean of a stretch of the steps that held the language."""
    end: float
    """Mean over the last fifth of those steps."""
    fell: float | None
    """From the middle fifth of them to the last; None where there are fewer than five."""

    @property
    def name(self) -> str:
        return LANGUAGES[self.code].name if self.code in LANGUAGES else self.code


def courses(log: Sequence[Mapping[str, Any]]) -> list[Course]:
    """Of every language that a step held, the highest loss at the end first."""
    steps: dict[str, list[int]] = {}
    losses: dict[str, list[float]] = {}
    for row in log:
        for code, value in row["languages"].items():
            if value is not None:
                steps.setdefault(code, []).append(row["step"])
                losses.setdefault(code, []).append(value)
    found = [_course(code, np.array(steps[code], np.float64), np.array(losses[code])) for code in steps]
    return sorted(found, key=lambda one: (-one.end, one.code))


def _course(code: str, steps: NDArray[np.float64], losses: NDArray[np.float64]) -> Course:
    count = len(losses)
    parts = max(min(count, 8), min(POINTS, count // 4))
    stretches = zip(np.array_split(steps, parts), np.array_split(losses, parts), strict=True)
    points = tuple((float(at.mean()), float(value.mean())) for at, value in stretches)
    fifth = max(1, count // 5)
    end = float(losses[-fifth:].mean())
    middle = (count - fifth) // 2
    fell = float(losses[middle : middle + fifth].mean()) - end if count >= 5 else None
    return Course(code, points, end, fell)


def overall(log: Sequence[Mapping[str, Any]]) -> tuple[tuple[float, float], ...]:
    """The same of the whole batch."""
    known = [(row["step"], row["loss"]) for row in log if row["loss"] is not None]
    if not known:
        return ()
    steps, losses = zip(*known, strict=True)
    return _course("", np.array(steps, np.float64), np.array(losses, np.float64)).points


def ends(found: Sequence[Course]) -> str:
    """The languages at either end, in words."""
    few = min(NAMED, len(found) // 2)
    if not few:
        return ", ".join(_told(one) for one in found)
    worst, best = ", ".join(map(_told, found[:few])), ", ".join(map(_told, found[: -few - 1 : -1]))
    return f"highest loss: {worst}; lowest: {best}"


def slowest(found: Sequence[Course]) -> str:
    """The languages whose loss fell least since the middle of the run, in words; empty where none can be told."""
    known = sorted((one.fell, one.code, one.name) for one in found if one.fell is not None)
    if len(known) < 2:
        return ""
    middle = float(np.median([fell for fell, _, _ in known]))
    named = ", ".join(f"{name} ({code}) {_change(fell)}" for fell, code, name in known[:NAMED])
    return f"fell least since the middle of the run: {named}; the median language {_change(middle)}"


def _told(one: Course) -> str:
    return f"{one.name} ({one.code}) {one.end:.2f}"


def _change(fell: float) -> str:
    return f"by {fell:.2f}" if fell >= 0 else f"rose by {-fell:.2f}"
