"""A statistical mark in generated text (Kirchenbauer et al. 2023, "A Watermark for Large Language Models").

After each token a keyed hash of it makes a share of the vocabulary green; green tokens get a bias while the answer is
written, and whoever holds the key counts them later. The mark is in the choice of words, so a copy carries it.
"""

import hashlib
import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openbook.errors import OpenbookError

SHORTEST_KEY = 16  # bytes
FEWEST_PLACES = 16
"""Fewer different pairs of tokens than this say nothing either way."""


@dataclass(frozen=True)
class Watermark:
    """The mark of one key. `share` of the vocabulary is green (the paper's gamma); green logits grow by `bias` (delta).

    Which token is green after which is decided pair by pair, so the size of a vocabulary does not matter and a green
    list is never stored.
    """

    key: bytes
    share: float = 0.25
    bias: float = 2.0

    @classmethod
    def read(cls, path: Path, share: float = 0.25, bias: float = 2.0) -> "Watermark":
        """Raises OpenbookError when the file is missing or its secret too short to be one."""
        try:
            key = path.read_bytes().strip()
        except OSError as trouble:
            raise OpenbookError(f"The watermark's key {path} cannot be read: {trouble.strerror}.") from None
        if len(key) < SHORTEST_KEY:
            raise OpenbookError(
                f"The watermark's key {path} holds {len(key)} bytes; at least {SHORTEST_KEY} are needed. Make one: "
                f"openssl rand -hex 32 > {path}"
            )
        return cls(key, share, bias)

    def green(self, previous: int, tokens: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Which of `tokens` are green after `previous`."""
        return _scattered(_seed(self.key, previous), tokens) < np.uint64(int(self.share * 2**64))

    def green_pairs(self, pairs: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
        """Which pairs of neighbors (previous, token) are green."""
        seeds = np.array([_seed(self.key, previous) for previous, _ in pairs], dtype=np.uint64)
        tokens = np.array([token for _, token in pairs], dtype=np.int64)
        return _scattered(seeds, tokens) < np.uint64(int(self.share * 2**64))

    def favor(self, previous: int, logits: NDArray[np.float32], spared: Sequence[int] = ()) -> None:
        """Add the bias to the green logits [V] after `previous`; `spared` tokens, such as the end's, keep theirs."""
        green = self.green(previous, np.arange(len(logits)))
        green[list(spared)] = False
        logits[green] += np.float32(self.bias)


@lru_cache(maxsize=4096)
def _seed(key: bytes, previous: int) -> int:
    digest = hmac.new(key, previous.to_bytes(8, "little"), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "little")


def _scattered(seed: int | NDArray[np.uint64], tokens: NDArray[np.integer]) -> NDArray[np.uint64]:
    """A uniform 64-bit number for each token: splitmix64's output function (Steele et al. 2014) at a keyed place."""
    with np.errstate(over="ignore"):
        found = (tokens.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        found += np.asarray(seed, dtype=np.uint64)
        found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(found ^ (found >> np.uint64(31)))


@dataclass(frozen=True)
class Detection:
    """How green a text is. `p_value`: the chance that a text without the mark is at least so green."""

    tokens: int
    places: int
    """Different pairs of neighbors; a repeated pair says nothing new (section 4.1 of the paper)."""
    green: int
    z_score: float
    p_value: float


def detect(ids: Sequence[int], mark: Watermark) -> Detection:
    """Count a text's green tokens; exact binomial tail under the share that chance would give."""
    pairs = sorted({(int(first), int(second)) for first, second in pairwise(ids)})
    green, count, share = int(mark.green_pairs(pairs).sum()), len(pairs), mark.share
    if count < FEWEST_PLACES:
        raise OpenbookError(
            f"The text is too short to tell: it has {count} different pairs of tokens; {FEWEST_PLACES} are needed."
        )
    z_score = (green - share * count) / math.sqrt(count * share * (1 - share))
    return Detection(len(ids), count, green, z_score, _tail(green, count, share))


def _tail(least: int, count: int, share: float) -> float:
    """The chance of at least `least` successes in `count` draws; in logarithms, so that it does not become 0 early."""
    if least <= 0:
        return 1.0
    ways = [math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1) for k in range(least, count + 1)]
    logs = [way + k * math.log(share) + (count - k) * math.log1p(-share) for k, way in enumerate(ways, least)]
    highest = max(logs)
    return min(1.0, math.exp(highest) * math.fsum(math.exp(one - highest) for one in logs))
