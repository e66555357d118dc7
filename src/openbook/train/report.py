"""What a training run looks like afterwards: the loss curve, and what each language got."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from openbook.languages import LANGUAGES
from openbook.model.config import TransformerConfig
from openbook.report import Report
from openbook.train.order import Order
from openbook.train.settings import TrainSettings

REFRESH_SECONDS = 15


def report(
    log: Sequence[Mapping[str, Any]],
    config: TransformerConfig,
    settings: TrainSettings,
    order: Order,
    unfinished: bool = False,
) -> Report:
    """Holds no clock time: the same run gives the same page. An unfinished run's loads itself again."""
    done = f"{len(log):,} of {settings.total_steps:,}" if unfinished else f"{len(log):,}"
    page = Report(
        "Training",
        f"{config.parameters:,} weights ({config.matrix_parameters:,} in the blocks' matrices), {done} steps of "
        f"{settings.batch_rows} rows of {settings.sequence} tokens, {settings.optimizer}, seed {settings.seed}.",
        refresh=REFRESH_SECONDS if unfinished else None,
    )
    losses = points(log, "loss")
    page.figures(
        {
            "tokens": f"{log[-1]['tokens']:,}",
            "loss at the start": f"{losses[0][1]:.3f}" if losses else "–",
            "loss at the end": f"{tail_mean(log):.3f}",
            "languages": str(len(order.languages)),
        }
    )
    page.section("Loss", _loss_note(log, settings))
    page.line({"each step": losses, "smoothed": smoothed(losses)}, "step", "loss")
    page.section("Gradient", f"Length before clipping at {settings.clip:g}.")
    page.line({"gradient": points(log, "grad_norm")}, "step", "length")
    _jumps(page, log)
    page.section(
        "Languages",
        "Loss: mean over the last fifth of the run's steps with that language. It compares with other runs on the same "
        "tokenizer, not with other languages, whose tokens hold other amounts of text: for that see the evaluation.",
    )
    rows = []
    for name in order.names:
        code = order.cells[name].language
        seen = [float(row["languages"][code]) for row in log if row["languages"].get(code) is not None]
        last = seen[-max(1, len(seen) // 5) :]
        shown = LANGUAGES[code].name if code in LANGUAGES else code
        rows.append(
            (
                name,
                shown,
                order.tokens[name],
                order.draws[name],
                round(order.epochs[name], 3),
                sum(last) / len(last) if last else None,
            )
        )
    page.table(
        ["code", "language", "tokens", "rows drawn", "times read", "loss"],
        rows,
        "Times read: how often the language's whole text was seen; 0.5 is half of it, 4 is all of it four times. Where "
        "the mixture tells sources or quality apart, each part has its row; the loss is the language's.",
    )
    _canaries(page, order)
    return page


def _loss_note(log: Sequence[Mapping[str, Any]], settings: TrainSettings) -> str:
    note = "Nats per token, mean of each step's batch before its update; smoothed over a fiftieth of the run."
    if settings.goldfish:
        kept = sum(row["kept"] for row in log) / log[-1]["tokens"]
        note += (
            f" Goldfish loss (Hans et al. 2024): one token in {settings.goldfish.k} is left out by a hash of the "
            f"{settings.goldfish.h} before it; {kept:.1%} of the tokens counted, and the mean is over them."
        )
    return note


def _jumps(page: Report, log: Sequence[Mapping[str, Any]]) -> None:
    """The steps whose loss or gradient jumped, if any did."""
    found = [row for row in log if "spike" in row]
    if not found:
        return
    page.section("Jumps", "Steps whose loss or gradient jumped, and what was done; the documents stand in log.jsonl.")
    page.table(
        ["step", "loss", "gradient", "what was done", "why", "languages of the worst rows"],
        [
            (
                row["step"],
                row["loss"],
                row["grad_norm"],
                row["spike"]["action"],
                row["spike"]["why"],
                ", ".join(row["spike"].get("languages", ())),
            )
            for row in found
        ],
    )


def _canaries(page: Report, order: Order) -> None:
    """What was put into the rows on purpose, if anything was."""
    if order.canaries is None:
        return
    settings, placed = order.canaries.settings, list(order.canaries)
    rows = sum(canary.repeats for canary in placed)
    page.section(
        "Canaries",
        f"{len(placed):,} random sequences of {settings.length} tokens, each trained on as often as shown, in the "
        f"place of the last {order.canaries.size} tokens of {rows:,} rows. Languages with too few rows for all: "
        f"{', '.join(order.canaries.left_out) or 'none'}.",
    )
    page.table(
        ["repeats", "canaries"],
        [(times, sum(canary.repeats == times for canary in placed)) for times in sorted(set(settings.repeats))],
    )


def points(log: Sequence[Mapping[str, Any]], figure: str) -> list[tuple[float, float]]:
    """(step, value) where the value is finite."""
    return [(float(row["step"]), float(row[figure])) for row in log if row[figure] is not None]


def tail_mean(log: Sequence[Mapping[str, Any]]) -> float:
    """Mean loss of the last fiftieth of the run, of ten steps at least."""
    last = [value for _, value in points(log, "loss")][-max(10, len(log) // 50) :]
    return sum(last) / len(last) if last else math.nan


def smoothed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Mean over the points before each, a fiftieth of them."""
    width = max(1, len(points) // 50)
    means, total = [], 0.0
    for at, (x, y) in enumerate(points):
        total += y - (points[at - width][1] if at >= width else 0.0)
        means.append((x, total / min(at + 1, width)))
    return means
