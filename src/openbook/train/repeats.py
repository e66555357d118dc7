"""Which language, or part of one, does a run read how often, and which does the cap on repetition hold?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from openbook.train.order import Order

FILE = "repeats.json"
NAMED = 6
"""Names in the sentence; the page and the file have them all."""


@dataclass(frozen=True)
class Reading:
    """How often a run reads a language, or the part of one that is drawn by itself."""

    name: str
    """`mt`, `mt/crawl`, `mt/crawl/2`: language, source and stretch of quality."""
    language: str
    tokens: int
    rows: int
    times: float
    """0.5: half of it; 4: all of it four times."""
    asked: float
    """How often its weight alone would have it read."""
    limit: float
    capped: bool
    """Whether the limit held it."""

    def row(self) -> dict[str, Any]:
        figures = {name: round(float(getattr(self, name)), 3) for name in ("times", "asked", "limit")}
        return asdict(self) | figures


def readings(order: Order) -> list[Reading]:
    """Of every language or part of one, the most read first."""
    found = [
        Reading(
            name,
            order.cells[name].language,
            order.tokens[name],
            order.draws[name],
            order.epochs[name],
            order.layout.asked[name] / order.sequences[name],
            order.layout.limit(name),
            name in order.layout.capped,
        )
        for name in order.names
    ]
    return sorted(found, key=lambda one: (-one.times, one.name))


def content(order: Order) -> dict[str, Any]:
    """What repeats.json holds."""
    found = readings(order)
    return {
        "readings": [one.row() for one in found],
        "repeated": sum(one.times > 1 for one in found),
        "capped": sum(one.capped for one in found),
    }


def sentence(order: Order) -> str:
    """What is read more than once, and what is held at its limit, in a line."""
    found = readings(order)
    what = "languages" if len(order.names) == len(order.languages) else "parts of languages"
    repeated, capped = [one for one in found if one.times > 1], [one for one in found if one.capped]
    least = found[-1]
    if not repeated:
        told = f"Repeats: none of {len(found)} {what} is read more than once; most {_times(found[:1])}"
    else:
        told = f"Repeats: {len(repeated)} of {len(found)} {what} read more than once: {_times(repeated)}"
    if len(found) > 1:
        told += f"; least {least.name} {least.times:.2f}"
    if not capped:
        return f"{told}. None reaches its limit ({_limits(found)})."
    held = ", ".join(f"{one.name} (its weight asks for {one.asked:.1f})" for one in capped[:NAMED])
    return f"{told}. Held at the limit ({_limits(capped)}): {held}{_more(capped)}."


def _times(found: Sequence[Reading]) -> str:
    return ", ".join(f"{one.name} {one.times:.2f}" for one in found[:NAMED]) + _more(found)


def _more(found: Sequence[Reading]) -> str:
    return f" and {len(found) - NAMED} more" if len(found) > NAMED else ""


def _limits(found: Sequence[Reading]) -> str:
    limits = sorted({one.limit for one in found})
    return f"{limits[0]:g} times" if len(limits) == 1 else f"{limits[0]:g} to {limits[-1]:g} times"
