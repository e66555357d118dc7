"""What a quantized file loses against the checkpoint, token by token, and how sure the figures are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from openbook.books.chance import generator
from openbook.evaluate.interval import ratio_interval
from openbook.model.export.check import rounded


@dataclass(frozen=True)
class Said:
    """What the model itself says after each id of a text but the last; made once, compared with every file."""

    ids: np.ndarray
    logits: np.ndarray
    """[len(ids) - 1, vocabulary], float32."""
    p: np.ndarray
    normalizer: np.ndarray
    """Natural logarithm of the sum of exp(logits), [len(ids) - 1], float64."""
    nats: np.ndarray
    """Of the id that follows."""

    @classmethod
    def of(cls, ids: Sequence[int] | np.ndarray, logits: np.ndarray) -> "Said":
        """`logits`: [len(ids), vocabulary]."""
        row, ours = np.asarray(ids, np.int64), np.ascontiguousarray(logits[:-1], np.float32)
        normalizer = normalizers(ours)
        p = np.exp(ours - normalizer[:, None].astype(np.float32))
        return cls(row, ours, p, normalizer, normalizer - following(ours, row))


def normalizers(logits: np.ndarray) -> np.ndarray:
    """[row]: the logarithm of the sum of exp over logits [row, vocabulary], summed in float64."""
    highest = logits.max(axis=1)
    total = np.exp(logits - highest[:, None]).sum(axis=1, dtype=np.float64)
    found: np.ndarray = np.log(total) + highest
    return found


def following(logits: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """[row - 1]: the logit of the token that really follows, from logits [row, vocabulary] and the row's ids."""
    found: np.ndarray = logits[np.arange(len(ids) - 1), ids[1:]].astype(np.float64)
    return found


@dataclass(frozen=True)
class Row:
    """One text: figures after each of its ids but the last."""

    divergence: np.ndarray
    """KL(ours || file) over the whole vocabulary, nats."""
    change: np.ndarray
    """Of the probability of the token that follows."""
    same_top: np.ndarray
    ours: np.ndarray
    """Nats of the token that follows, by the checkpoint."""
    theirs: np.ndarray


def row_loss(said: Said, theirs: np.ndarray) -> Row:
    """`theirs`: the file's logits [len(ids), vocabulary].

    KL(p || q) = sum of p (a - b) + Z(b) - Z(a) for logits a and b and the logarithms Z of their sums: the difference
    of the logits is taken before anything is summed, so that a loss of 1e-7 nats is still seen in single precision.
    """
    other = theirs[:-1]
    normalizer = normalizers(other)
    apart = np.einsum("ij,ij->i", said.p, said.logits - other, dtype=np.float64)
    nats = normalizer - following(other, said.ids)
    return Row(
        divergence=np.maximum(apart / said.p.sum(axis=1, dtype=np.float64) + normalizer - said.normalizer, 0.0),
        change=np.exp(-nats) - np.exp(-said.nats),
        same_top=said.logits.argmax(axis=1) == other.argmax(axis=1),
        ours=said.nats,
        theirs=nats,
    )


def figures(
    rows: Sequence[Row], size: int, seed: int, purpose: str, resamples: int, confidence: float
) -> dict[str, Any]:
    """One language of one file. `size`: bytes of its texts. Intervals are bootstrapped over texts; null below two."""
    counts = np.array([len(row.divergence) for row in rows], dtype=np.float64)

    def share(values: Sequence[np.ndarray], below: np.ndarray = counts) -> dict[str, float | None]:
        above = np.array([one.sum() for one in values], dtype=np.float64)
        interval = ratio_interval(above, below, seed, purpose, resamples, confidence)
        return _figure(float(above.sum() / below.sum()), interval)

    divergence = np.concatenate([row.divergence for row in rows])
    spread = share([row.change**2 for row in rows])
    bits = sum(float(row.ours.sum()) for row in rows) / np.log(2) / size
    after = sum(float(row.theirs.sum()) for row in rows) / np.log(2) / size
    high = _quantiles(rows, 0.99, seed, purpose, resamples, confidence)
    return {
        "mean_divergence": share([row.divergence for row in rows]),
        "median_divergence": rounded(float(np.median(divergence))),
        "p99_divergence": _figure(float(np.quantile(divergence, 0.99)), high),
        "rms_change": {name: None if value is None else rounded(value**0.5) for name, value in spread.items()},
        "same_top": share([row.same_top for row in rows]),
        "log_perplexity_ratio": share([row.theirs - row.ours for row in rows]),
        "bits_per_byte": round(bits, 4),
        "bits_per_byte_quantized": round(after, 4),
        "texts": len(rows),
        "tokens": int(counts.sum()),
    }


def _quantiles(
    rows: Sequence[Row], level: float, seed: int, purpose: str, resamples: int, confidence: float
) -> tuple[float, float] | None:
    if len(rows) < 2:
        return None
    random = generator(seed, f"{purpose}/quantile")
    draws = random.integers(0, len(rows), size=(min(resamples, 200), len(rows)))
    found = [np.quantile(np.concatenate([rows[index].divergence for index in draw]), level) for draw in draws]
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _figure(value: float, interval: tuple[float, float] | None) -> dict[str, float | None]:
    low, high = (rounded(interval[0]), rounded(interval[1])) if interval else (None, None)
    return {"value": rounded(value), "low": low, "high": high}
