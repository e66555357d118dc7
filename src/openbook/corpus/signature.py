"""What stands for a text when near duplicates are sought: MinHash (Broder 1997) over runs of words.

Words are folded and without symbols. A value of the signature is the smallest of one keyed hash over all runs; the
share of equal values estimates the Jaccard similarity of two texts' sets of runs.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbook.books.chance import generator
from openbook.corpus.compiled import kernel
from openbook.corpus.repetition import power, run_hash

MOST_VALUES = 128


@cache
def keys(values: int) -> NDArray[np.uint32]:
    """A row of odd factors and a row of masks, one pair for each value of a signature."""
    drawn = generator(0, "corpus minhash").integers(0, 2**32, (2, MOST_VALUES), dtype=np.uint64)[:, :values]
    drawn[0] |= 1
    return drawn.astype(np.uint32)


@kernel
def _lower_all(low: Any, high: Any, keys: Any, out: Any) -> Any:
    """One run's hash against every value. All in 32 bits, so that it compiles to vector instructions."""
    factors, masks = keys[0], keys[1]
    for k in range(out.size):
        x = np.uint32(np.uint32(low ^ masks[k]) * factors[k])
        x = np.uint32(np.uint32(np.uint32(x ^ np.uint32(x >> np.uint32(15))) ^ high) * np.uint32(0x2C1B3C6D))
        x = np.uint32(x ^ np.uint32(x >> np.uint32(13)))
        out[k] = min(out[k], x)


@kernel
def signature(prefix: Any, count: Any, run: Any, keys: Any, out: Any) -> Any:
    """MinHash values of the runs of `run` words (of all the words, where there are fewer) into `out`."""
    out[:] = 0xFFFFFFFF
    if count == 0:
        return
    n = min(run, count)
    factor = power(n)
    for i in range(count - n + 1):
        h = run_hash(prefix, i, n, factor)
        _lower_all(np.uint32(h & np.uint64(0xFFFFFFFF)), np.uint32(h >> np.uint64(32)), keys, out)
