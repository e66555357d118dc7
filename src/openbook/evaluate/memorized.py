"""How much of its training text a model gives back word for word, by language, beside text that it has not read.

Discoverable extraction (Carlini et al. 2023, arXiv:2202.07646): given the tokens before, does greedy decoding give the
passage? It does exactly when each token of the passage is the likeliest one given all before it: one pass shows it.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openbook.context import Context
from openbook.evaluate.bits import kept
from openbook.evaluate.interval import ratio_interval
from openbook.evaluate.memorized_passages import Ids, Passages, Trained, passages
from openbook.evaluate.memorized_settings import MemorizationSettings
from openbook.evaluate.pairs.score import wilson
from openbook.evaluate.settings import EvaluateSettings
from openbook.model import Checkpoint

if TYPE_CHECKING:
    from openbook.model import Transformer

ROWS = 16
"""Passages computed at once."""
GROUPS = ("trained", "held_out")
Found = list[tuple[int, float]]
"""For each passage: tokens given back before the first that differs, and nats for the whole continuation."""


def memorization(settings: EvaluateSettings, model: Checkpoint, trained: Trained, context: Context) -> dict[str, Any]:
    """{"languages": {code: {"read", "trained": {prefix: figures}, "held_out"}}, "summary", "canaries", "method"}."""
    asked = settings.memorization
    batches = trained.batches(model.config.vocabulary, model.config.bos)
    chosen = [
        passages(code, batches, trained.tokens, asked, settings.seed)
        for code in trained.languages
        if batches.order.rows_of(code)
    ]
    longest = model.config.context - asked.continuation
    prefixes = [prefix for prefix in sorted(asked.prefixes) if prefix <= longest]
    try_one = partial(attempt, model=model.folder, prefixes=prefixes, length=asked.continuation, bos=model.config.bos)
    with context.progress.task("Memorization", total=len(chosen), unit="languages") as bar:
        found = list(context.engine.map(try_one, chosen, done=lambda _: bar.advance()))
    _opened.cache_clear()
    languages: dict[str, Any] = {
        one.language: {
            "read": kept(one.read),
            **{
                group: {
                    str(prefix): _figures(tried[group][prefix], asked.continuation, settings.confidence)
                    for prefix in prefixes
                }
                for group in GROUPS
            },
        }
        for one, tried in zip(chosen, found, strict=True)
    }
    summary = {
        group: {
            str(prefix): _figures(
                [one for tried in found for one in tried[group][prefix]], asked.continuation, settings.confidence
            )
            for prefix in prefixes
        }
        for group in GROUPS
    }
    return {
        "languages": languages,
        "summary": summary,
        "canaries": _exposures(settings, chosen, [tried["canaries"] for tried in found]),
        "goldfish": trained.settings.goldfish.model_dump() if trained.settings.goldfish else None,
        "method": _method(asked, prefixes, settings.confidence),
    }


def attempt(one: Passages, model: Path, prefixes: Sequence[int], length: int, bos: int) -> dict[str, Any]:
    """A worker's task: {"trained": {prefix: Found}, "held_out": the same, "canaries": [rank of each]}."""
    from openbook.model.threads import torch_threads

    opened = _opened(model)
    with torch_threads(1):  # a figure does not depend on the number of cores
        groups: dict[str, Any] = {
            group: {
                prefix: continued(
                    opened,
                    [ids[len(ids) - length - prefix :] for ids in chosen if len(ids) >= length + prefix],
                    length,
                )
                for prefix in prefixes
            }
            for group, chosen in (("trained", one.trained), ("held_out", one.held_out))
        }
        return {**groups, "canaries": _ranks(opened, one, bos)}


def continued(model: "Transformer", rows: Sequence[Ids], length: int) -> Found:
    """Rows of equal size, of which the last `length` tokens are to be given back after the tokens before them."""
    import torch

    found: Found = []
    device = model.head_weight.device
    for first in range(0, len(rows), ROWS):
        ids = torch.from_numpy(np.stack(rows[first : first + ROWS])).to(device)
        wanted = ids[:, -length:]
        with torch.no_grad():
            hidden = model.hidden(ids[:, :-1])[:, -length:]
            logits = torch.nn.functional.linear(hidden, model.head_weight).float()
        right = (logits.argmax(-1) == wanted).long().cumprod(1).sum(1)
        nats = torch.logsumexp(logits, -1) - logits.gather(2, wanted[:, :, None]).squeeze(2)
        found += zip(right.tolist(), nats.double().sum(1).tolist(), strict=True)
    return found


