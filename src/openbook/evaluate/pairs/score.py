"""How often a model finds the sentence that somebody wrote more likely than the broken one."""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

from openbook.evaluate.bits import kept
from openbook.evaluate.pairs.items import Pair
from openbook.evaluate.scorer import Scorer
from openbook.evaluate.task import require_numbers, score_texts


def score_pairs(
    scorer: Scorer, pairs: Sequence[Pair], overlap: float = 0.25, confidence: float = 0.95
) -> dict[str, Any]:
    """{language: {"all": figures, "phenomena": {name: figures}}}; figures are {accuracy, low, high, n}.

    A pair is right when the whole good sentence has the higher log-probability; a tie is wrong.
    """
    good = score_texts(scorer, [pair.good for pair in pairs], overlap)
    bad = score_texts(scorer, [pair.bad for pair in pairs], overlap)
    for pair, one, other in zip(pairs, good, bad, strict=True):
        require_numbers(pair.language, [one, other])
    right: dict[str, dict[str, list[bool]]] = {}
    for pair, one, other in zip(pairs, good, bad, strict=True):
        right.setdefault(pair.language, {}).setdefault(pair.phenomenon, []).append(one["nats"] < other["nats"])
    return {code: _language(phenomena, confidence) for code, phenomena in sorted(right.items())}


def _language(phenomena: Mapping[str, list[bool]], confidence: float) -> dict[str, Any]:
    return {
        "all": figures([one for of_one in phenomena.values() for one in of_one], confidence),
        "phenomena": {name: figures(of_one, confidence) for name, of_one in sorted(phenomena.items())},
    }


def figures(right: Sequence[bool], confidence: float) -> dict[str, Any]:
    """The share that is right, with Wilson's interval. `right` must hold something; confidence: in (0, 1)."""
    low, high = wilson(sum(right), len(right), confidence)
    return {"accuracy": kept(sum(right) / len(right)), "low": kept(low), "high": kept(high), "n": len(right)}


def wilson(successes: int, count: int, confidence: float) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)
