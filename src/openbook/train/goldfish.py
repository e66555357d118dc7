"""Which tokens the Goldfish loss leaves out, so that no passage is learned whole (Hans et al. 2024, arXiv:2406.10209).

The hashed mask of section 3.1: whether a token counts depends only on the h tokens before it, so that a passage that
comes back, in another row, document or run, leaves out the same tokens. The key of the hash is fixed for that reason.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field


class Goldfish(BaseModel):
    """One token in `k` is left out of the loss, by a hash of the `h` tokens before it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    k: int = Field(4, ge=2)
    h: int = Field(13, ge=1, le=256)


_START, _STEP = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03


def dropped(tokens: NDArray[np.int64], bos: int, settings: Goldfish) -> NDArray[np.bool_]:
    """Whether each token [n] is left out: its hash is below 1 / k of all hashes.

    The hash never looks across the border of a document: the first `h` tokens of one (`bos` among them) are kept, as
    are those at the beginning of `tokens`, for which the hash is not determined either.
    """
    count, h = len(tokens), settings.h
    found = np.zeros(count, np.bool_)
    if count <= h:
        return found
    state = np.full(count - h, _START, np.uint64)
    words = tokens.astype(np.uint64)
    for back in range(h):
        state = _mix(state ^ (words[back : back + count - h] + np.uint64(_STEP)))
    places = np.arange(count)
    starts = np.maximum.accumulate(np.where(tokens == bos, places, 0))
    found[h:] = (state < np.uint64((1 << 64) // settings.k)) & (places[h:] - starts[h:] >= h)
    return found


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014), modulo 2^64."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
