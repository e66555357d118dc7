"""The fingerprints of a text, compiled: what find.quote does for one quote, for every text of a corpus."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbook.corpus.compiled import kernel
from openbook.corpus.find import quote
from openbook.corpus.kernel import mix
from openbook.corpus.word_lists import word_hashes

_SEED, _PRIME = np.uint64(quote.SEED), np.uint64(quote.PRIME)
_GRAM, _WINDOW = quote.GRAM, quote.WINDOW


def fingerprints(text: str) -> tuple[int, NDArray[np.uint64]]:
    """The key of the whole text (0 for one without words) and those of its passages, ascending, each once."""
    whole, kept = _winnow(word_hashes(text))
    kept.sort()
    return int(whole), kept[: _distinct(kept)]


@kernel
def _distinct(ascending: Any) -> Any:
    """Move the first of each to the front; returns how many there are."""
    count = 0
    for i in range(ascending.size):
        if i == 0 or ascending[i] != ascending[i - 1]:
            ascending[count] = ascending[i]
            count += 1
    return count


@kernel
def _winnow(words: Any) -> Any:
    n = words.size
    if n == 0:
        return np.uint64(0), np.empty(0, np.uint64)
    h = _SEED
    for i in range(n):
        h = (h ^ words[i]) * _PRIME
    whole = mix(h)
    count = n - _GRAM + 1
    if count <= 0:
        return whole, np.empty(0, np.uint64)
    runs = np.empty(count, np.uint64)
    for i in range(count):
        h = _SEED
        for k in range(_GRAM):
            h = (h ^ words[i + k]) * _PRIME
        runs[i] = mix(h)
    kept = np.empty(count, np.uint64)
    size, last = 0, -1
    for end in range(min(_WINDOW, count), count + 1):
        start = max(end - _WINDOW, 0)
        if last < start:
            last = start
            for i in range(start + 1, end):
                if runs[i] < runs[last]:
                    last = i
        elif runs[end - 1] < runs[last]:
            last = end - 1
        else:
            continue
        kept[size] = runs[last]
        size += 1
    return whole, kept[:size].copy()
