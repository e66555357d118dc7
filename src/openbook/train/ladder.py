"""What loss would a larger model reach? A power law with a constant through a ladder of small runs.

L(x) = E + A x^-a, the form of Hoffmann et al. 2022 (arXiv 2203.15556, section 3.3) along one line of the family: tokens
grow with the weights, so that one variable, weights or compute, stands for both.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from openbook.books.chance import generator
from openbook.errors import OpenbookError
from openbook.model.family import DEEPEST
from openbook.train.doubts import ENOUGH, USUAL_EXPONENT, about_the_law, about_the_runs

DELTA = 1e-3
"""Where the Huber loss on the logarithms turns from square to straight, as in Hoffmann et al. 2022."""
EXPONENTS = np.geomspace(0.02, 2.0, 61)
RESAMPLES = 300
ROUNDS = 10
"""Of reweighting."""

Array = NDArray[np.float64]


class LadderSettings(BaseModel):
    """`[ladder]`: which small members of the family are trained to predict the recipe's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    depths: tuple[int, ...] = Field((2, 3, 4, 6), min_length=1)
    """Layers of the rungs."""
    tokens_per_parameter: float | None = Field(None, gt=0)
    """Of the rungs. Not given: that of the recipe's own run, so that the line through the rungs leads to it."""
    confidence: float = Field(0.9, ge=0.5, lt=1)


def checked(depths: Sequence[int]) -> list[int]:
    """Depths in order. Raises OpenbookError for one that is no depth, or stands there twice."""
    wrong = [one for one in depths if not 1 <= one <= DEEPEST]
    if wrong or len(set(depths)) != len(depths):
        raise OpenbookError(
            f"The depths of a ladder are different whole numbers from 1 to {DEEPEST}, such as 2 3 4 6; "
            f"found {' '.join(map(str, depths))}."
        )
    return sorted(depths)


@dataclass(frozen=True)
class Rung:
    """One small run and what it reached."""

    depth: int
    parameters: int
    """Weights of the blocks' matrices."""
    tokens: int
    flops: float
    """Of the whole training."""
    bits: Mapping[str, float]
    """Bits per byte by language, held-out text."""
    errors: Mapping[str, float] = field(default_factory=dict)
    """Standard error by language, from the interval of the evaluation."""

    @property
    def mean(self) -> float:
        """Over languages, each with the same weight."""
        return sum(self.bits.values()) / len(self.bits)

    @property
    def mean_error(self) -> float:
        return math.sqrt(sum(error**2 for error in self.errors.values())) / len(self.bits)


@dataclass(frozen=True)
class PowerLaw:
    """L(x) = floor + scale * x^-exponent."""

    floor: float
    scale: float
    exponent: float

    def __call__(self, x: float) -> float:
        return self.floor + self.scale * x**-self.exponent


@dataclass(frozen=True)
class Fit:
    law: PowerLaw
    draws: tuple[PowerLaw, ...]
    """Laws fitted to losses drawn anew around the first one."""
    scatter: float
    """Deviation of the logarithm of a loss from the law."""

    def interval(self, x: float, confidence: float) -> tuple[float, float]:
        """Where the law lies at x, by percentile of the draws; the scatter of a single run is not in it."""
        tail = (1 - confidence) / 2
        low, high = np.quantile([law(x) for law in self.draws], [tail, 1 - tail])
        return float(low), float(high)

    def exponents(self, confidence: float) -> tuple[float, float]:
        tail = (1 - confidence) / 2
        low, high = np.quantile([law.exponent for law in self.draws], [tail, 1 - tail])
        return float(low), float(high)


def fit(
    x: Sequence[float], losses: Sequence[float], errors: Sequence[float] | None = None, purpose: str = "ladder"
) -> Fit:
    """The law nearest to the losses (Huber loss of the logarithms), floor and scale at least 0, and its bootstrap.

    The bootstrap is parametric, as four runs cannot be drawn anew from four: losses are drawn around the law by what is
    larger, their scatter (three numbers were fitted to them) or `errors`, the standard errors of their measuring. With
    fewer than four runs the exponent is that of Hoffmann et al. Raises OpenbookError for fewer than two sizes.
    """
    sizes, values = np.asarray(x, np.float64), np.asarray(losses, np.float64)
    if len(set(sizes.tolist())) < 2:
        raise OpenbookError("A scaling curve needs runs of two sizes at least, and of four to tell its exponent.")
    exponents = EXPONENTS if len(sizes) >= ENOUGH else np.array([USUAL_EXPONENT])
    law = _fitted(sizes, values[None], exponents)[0]
    expected = np.array([law(one) for one in sizes])
    residuals = np.log(values / expected)
    free = len(sizes) - (3 if len(exponents) > 1 else 2)
    scatter = math.sqrt(float(residuals @ residuals) / free) if free > 0 else 0.0
    measured = np.asarray(errors, np.float64) / values if errors is not None else np.zeros(len(sizes))
    noise = generator(0, f"train/{purpose}").standard_normal((RESAMPLES, len(sizes)))
    draws = _fitted(sizes, expected * np.exp(np.maximum(scatter, measured) * noise), exponents)
    return Fit(law, tuple(draws), scatter)


def _fitted(sizes: Array, values: Array, exponents: Array) -> list[PowerLaw]:
    """The best law for each row of losses [draws, runs]: over a grid of exponents, then finer ones around the best.

    For one exponent the law is linear: floor and scale by reweighted least squares, which the Huber loss amounts to.
    """
    # Sizes relative to their mean keep the two columns near one another.
    center = float(np.exp(np.log(sizes).mean()))
    grid = np.broadcast_to(exponents, (len(values), len(exponents)))
    found = _best(sizes / center, values, grid)
    if len(exponents) > 1:
        step = float(exponents[1] / exponents[0])
        for width in (step, step**0.15):
            around = np.geomspace(1 / width, width, 15)
            found = _best(sizes / center, values, found[:, 2:] * around[None, :])
    return [
        PowerLaw(float(floor), float(scale * center**exponent), float(exponent)) for floor, scale, exponent in found
    ]