def _ranks(model: "Transformer", one: Passages, bos: int) -> list[int]:
    """The place of each canary among the alternatives by its loss, from 1; a tie counts against the canary."""
    if not one.canaries:
        return []
    rows = [np.concatenate(([bos], ids)) for ids in (*(ids for _, ids in one.canaries), *one.alternatives)]
    losses = [nats for _, nats in continued(model, rows, one.alternatives.shape[1])]
    others = np.array(losses[len(one.canaries) :])
    return [1 + int((others <= loss).sum()) for loss in losses[: len(one.canaries)]]


@lru_cache(maxsize=1)
def _opened(folder: Path) -> "Transformer":
    import torch

    model = Checkpoint.open(folder).load()
    gpu = torch.cuda.is_available()
    return model.to("cuda" if gpu else "cpu").set_compute(torch.float32, "fused" if gpu else "blocked")


def _figures(found: Found, length: int, confidence: float) -> dict[str, Any]:
    if not found:
        return {"n": 0, "verbatim": 0, "share": None, "low": None, "high": None, "run": None, "longest": None} | {
            "nats": None,
            "probability": None,
        }
    runs, nats = np.array([run for run, _ in found]), np.array([value for _, value in found])
    verbatim = int((runs == length).sum())
    low, high = wilson(verbatim, len(found), confidence)
    return {
        "n": len(found),
        "verbatim": verbatim,
        "share": kept(verbatim / len(found)),
        "low": kept(low),
        "high": kept(high),
        "run": kept(float(runs.mean())),
        "longest": int(runs.max()),
        "nats": kept(float(nats.mean() / length)),
        "probability": float(f"{np.exp(-nats).mean():.3g}"),
    }


def _exposures(
    settings: EvaluateSettings, chosen: Sequence[Passages], ranks: Sequence[Sequence[int]]
) -> dict[str, Any] | None:
    """Exposure (Carlini et al. 2019, arXiv:1802.08232, section 4.2) by number of repeats, over all languages."""
    by_repeats: dict[int, list[float]] = {}
    places = settings.memorization.alternatives + 1
    for one, own in zip(chosen, ranks, strict=True):
        for (repeats, _), rank in zip(one.canaries, own, strict=True):
            by_repeats.setdefault(repeats, []).append(float(np.log2(places) - np.log2(rank)))
    if not by_repeats:
        return None
    rows = {}
    for repeats, values in sorted(by_repeats.items()):
        above, below = np.array(values), np.ones(len(values))
        purpose = f"evaluate/canaries/{repeats}"
        interval = ratio_interval(above, below, settings.seed, purpose, settings.resamples, settings.confidence)
        rows[str(repeats)] = {
            "n": len(values),
            "exposure": kept(float(above.mean())),
            "low": kept(interval[0]) if interval else None,
            "high": kept(interval[1]) if interval else None,
        }
    # A sequence that was never trained on has each rank alike.
    chance = float(np.log2(places) - np.log2(np.arange(1, places + 1)).mean())
    return {"repeats": rows, "most": kept(float(np.log2(places))), "never_trained": kept(chance)}


def _method(asked: MemorizationSettings, prefixes: Sequence[int], confidence: float) -> str:
    return (
        f"Passages of at most one a row, drawn by the seed, none across two documents: the model is given "
        f"{', '.join(map(str, prefixes))} tokens as they stood in training and continues greedily. Verbatim: all "
        f"of the next {asked.continuation} tokens come back. Run: tokens that come back before the first that differs. "
        "Nats a token and probability: of the true continuation, teacher-forced. Held-out passages were never trained "
        f"on: what comes back of them is not memory. Intervals: {confidence:.0%} (Wilson)."
    )
