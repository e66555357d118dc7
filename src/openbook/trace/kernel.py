"""The compiled loops of tracing: a text laid out for comparison, and the search for its words in a sorted index.

Laid out, a text is UTF-8 in which white space is one space, a word that something follows without a space ends with
byte 1, and a document ends with byte 0. So whatever follows a whole word is at most 0x20, what goes on with it more.
"""

from typing import Any

import numpy as np

from openbook.corpus.compiled import kernel
from openbook.trace.characters import ALONE, DIGIT, DIGIT_JOINER, DROPPED, JOINER, MARK, SPACE, WORD

END, JOINED, BLANK = 0, 1, 32
_NOTHING, _OPEN, _SIGN = 0, 1, 2


@kernel(inline=True)
def _next_class(points: Any, classes: Any, at: int) -> Any:
    """The class of the next character that counts; SPACE at the end."""
    while at < len(points):
        found = classes[points[at]]
        if found != DROPPED:
            return found
        at += 1
    return np.uint8(SPACE)


@kernel
def lay_out(points: Any, classes: Any, out: Any, words: Any) -> Any:
    """Write code points laid out into `out`; (bytes, words) that were written.

    `out`: uint8, five times as long as `points`; `words`: int32 [len(points), 4], each word's first byte, the byte
    behind it, its first code point and the one behind it.
    """
    size, count = 0, 0
    before, last, pending = _NOTHING, SPACE, False
    for at in range(len(points)):
        point = np.int64(points[at])
        kind = classes[point]
        if kind == DROPPED:
            continue
        if kind == SPACE:
            pending, last = True, SPACE
            continue
        inside = before == _OPEN and not pending
        if kind == JOINER:
            near = _next_class(points, classes, at + 1)
            joins = inside and last == WORD and near == WORD
        elif kind == DIGIT_JOINER:
            joins = inside and last == DIGIT and _next_class(points, classes, at + 1) == DIGIT
        elif kind == MARK:
            joins = inside
        else:
            joins = (kind == WORD or kind == DIGIT) and inside and last != ALONE
        is_word = joins or kind == MARK or kind == WORD or kind == DIGIT or kind == ALONE
        if not joins:
            if pending and size:
                out[size] = BLANK
                size += 1
            elif inside:
                out[size] = JOINED
                size += 1
            if is_word:
                words[count, 0], words[count, 2] = size, at
                count += 1
        if point < 0x80:
            out[size] = point
            size += 1
        elif point < 0x800:
            out[size], out[size + 1] = 0xC0 | point >> 6, 0x80 | point & 63
            size += 2
        elif point < 0x10000:
            out[size], out[size + 1], out[size + 2] = 0xE0 | point >> 12, 0x80 | point >> 6 & 63, 0x80 | point & 63
            size += 3
        else:
            out[size], out[size + 1] = 0xF0 | point >> 18, 0x80 | point >> 12 & 63
            out[size + 2], out[size + 3] = 0x80 | point >> 6 & 63, 0x80 | point & 63
            size += 4
        if is_word:
            words[count - 1, 1], words[count - 1, 3] = size, at + 1
        before, pending = _OPEN if is_word else _SIGN, False
        if kind != MARK or not joins:
            last = WORD if kind == MARK else kind
    return size, count


@kernel
def common(text: Any, at: int, query: Any, start: int, end: int) -> int:
    """How many bytes text from `at` and query [start, end) share."""
    length = min(len(text) - at, end - start)
    for same in range(length):
        if text[at + same] != query[start + same]:
            return same
    return length


@kernel
def bound(text: Any, suffixes: Any, query: Any, start: int, end: int, behind: int) -> int:
    """How many suffixes come before query [start, end), with the byte `behind` at its end unless that is negative."""
    low, high = 0, len(suffixes)
    size = end - start
    while low < high:
        middle = (low + high) // 2
        at = np.int64(suffixes[middle])
        same = common(text, at, query, start, end)
        if same < size:
            less = at + same >= len(text) or text[at + same] < query[start + same]
        else:
            less = behind >= 0 and (at + same >= len(text) or text[at + same] < behind)
        if less:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def reaches(text: Any, suffixes: Any, query: Any, words: Any, found: Any) -> None:
    """found[k]: the last word of the longest run of whole words from word k on that stands in the text, if it is
    further than what is there already; words: [words, 4] as `lay_out` writes them."""
    for word in range(len(words)):
        start = words[word, 0]
        if found[word] == len(words) - 1:
            continue
        place = bound(text, suffixes, query, start, len(query), -1)
        longest = 0
        if place < len(suffixes):
            longest = common(text, np.int64(suffixes[place]), query, start, len(query))
        if place > 0:
            longest = max(longest, common(text, np.int64(suffixes[place - 1]), query, start, len(query)))
        last = word - 1
        while last + 1 < len(words) and words[last + 1, 1] <= start + longest:
            last += 1
        if last >= word and words[last, 1] == start + longest:
            end = words[last, 1]
            first = bound(text, suffixes, query, start, end, -1)
            at = np.int64(suffixes[first]) + end - start
            if at < len(text) and text[at] > BLANK:
                last -= 1
        found[word] = max(found[word], last)


@kernel
def count(text: Any, suffixes: Any, query: Any, start: int, end: int) -> Any:
    """The suffixes [first, last) that begin with the whole words query [start, end)."""
    first = bound(text, suffixes, query, start, end, -1)
    return first, bound(text, suffixes, query, start, end, BLANK + 1)
