"""How much of a text repeats itself: lines and n-grams of words, as Gopher's rules count them (Rae et al. 2021, A.1.1).

Where the paper leaves room, it is filled as datatrove does, so that thresholds published for it hold here too.
"""

from typing import Any

import numpy as np

from openbook.corpus.compiled import kernel
from openbook.corpus.kernel import mix

_BASE = np.uint64(0x9E3779B97F4A7C15)


@kernel
def prefixes(words: Any, count: Any, out: Any) -> Any:
    """Polynomial prefix hashes, out[0] = 0: the hash of any run of words is a difference of two of them."""
    out[0] = np.uint64(0)
    for i in range(count):
        out[i + 1] = out[i] * _BASE + words[i]


@kernel
def power(n: Any) -> Any:
    """What a prefix is multiplied with before it is taken off a prefix n words longer."""
    value = np.uint64(1)
    for _ in range(n):
        value *= _BASE
    return value


@kernel(inline=True)
def run_hash(prefix: Any, start: Any, n: Any, factor: Any) -> Any:
    """Hash of the n words from `start`; factor = power(n)."""
    return mix(prefix[start + n] - prefix[start] * factor)


@kernel
def top_gram(
    prefix: Any, lengths: Any, count: Any, n: Any, keys: Any, stamps: Any, stamp: Any, seen: Any, first: Any
) -> Any:
    """Characters in the most frequent n-gram, spaces inside it included, times its count; 0 when none comes twice.

    Of several, the one that stands first.
    """
    mask = keys.size - 1
    factor = power(n)
    best, best_first = 1, count
    for i in range(count - n + 1):
        h = run_hash(prefix, i, n, factor)
        slot = np.int64(h & np.uint64(mask))
        while stamps[slot] == stamp and keys[slot] != h:
            slot = (slot + 1) & mask
        if stamps[slot] != stamp:
            stamps[slot] = stamp
            keys[slot] = h
            seen[slot] = 1
            first[slot] = i
            continue
        seen[slot] += 1
        if seen[slot] > best or (seen[slot] == best and best > 1 and first[slot] < best_first):
            best, best_first = seen[slot], first[slot]
    if best < 2:
        return 0
    characters = n - 1
    for i in range(best_first, best_first + n):
        characters += lengths[i]
    return characters * best


@kernel
def duplicate_grams(prefix: Any, lengths: Any, count: Any, n: Any, keys: Any, stamps: Any, stamp: Any) -> Any:
    """Characters in n-grams that stood before, none counted twice: the search goes on behind a repeated one."""
    mask = keys.size - 1
    factor = power(n)
    characters = 0
    i = 0
    while i + n <= count:
        h = run_hash(prefix, i, n, factor)
        slot = np.int64(h & np.uint64(mask))
        while stamps[slot] == stamp and keys[slot] != h:
            slot = (slot + 1) & mask
        if stamps[slot] == stamp:
            for k in range(i, i + n):
                characters += lengths[k]
            i += n
        else:
            stamps[slot] = stamp
            keys[slot] = h
            i += 1
    return characters


@kernel
def repeated(hashes: Any, lengths: Any, count: Any, keys: Any, stamps: Any, stamp: Any) -> Any:
    """How many of the elements stood before, and their characters. `keys` has a power of two places, twice `count`."""
    mask = keys.size - 1
    again, characters = 0, 0
    for i in range(count):
        h = hashes[i]
        slot = np.int64(h & np.uint64(mask))
        while stamps[slot] == stamp and keys[slot] != h:
            slot = (slot + 1) & mask
        if stamps[slot] == stamp:
            again += 1
            characters += lengths[i]
        else:
            stamps[slot] = stamp
            keys[slot] = h
    return again, characters


@kernel
def distinct_of(hashes: Any, count: Any, keys: Any, stamps: Any, stamp: Any) -> Any:
    """Move the first of each to the front; returns how many there are. `keys` as for `repeated`."""
    mask = keys.size - 1
    kept = 0
    for i in range(count):
        h = hashes[i]
        slot = np.int64(h & np.uint64(mask))
        while stamps[slot] == stamp and keys[slot] != h:
            slot = (slot + 1) & mask
        if stamps[slot] != stamp:
            stamps[slot] = stamp
            keys[slot] = h
            hashes[kept] = h
            kept += 1
    return kept
