"""What a training run looks like afterwards: the loss curve, and what each language got."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from openbook.languages import LANGUAGES
from openbook.model.config import TransformerConfig
from openbook.report import Report
from openbook.train.course import NAMED, Course, courses, ends, overall, slowest
from openbook.train.order import Order
from openbook.train.repeats import readings, sentence
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
    found = courses(log)
    _courses(page, log, found)
    _languages(page, order, {one.code: one.end for one in found})
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


def _courses(page: Report, log: Sequence[Mapping[str, Any]], found: Sequence[Course]) -> None:
    """The curve of every language: those at the ends in one chart, and each in a small one."""
    if not found:
        return
    told = [text[:1].upper() + text[1:] + "." for text in (ends(found), slowest(found)) if text]
    page.section(
        "Loss by language",
        " ".join(told) + " Nats per token: a language compares with its own past, and with other runs on the same "
        "tokenizer, not with other languages, whose tokens hold other amounts of text: for that see the evaluation.",
    )
    whole = overall(log)
    outer = [*found[:NAMED], *found[NAMED:][-NAMED:]]
    page.line(
        {f"{one.name} ({one.code})": one.points for one in outer} | {"all languages": whole},
        "step",
        "nats per token",
        "Highest and lowest at the end." if len(found) > 2 * NAMED else "",
    )
    page.multiples(
        [(f"{one.name} ({one.code})", f"{one.end:.2f}", one.points) for one in found],
        whole,
        "step",
        "nats per token",
        "Highest at the end first; the figure is the mean over the last fifth of the steps with that language, the "
        "grey line the whole batch. Each point is the mean of several steps.",
    )


def _languages(page: Report, order: Order, ended: Mapping[str, float]) -> None:
    """How much of each language, or part of one, was read, and how often."""
    page.section("Languages", sentence(order))
    page.table(
        ["code", "language", "tokens", "rows drawn", "times read", "its weight asks", "limit", "held", "loss"],
        [
            (
                one.name,
                LANGUAGES[one.language].name if one.language in LANGUAGES else one.language,
                one.tokens,
                one.rows,
                round(one.times, 3),
                round(one.asked, 3),
                one.limit,
                "at the limit" if one.capped else "",
                ended.get(one.language),
            )
            for one in readings(order)
        ],
        "Times read: how often the language's whole text is seen in the whole run; 0.5 is half of it, 4 is all of it "
        "four times. Where the mixture tells sources or quality apart, each part has its row; the loss is the "
        "language's, over the last fifth of the steps with it.",
    )


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
