"""How a text is taken apart: one compiled pass over its UTF-8 bytes into words, lines and paragraphs, and their hashes.

A word is a run of letters, marks and numbers, with single joiners inside. A run of one repeated other character is a
word of symbols, unless it stands between two words without a space (a/b, x.y): there it only divides them. Characters
are code points throughout. Integers only, so that every machine gets the same result.
"""

from typing import Any

import numpy as np

from openbook.corpus import characters as c
from openbook.corpus.compiled import kernel

WORD, ALPHA, DIGIT, SPACE = c.WORD, c.ALPHA, c.DIGIT, c.SPACE
TERMINAL, JOINER, SINGLE, QUAD = c.TERMINAL, c.JOINER, c.SINGLE, c.QUAD
TABLE_SIZE = c.TABLE_SIZE

HAS_WORD, HAS_ALPHA = 1, 2
"""Flags of a word: not of symbols only; holds a letter."""
BLANK, ENDS, BULLET, ELLIPSIS, BRACE = 1, 2, 4, 8, 16
"""Flags of a line: no character but space; ends with a terminal mark; begins with a bullet; ends with an ellipsis;
holds a curly bracket."""

_CLOSERS = np.array(sorted(map(ord, c.CLOSERS)), np.int32)
_BULLETS = np.array(sorted(map(ord, c.BULLETS)), np.int32)
_QUESTION = ord(c.GREEK_QUESTION_MARK)
_GREEK_FIRST, _GREEK_LAST = c.GREEK[0]
_GREEK_MORE_FIRST, _GREEK_MORE_LAST = c.GREEK[1]
_WIDE = np.array(sorted(map(ord, c.WIDE_TERMINAL_MARKS)), np.int32)
_SEED = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_MIX1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX2 = np.uint64(0xC4CEB9FE1A85EC53)
_S33 = np.uint64(33)


@kernel(inline=True)
def mix(h: Any) -> Any:
    """The finalizer of MurmurHash3 (Appleby): every bit of the input moves every bit of the output."""
    h ^= h >> _S33
    h *= _MIX1
    h ^= h >> _S33
    h *= _MIX2
    return h ^ (h >> _S33)


@kernel(inline=True)
def _among(point: Any, some: Any) -> Any:
    for one in some:  # noqa: SIM110 (numba compiles no generator)
        if point == one:
            return True
    return False


@kernel(inline=True)
def _put(out: Any, at: Any, point: Any) -> Any:
    """Append one code point as UTF-8."""
    if point < 0x80:
        out[at] = point
        return at + 1
    if point < 0x800:
        out[at] = 0xC0 | (point >> 6)
        out[at + 1] = 0x80 | (point & 63)
        return at + 2
    if point < 0x10000:
        out[at] = 0xE0 | (point >> 12)
        out[at + 1] = 0x80 | ((point >> 6) & 63)
        out[at + 2] = 0x80 | (point & 63)
        return at + 3
    out[at] = 0xF0 | (point >> 18)
    out[at + 1] = 0x80 | ((point >> 12) & 63)
    out[at + 2] = 0x80 | ((point >> 6) & 63)
    out[at + 3] = 0x80 | (point & 63)
    return at + 4


@kernel(inline=True)
def _is_greek(point: Any) -> Any:
    return _GREEK_FIRST <= point <= _GREEK_LAST or _GREEK_MORE_FIRST <= point <= _GREEK_MORE_LAST


@kernel
def decode(data: Any, classes: Any, points: Any, kinds: Any) -> Any:
    """UTF-8 (valid) to code points and their classes; returns how many."""
    i, n = 0, 0
    size = data.size
    while i < size:
        b = np.int32(data[i])
        if b < 0x80:
            point = b
            i += 1
        elif b < 0xE0:
            point = ((b & 31) << 6) | (np.int32(data[i + 1]) & 63)
            i += 2
        elif b < 0xF0:
            point = ((b & 15) << 12) | ((np.int32(data[i + 1]) & 63) << 6) | (np.int32(data[i + 2]) & 63)
            i += 3
        else:
            point = (
                ((b & 7) << 18)
                | ((np.int32(data[i + 1]) & 63) << 12)
                | ((np.int32(data[i + 2]) & 63) << 6)
                | (np.int32(data[i + 3]) & 63)
            )
            i += 4
        points[n] = point
        if point == _QUESTION and n > 0 and _is_greek(points[n - 1]):
            kinds[n] = TERMINAL
        elif point < TABLE_SIZE:
            kinds[n] = classes[point]
        elif point < 0x40000:
            kinds[n] = WORD | ALPHA | SINGLE
        else:
            kinds[n] = 0
        n += 1
    return n


@kernel
def word_start(points: Any, kinds: Any, i: Any, n: Any) -> Any:
    """Where the next word from i on begins, n when there is none."""
    while i < n:
        if kinds[i] & SPACE:
            i += 1
            continue
        if kinds[i] & WORD or i == 0 or not kinds[i - 1] & WORD or kinds[i - 1] & (SINGLE | QUAD):
            return i
        k = i + 1
        while k < n and not kinds[k] & (WORD | SPACE):
            k += 1
        if k == n or not kinds[k] & WORD or kinds[k] & (SINGLE | QUAD):
            return i
        i = k
    return n