def _best(sizes: Array, values: Array, exponents: Array) -> Array:
    """(floor, scale, exponent) [draws, 3] with the least loss of the exponents [draws, grid]."""
    powers = sizes ** -exponents[:, :, None]  # [draws, grid, runs]
    losses = values[:, None, :]
    weights = np.broadcast_to(1 / losses**2, powers.shape)
    for _ in range(ROUNDS):
        floor, scale = _line(powers, losses, weights)
        off = np.abs(np.log(np.maximum(floor[..., None] + scale[..., None] * powers, 1e-12) / losses))
        weights = np.minimum(1.0, DELTA / np.maximum(off, 1e-12)) / losses**2
    huber = np.where(off <= DELTA, off**2 / 2, DELTA * (off - DELTA / 2)).sum(axis=-1)
    at = huber.argmin(axis=1)
    rows = np.arange(len(values))
    return np.stack([floor[rows, at], scale[rows, at], exponents[rows, at]], axis=1)


def _line(powers: Array, values: Array, weights: Array) -> tuple[Array, Array]:
    """Weighted least squares of values = floor + scale * power along the last axis, neither below 0."""
    total = weights.sum(axis=-1)
    mean_power, mean_value = (weights * powers).sum(axis=-1) / total, (weights * values).sum(axis=-1) / total
    centered = powers - mean_power[..., None]
    slope = (weights * centered * values).sum(axis=-1) / np.maximum((weights * centered**2).sum(axis=-1), 1e-300)
    floor = mean_value - slope * mean_power
    through = (weights * powers * values).sum(axis=-1) / (weights * powers**2).sum(axis=-1)
    flat = slope < 0
    slope = np.where(flat, 0.0, np.where(floor < 0, through, slope))
    return np.where(flat, mean_value, np.maximum(floor, 0.0)), slope


@dataclass(frozen=True)
class Prediction:
    """What the recipe's own size would reach."""

    parameters: int
    flops: float
    value: float
    low: float
    high: float
    languages: dict[str, float]


@dataclass(frozen=True)
class Ladder:
    rungs: tuple[Rung, ...]
    over_parameters: Fit
    over_flops: Fit
    prediction: Prediction
    warnings: tuple[str, ...]
    confidence: float

    def as_dict(self) -> dict[str, Any]:
        """For ladder.json."""

        def law(one: Fit) -> dict[str, Any]:
            low, high = one.exponents(self.confidence)
            return {**_rounded(one.law.__dict__), "exponent_low": _kept(low), "exponent_high": _kept(high),
                    "scatter": _kept(one.scatter)}  # fmt: skip

        return {
            "form": "floor + scale * x^-exponent, bits per byte",
            "confidence": self.confidence,
            "rungs": [
                {**rung.__dict__, "bits": dict(rung.bits), "errors": dict(rung.errors), "mean": _kept(rung.mean)}
                for rung in self.rungs
            ],
            "over_parameters": law(self.over_parameters),
            "over_flops": law(self.over_flops),
            "prediction": _rounded({k: v for k, v in self.prediction.__dict__.items() if k != "languages"})
            | {"languages": _rounded(self.prediction.languages)},
            "warnings": list(self.warnings),
        }


def _kept(value: float) -> float:
    return float(f"{value:.5g}")


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: _kept(value) if isinstance(value, float) else value for name, value in values.items()}


def predict(
    rungs: Sequence[Rung], parameters: int, flops: float, confidence: float, tokens: int | None = None
) -> Ladder:
    """The law through the rungs and what it says of a model of so many weights, trained with so much compute, or with
    so many tokens, where it is said.

    Languages that some rung has no figure for are left out. Raises OpenbookError for fewer than two sizes.
    """
    shared = set.intersection(*(set(rung.bits) for rung in rungs)) if rungs else set()
    if not shared:
        raise OpenbookError("The rungs of the ladder have no language in common that was evaluated on held-out text.")
    rungs = [
        Rung(
            one.depth,
            one.parameters,
            one.tokens,
            one.flops,
            {code: one.bits[code] for code in sorted(shared)},
            {code: one.errors[code] for code in sorted(shared) if code in one.errors},
        )
        for one in sorted(rungs, key=lambda one: one.parameters)
    ]
    sizes = [float(rung.parameters) for rung in rungs]
    means, errors = [rung.mean for rung in rungs], [rung.mean_error for rung in rungs]
    by_size = fit(sizes, means, errors, "ladder/parameters")
    by_flops = fit([rung.flops for rung in rungs], means, errors, "ladder/flops")
    low, high = by_size.interval(parameters, confidence)
    exponents = EXPONENTS if len(rungs) >= ENOUGH else np.array([USUAL_EXPONENT])
    languages = {
        code: _fitted(np.array(sizes), np.array([[rung.bits[code] for rung in rungs]]), exponents)[0](parameters)
        for code in sorted(shared)
    }
    prediction = Prediction(parameters, flops, by_size.law(parameters), low, high, languages)
    warnings = [*about_the_runs(rungs, means, parameters, tokens), *about_the_law(rungs, means, by_size, confidence)]
    return Ladder(tuple(rungs), by_size, by_flops, prediction, tuple(warnings), confidence)
