"""What is measured of every text, before anything is decided: the statistics of the Gopher, C4 and FineWeb rules.

One compiled call per text gives the measures, the MinHash signature and the normalized text.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbook.corpus import characters
from openbook.corpus.compiled import kernel
from openbook.corpus.kernel import (
    BLANK,
    BULLET,
    ELLIPSIS,
    ENDS,
    HAS_ALPHA,
    HAS_WORD,
    decode,
    lines_of,
    paragraphs_of,
    words_of,
)
from openbook.corpus.line_rules import line_rules
from openbook.corpus.repetition import distinct_of, duplicate_grams, prefixes, repeated, top_gram
from openbook.corpus.signature import keys as signature_keys
from openbook.corpus.signature import signature
from openbook.corpus.word_lists import WordLists, no_lists

MEASURES = (
    "characters",
    "words",  # not of symbols only
    "word_length",  # mean, of those words
    "hash_ratio",  # "#" a word, words of symbols included
    "ellipsis_ratio",
    "bullet_lines",  # shares of the lines that are not blank, here and below
    "ellipsis_lines",
    "alpha_words",  # share of all words, those of symbols included, that hold a letter
    "stop_words",  # how many of the language's stop words occur
    "duplicate_lines",
    "duplicate_line_characters",  # shares of all characters, here and below
    "duplicate_paragraphs",
    "duplicate_paragraph_characters",
    "top_2_gram",
    "top_3_gram",
    "top_4_gram",
    "duplicate_5_gram",
    "duplicate_6_gram",
    "duplicate_7_gram",
    "duplicate_8_gram",
    "duplicate_9_gram",
    "duplicate_10_gram",
    "terminal_lines",
    "short_lines",  # of at most 30 characters
    "repeated_characters",  # in lines that stood before, of all but line feeds
    "line_feeds",  # between lines that are not blank, a word, words of symbols included
    "sentences",  # in the lines that C4's line rules leave
    "left_lines",  # share of the lines that C4's line rules leave
    "brace_lines",
    "lorem_ipsum",
    "script_lines",  # that hold a word which begins with "javascript", or its like in another script
    "policy_lines",  # that hold a phrase of cookie banners and terms of use
    "digits",
    "upper_case",
    "distinct_words",  # share of the folded words
)
INDEX = {name: at for at, name in enumerate(MEASURES)}
SHORT_LINE = 30

# Places in MEASURES, as the compiled code needs them: plain integers.
_COUNT = len(MEASURES)
_TOP = INDEX["top_2_gram"]
_DUPLICATE = INDEX["duplicate_5_gram"]
_DIGITS, _UPPER, _DISTINCT = INDEX["digits"], INDEX["upper_case"], INDEX["distinct_words"]
_DIGIT, _TABLE_SIZE = characters.DIGIT, characters.TABLE_SIZE


@dataclass(frozen=True, slots=True)
class Measured:
    values: NDArray[np.float64]
    """In the order of MEASURES."""
    signature: NDArray[np.uint32]
    normal: bytes
    """The folded words, symbols left out, joined by one space: equal texts in this sense are exact duplicates."""
    lines: NDArray[np.uint64]
    """Those keys of line_keys that count, each once, ascending."""

    def __getitem__(self, name: str) -> float:
        return float(self.values[INDEX[name]])


def measure(text: str, lists: WordLists | None = None, values: int = 112, run: int = 5) -> Measured:
    """Take `text` apart once. It must hold no lone surrogates. `values`, `run`: of the MinHash signature."""
    lists = lists or no_lists()
    measures, minhash, normal, line_keys = _scan(
        np.frombuffer(text.encode(), np.uint8),
        characters.classes(),
        characters.lower(),
        (lists.stop_words, lists.phrases, lists.heads, lists.sizes, lists.scripts, lists.dummies),
        signature_keys(values),
        run,
    )
    line_keys.sort()
    return Measured(measures, minhash, normal.tobytes(), line_keys)


@kernel
def _scan(data: Any, classes: Any, lower: Any, lists: Any, minhash_keys: Any, run: Any) -> Any:
    out = np.zeros(_COUNT, np.float64)
    size = data.size
    points, kinds = np.empty(size, np.int32), np.empty(size, np.uint8)
    n = decode(data, classes, points, kinds)
    exact, folded = np.empty(n, np.uint64), np.empty(n, np.uint64)
    begins, lengths, flags = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.uint8)
    normal = np.empty(2 * size + 8, np.uint8)
    tokens, normal_size = words_of(points, kinds, n, lower, exact, folded, begins, lengths, flags, normal)
    breaks = 0
    for i in range(n):
        breaks += points[i] == 10
    line_hashes, line_lengths = np.empty(breaks + 1, np.uint64), np.empty(breaks + 1, np.int32)
    line_flags, starts = np.empty(breaks + 1, np.uint8), np.empty(breaks + 2, np.int64)
    ends = np.empty(breaks + 1, np.int64)
    lines = lines_of(points, kinds, n, line_hashes, line_lengths, line_flags, starts, ends)

    words = _word_measures(points, kinds, lower, n, lengths, flags, tokens, out)
    line_keys = np.empty(breaks + 1, np.uint64)
    keyed = line_rules(
        points, kinds, line_flags, starts, ends, lines, lower, folded, begins, flags, tokens, lists, line_keys, out
    )

    places = 16
    while places < 2 * (tokens + lines + 1):
        places *= 2
    keys, stamps = np.empty(places, np.uint64), np.zeros(places, np.uint8)
    _line_measures(n, breaks, line_hashes, line_lengths, line_flags, lines, tokens, keys, stamps, out)
    prefix = np.empty(tokens + 1, np.uint64)
    prefixes(exact, tokens, prefix)
    seen, first = np.empty(places, np.int32), np.empty(places, np.int32)
    # Where no run of so many words comes twice, no longer one does.
    again = n
    for grams in range(2, 5):
        if again:
            again = top_gram(prefix, lengths, tokens, grams, keys, stamps, 9 + grams, seen, first)
            out[_TOP + grams - 2] = again / n
    for grams in range(5, 11):
        if again:
            again = duplicate_grams(prefix, lengths, tokens, grams, keys, stamps, 9 + grams)
            out[_DUPLICATE + grams - 5] = again / n

    kept = 0
    for i in range(tokens):
        if flags[i] & HAS_WORD:
            folded[kept] = folded[i]
            kept += 1
    if words:
        more, _ = repeated(folded, lengths, kept, keys, stamps, 20)
        out[_DISTINCT] = (words - more) / words
    prefixes(folded, kept, prefix)
    minhash = np.empty(minhash_keys.shape[1], np.uint32)
    signature(prefix, kept, run, minhash_keys, minhash)
    distinct = distinct_of(line_keys, keyed, keys, stamps, 21)
    return out, minhash, normal[:normal_size].copy(), line_keys[:distinct].copy()


@kernel
def _word_measures(points: Any, kinds: Any, lower: Any, n: Any, lengths: Any, flags: Any, tokens: Any, out: Any) -> Any:
    words, alpha, characters_in_words = 0, 0, 0
    for i in range(tokens):
        if flags[i] & HAS_WORD:
            words += 1
            characters_in_words += lengths[i]
        if flags[i] & HAS_ALPHA:
            alpha += 1
    hashes, ellipses, digits, upper, dots = 0, 0, 0, 0, 0
    for i in range(n):
        point = points[i]
        hashes += point == 35
        ellipses += point == 0x2026
        dots = dots + 1 if point == 46 else 0
        if dots == 3:
            ellipses += 1
            dots = 0
        digits += (kinds[i] & _DIGIT) != 0
        upper += point < _TABLE_SIZE and lower[point] != point
    out[0] = n
    out[1] = words
    out[2] = characters_in_words / words if words else 0.0
    if tokens:
        out[3] = hashes / tokens
        out[4] = ellipses / tokens
        out[7] = alpha / tokens
    if n:
        out[_DIGITS] = digits / n
        out[_UPPER] = upper / n
    return words


@kernel
def _line_measures(
    n: Any,
    breaks: Any,
    hashes: Any,
    lengths: Any,
    flags: Any,
    lines: Any,
    tokens: Any,
    keys: Any,
    stamps: Any,
    out: Any,
) -> Any:
    paragraph_hashes, paragraph_lengths = np.empty(lines, np.uint64), np.empty(lines, np.int64)
    paragraphs = paragraphs_of(lines, hashes, lengths, flags, paragraph_hashes, paragraph_lengths)
    again, characters_again = repeated(paragraph_hashes, paragraph_lengths, paragraphs, keys, stamps, 1)
    if paragraphs:
        out[11] = again / paragraphs
        out[12] = characters_again / n
    filled, bullets, dotted, terminal, short = 0, 0, 0, 0, 0
    for i in range(lines):
        if flags[i] & BLANK:
            continue
        bullets += (flags[i] & BULLET) != 0
        dotted += (flags[i] & ELLIPSIS) != 0
        terminal += (flags[i] & ENDS) != 0
        short += lengths[i] <= SHORT_LINE
        paragraph_hashes[filled] = hashes[i]
        paragraph_lengths[filled] = lengths[i]
        filled += 1
    if filled == 0:
        return
    again, characters_again = repeated(paragraph_hashes, paragraph_lengths, filled, keys, stamps, 2)
    out[5] = bullets / filled
    out[6] = dotted / filled
    out[9] = again / filled
    out[10] = characters_again / n
    out[22] = terminal / filled
    out[23] = short / filled
    out[24] = characters_again / (n - breaks)
    out[25] = (filled - 1) / tokens if tokens else 0.0
