"""Which characters are words and which stand between them: one class for each code point, from Unicode's own table."""

import sys
import unicodedata
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

MARK, SPACE, WORD, DIGIT, ALONE, JOINER, DIGIT_JOINER, DROPPED, OTHER = range(9)
"""Continues what stands before it; white space; letter or number; decimal digit; a letter that is a word by itself;
joins letters; joins digits (and only those); does not count; a sign between words."""

_KINDS = {"L": WORD, "N": WORD, "M": MARK, "Z": SPACE, "C": OTHER, "P": OTHER, "S": OTHER}
_SPECIAL = {"Nd": DIGIT, "Cc": SPACE, "Cf": MARK, "Pc": WORD}
_JOINERS = "'’·‧"
_DIGIT_JOINERS = ".,"
_DROPPED = (0x00AD, 0x061C, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF)
"""Soft hyphen, marks of direction, joiners of lines: nobody sees them, and pages sprinkle them."""
_WITHOUT_SPACES = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0xA9E0, 0xA9FF),
    (0xAA60, 0xAADF), (0x3005, 0x3007), (0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF), (0x20000, 0x323AF),
)  # fmt: skip
"""Thai, Lao, Burmese, Khmer, Tai, kana and Han: scripts that put no space between words."""


@lru_cache(maxsize=1)
def classes() -> NDArray[np.uint8]:
    """Code point -> class, [0x110000]."""
    table: NDArray[Any] = np.full(sys.maxunicode + 1, OTHER, np.uint8)
    for code in range(sys.maxunicode + 1):
        if code == 0x3FFFF:  # planes above hold nothing but private use, tags and selectors
            break
        kind = unicodedata.category(chr(code))
        table[code] = _SPECIAL.get(kind, _KINDS[kind[0]])
    for first, last in _WITHOUT_SPACES:
        part = table[first : last + 1]
        part[part == WORD] = ALONE
    table[0xE0100:0xE01F0] = MARK  # selectors of variants
    for character in _JOINERS:
        table[ord(character)] = JOINER
    for character in _DIGIT_JOINERS:
        table[ord(character)] = DIGIT_JOINER
    table[list(_DROPPED)] = DROPPED
    table.setflags(write=False)
    return table
