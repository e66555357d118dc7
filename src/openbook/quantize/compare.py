"""Languages against each other and files against each other: who pays most, and does calibrating help that one?

Texts of each language are drawn anew, the same ones for both files (a paired bootstrap, Efron 1979).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from openbook.books.chance import generator
from openbook.model.export.check import rounded
from openbook.quantize.settings import QuantizeSettings


@dataclass(frozen=True)
class Sample:
    """One language in one file."""

    sums: np.ndarray
    """Of the KL divergence over the places of each text, nats."""
    counts: np.ndarray
    """Places of each text."""

    @property
    def value(self) -> float:
        return float(self.sums.sum() / self.counts.sum())


Samples = Mapping[str, Sample]
"""Language -> its texts' divergences."""


def drawn(samples: Samples, settings: QuantizeSettings) -> dict[str, np.ndarray]:
    """Mean KL divergence of each language over texts drawn anew, [resamples]; the same texts for every file."""
    means = {}
    for code, one in samples.items():
        texts = len(one.counts)
        random = generator(settings.seed, f"quantize/{code}")
        draws = random.multinomial(texts, np.full(texts, 1 / texts), size=settings.resamples)
        means[code] = (draws @ one.sums) / (draws @ one.counts)
    return means


def summary(samples: Samples, settings: QuantizeSettings) -> dict[str, Any]:
    """Mean over the languages, the worst of them, and how much more it pays than the language of reference."""
    means = drawn(samples, settings)
    values = {code: one.value for code, one in samples.items()}
    worst, reference = max(sorted(values), key=lambda code: values[code]), settings.reference
    found: dict[str, Any] = {
        "mean": figure(float(np.mean(list(values.values()))), np.mean(list(means.values()), axis=0), settings),
        "worst": {"language": worst, **figure(values[worst], means[worst], settings)},
        "reference": None,
        "worst_to_reference": None,
    }
    if reference in values:
        found["reference"] = {
            "language": reference,
            **figure(values[reference], means[reference], settings),
        }
        if values[reference] > 0 and means[reference].min() > 0:
            found["worst_to_reference"] = figure(
                values[worst] / values[reference], means[worst] / means[reference], settings
            )
    return found


def against(plain: Samples, other: Samples, settings: QuantizeSettings) -> dict[str, Any]:
    """What `other` adds to the divergence of `plain`, in nats: below zero it loses less.

    `worst`: the largest divergence of any language in one file minus the largest in the other, whichever they are.
    """
    before, after = drawn(plain, settings), drawn(other, settings)
    values = {code: (plain[code].value, other[code].value) for code in plain}

    def difference(of: Any) -> dict[str, float | None]:
        value = of([b for _, b in values.values()], 0) - of([a for a, _ in values.values()], 0)
        return figure(float(value), of(list(after.values()), 0) - of(list(before.values()), 0), settings)

    return {
        "mean": difference(np.mean),
        "worst": difference(np.max),
        "languages": {
            code: figure(other[code].value - plain[code].value, after[code] - before[code], settings) for code in plain
        },
    }


def figure(value: float, draws: np.ndarray | Sequence[float], settings: QuantizeSettings) -> dict[str, float | None]:
    """The value with the percentile interval of its bootstrap `draws`, at the settings' confidence."""
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return {"value": rounded(value), "low": rounded(float(low)), "high": rounded(float(high))}