@kernel
def word_end(points: Any, kinds: Any, i: Any, n: Any) -> Any:
    """Where the word that begins at i ends."""
    kind = kinds[i]
    j = i + 1
    if not kind & WORD:
        while j < n and points[j] == points[i]:
            j += 1
        return j
    if kind & SINGLE:
        return j
    if kind & QUAD:
        while j < n and j < i + 4 and kinds[j] & QUAD:
            j += 1
        return j
    while j < n:
        if kinds[j] & WORD:
            if kinds[j] & (SINGLE | QUAD):
                break
            j += 1
        elif j + 1 < n and kinds[j + 1] & WORD and not kinds[j + 1] & (SINGLE | QUAD):
            point = points[j]
            number = (point == 46 or point == 44 or point == 58) and kinds[j - 1] & DIGIT and kinds[j + 1] & DIGIT
            if not (kinds[j] & JOINER or number):
                break
            j += 2
        else:
            break
    return j


@kernel
def words_of(
    points: Any,
    kinds: Any,
    n: Any,
    lower: Any,
    exact: Any,
    folded: Any,
    begins: Any,
    lengths: Any,
    flags: Any,
    normal: Any,
) -> Any:
    """Words into their arrays and, as `normal`, the folded words joined by one space; returns (words, size)."""
    count, at = 0, 0
    i = word_start(points, kinds, 0, n)
    while i < n:
        j = word_end(points, kinds, i, n)
        h, f = _SEED, _SEED
        flag = 0
        wordy = kinds[i] & WORD
        if wordy and at:
            normal[at] = 32
            at += 1
        for k in range(i, j):
            point = points[k]
            small = lower[point] if point < TABLE_SIZE else point
            h = (h ^ np.uint64(point)) * _PRIME
            f = (f ^ np.uint64(small)) * _PRIME
            if kinds[k] & ALPHA:
                flag |= HAS_ALPHA
            if wordy:
                at = _put(normal, at, small)
        if wordy:
            flag |= HAS_WORD
        exact[count] = mix(h)
        folded[count] = mix(f)
        begins[count] = i
        lengths[count] = j - i
        flags[count] = flag
        count += 1
        i = word_start(points, kinds, j, n)
    return count, at


@kernel
def lines_of(
    points: Any, kinds: Any, n: Any, hashes: Any, lengths: Any, flags: Any, starts: Any, sentences: Any
) -> Any:
    """Lines (split at every line feed) into their arrays; `sentences` counts the ends of sentences in each.

    Returns the number of lines; starts[count] = n.
    """
    count = 0
    i = 0
    while i <= n:
        j = i
        h = _SEED
        first, last = -1, -1
        flag, ends = 0, 0
        while j < n and points[j] != 10:
            h = (h ^ np.uint64(points[j])) * _PRIME
            if not kinds[j] & SPACE:
                if first < 0:
                    first = j
                last = j
                if points[j] == 123:
                    flag |= BRACE
            j += 1
        if first < 0:
            flag |= BLANK
        else:
            if _among(points[first], _BULLETS):
                flag |= BULLET
            dots = last - first >= 2 and points[last] == 46 and points[last - 1] == 46 and points[last - 2] == 46
            if points[last] == 0x2026 or dots:
                flag |= ELLIPSIS
            tail = last
            while tail > first and _among(points[tail], _CLOSERS):
                tail -= 1
            if kinds[tail] & TERMINAL:
                flag |= ENDS
            else:
                ends += 1
            ends += _sentence_ends(points, kinds, first, last)
        hashes[count] = mix(h)
        lengths[count] = j - i
        flags[count] = flag
        starts[count] = i
        sentences[count] = ends
        count += 1
        i = j + 1
    starts[count] = n
    return count


@kernel
def _sentence_ends(points: Any, kinds: Any, first: Any, last: Any) -> Any:
    """Runs of terminal marks (closers after them included) that space, the end or nothing wide follows."""
    ends = 0
    k = first
    while k <= last:
        if not kinds[k] & TERMINAL:
            k += 1
            continue
        wide = _among(points[k], _WIDE)
        while k <= last and (kinds[k] & TERMINAL or _among(points[k], _CLOSERS)):
            k += 1
        if wide or k > last or kinds[k] & SPACE:
            ends += 1
    return ends


@kernel
def paragraphs_of(lines: Any, hashes: Any, lengths: Any, flags: Any, out_hashes: Any, out_lengths: Any) -> Any:
    """Paragraphs (lines up to an empty line): returns their number. Length counts the line feeds inside."""
    count = 0
    i = 0
    while i < lines:
        if lengths[i] == 0:
            i += 1
            continue
        h = _SEED
        length = -1
        while i < lines and lengths[i] > 0:
            h = (h ^ hashes[i]) * _PRIME
            length += lengths[i] + 1
            i += 1
        out_hashes[count] = mix(h)
        out_lengths[count] = length
        count += 1
    return count
