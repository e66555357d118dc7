"""What stands for a line when one looks for lines that many pages of a site share: a hash of its folded words."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbook.corpus import characters
from openbook.corpus.compiled import kernel
from openbook.corpus.kernel import TABLE_SIZE, WORD, decode, mix, word_end, word_start

LEAST_WORDS = 5
"""A shorter line ("Ingredients", "See also") stands on many pages for a reason, and costs little."""
_SEED = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)


def line_keys(text: str) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """[lines]: a hash of each line's words, 0 for lines that are too short to count; and its number of words.

    A line ends at a line feed. Spaces, case and symbols make no difference.
    """
    return _line_keys(np.frombuffer(text.encode(), np.uint8), characters.classes(), characters.lower())


def cut(text: str, lines: NDArray[np.int32]) -> str:
    """The text without these lines, and without the empty lines that they leave behind."""
    return "\n".join(text[start:end] for start, end in left(text, lines))


def left(text: str, lines: NDArray[np.int32]) -> list[tuple[int, int]]:
    """Where the lines that stay stand in the text, in characters; no empty ones at the ends, or twice in a row."""
    gone = set(lines.tolist())
    places: list[tuple[int, int]] = []
    start = 0
    for number, line in enumerate(text.split("\n")):
        end = start + len(line)
        if number not in gone and (line or (places and places[-1][0] < places[-1][1])):
            places.append((start, end))
        start = end + 1
    while places and places[-1][0] == places[-1][1]:
        places.pop()
    return places


@kernel
def _line_keys(data: Any, classes: Any, lower: Any) -> Any:
    points, kinds = np.empty(data.size, np.int32), np.empty(data.size, np.uint8)
    n = decode(data, classes, points, kinds)
    lines = 1
    for i in range(n):
        lines += points[i] == 10
    keys, words = np.zeros(lines, np.uint64), np.zeros(lines, np.int32)
    line, seen = 0, 0
    h = _SEED
    i = word_start(points, kinds, 0, n)
    while i < n:
        while seen < i:
            if points[seen] == 10:
                if words[line] >= LEAST_WORDS:
                    keys[line] = mix(h)
                h = _SEED
                line += 1
            seen += 1
        j = word_end(points, kinds, i, n)
        if kinds[i] & WORD:
            f = _SEED
            for k in range(i, j):
                point = points[k]
                f = (f ^ np.uint64(lower[point] if point < TABLE_SIZE else point)) * _PRIME
            h = (h ^ mix(f)) * _PRIME
            words[line] += 1
        i = word_start(points, kinds, j, n)
    if words[line] >= LEAST_WORDS:
        keys[line] = mix(h)
    return keys, words
