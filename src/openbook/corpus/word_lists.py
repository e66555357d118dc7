"""The words that a language adds to the measures: stop words, phrases of banners, names of scripts, dummy text.

They are told to the compiled code as hashes of folded words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbook.corpus import characters
from openbook.corpus.compiled import kernel
from openbook.corpus.kernel import HAS_WORD, decode, words_of
from openbook.corpus.line_rules import PHRASE_WORDS
from openbook.corpus.repetition import prefixes

SCRIPT_WORD, DUMMY_TEXT = "javascript", "lorem ipsum"
"""As they are written in most languages; words.toml has others."""


@dataclass(frozen=True)
class WordLists:
    """What a language adds to the measures, as hashes of folded words (or of runs of them)."""

    stop_words: NDArray[np.uint64]
    phrases: NDArray[np.uint64]
    heads: NDArray[np.uint64]
    sizes: NDArray[np.int64]
    scripts: NDArray[np.int32]
    """[k, width]: code points of folded words about scripts of pages, filled up with zeros; matched as beginnings."""
    dummies: NDArray[np.uint64]
    """[k, 2]: the two words of dummy text."""


def word_hashes(text: str) -> NDArray[np.uint64]:
    """Hashes of the folded words of `text`, those of symbols left out."""
    data = np.frombuffer(text.encode(), np.uint8)
    return _folded(data, characters.classes(), characters.lower())


def word_lists(
    stop_words: Sequence[str], phrases: Sequence[str], scripts: Sequence[str] = (), dummies: Sequence[str] = ()
) -> WordLists:
    """At most 64 stop words, of one word each; phrases of one to four words; `scripts`, `dummies`: a language's own
    names for JavaScript and for "lorem ipsum" (two words), besides those."""
    stops = [word_hashes(word) for word in stop_words[:64]]
    split = [word_hashes(phrase) for phrase in phrases]
    split = [one for one in split if 0 < one.size <= PHRASE_WORDS]
    hashes = [_phrase_hash(one) for one in split]
    return WordLists(
        np.array([one[0] for one in stops if one.size == 1], np.uint64),
        np.array(hashes, np.uint64),
        np.array([one[0] for one in split], np.uint64),
        np.array([one.size for one in split], np.int64),
        _beginnings([SCRIPT_WORD, *scripts]),
        np.stack([word_hashes(pair) for pair in (DUMMY_TEXT, *dummies)]),
    )


def _beginnings(words: Sequence[str]) -> NDArray[np.int32]:
    rows = np.zeros((len(words), max(map(len, words))), np.int32)
    for row, word in zip(rows, words, strict=True):
        row[: len(word)] = [ord(character) for character in characters.fold(word)]
    return rows


@cache
def no_lists() -> WordLists:
    """Of a language of which nothing is known."""
    return word_lists([], [])


@kernel
def _phrase_hash(words: Any) -> Any:
    prefix = np.empty(words.size + 1, np.uint64)
    prefixes(words, words.size, prefix)
    return prefix[words.size]


@kernel
def _folded(data: Any, classes: Any, lower: Any) -> Any:
    points, kinds = np.empty(data.size, np.int32), np.empty(data.size, np.uint8)
    n = decode(data, classes, points, kinds)
    exact, folded = np.empty(n, np.uint64), np.empty(n, np.uint64)
    begins, lengths, flags = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.uint8)
    normal = np.empty(2 * data.size + 8, np.uint8)
    count, _ = words_of(points, kinds, n, lower, exact, folded, begins, lengths, flags, normal)
    kept = 0
    for i in range(count):
        if flags[i] & HAS_WORD:
            folded[kept] = folded[i]
            kept += 1
    return folded[:kept].copy()
