"""What can be counted in the text of one block: ends of sentences, digits, marks. Free of any one language."""

import numpy as np

from openbook.corpus.extract.pointers import below_64, equal_64, lowest_bit, pointer_bytes, pointer_ints, word_at
from openbook.corpus.extract.scan import FNV_MASK, FNV_START, is_space, kernel

OTHER, ENDS, TRAILS, CLOSES, MARKS = range(5)
_FACTOR = 0x100000001B3
"""FNV's prime for 64 bits."""
COUNTS = ("ends", "digits", "marks", "lines", "ends_well")


@kernel
def other_sign(first: int, second: int, third: int) -> tuple[int, int]:
    """Kind of a sign outside ASCII by its UTF-8 bytes (ends a sentence, trails off, closes a quotation, marks), and its
    length in bytes."""
    if first == 0xC2:
        if second == 0xBB:
            return CLOSES, 2
        return (MARKS if second in (0xA9, 0xAE, 0xB7) else OTHER), 2
    if first in (0xD8, 0xDB, 0xD6):  # Arabic, Urdu and Armenian
        return (ENDS if (first, second) in ((0xD8, 0x9F), (0xDB, 0x94), (0xD6, 0x89)) else OTHER), 2
    if first == 0xE2 and second == 0x80:
        if third == 0xA6:
            return TRAILS, 3
        if third in (0x99, 0x9C, 0x9D):
            return CLOSES, 3
        return (MARKS if third in (0x93, 0xA2, 0xBA) else OTHER), 3
    if first == 0xE2 and second == 0x86:
        return MARKS, 3
    if first == 0xE3 and second == 0x80 and third == 0x82:  # ideographic
        return ENDS, 3
    if first == 0xEF and second == 0xBC and third in (0x81, 0x9F):
        return ENDS, 3
    if first == 0xE0 and second == 0xA5 and third in (0xA4, 0xA5):  # danda
        return ENDS, 3
    return OTHER, 1


@kernel
def hash_text(text: pointer_bytes, start: int, end: int) -> int:
    """32 bits of a hash, eight bytes a step, as in FNV."""
    value = FNV_START
    i = start
    while i + 8 <= end:
        value = (value ^ word_at(text, i)) * _FACTOR
        value ^= value >> 29
        i += 8
    rest = word_at(text, i) & ((1 << 8 * (end - i)) - 1)
    value = (value ^ rest) * _FACTOR ^ (end - start)
    return (value ^ value >> 32) & FNV_MASK


@kernel
def telling(text: pointer_bytes, i: int) -> int:
    """Bit j says whether the sign at i + j may count: below A but no space, `|`, or the first byte of another sign."""
    bits = below_64(text, i, 65) & ~equal_64(text, i, 32) | equal_64(text, i, 124)
    bits |= equal_64(text, i, 0xC2) | equal_64(text, i, 0xD6) | equal_64(text, i, 0xD8) | equal_64(text, i, 0xDB)
    return bits | equal_64(text, i, 0xE0) | equal_64(text, i, 0xE2) | equal_64(text, i, 0xE3) | equal_64(text, i, 0xEF)


@kernel
def count_signs(text: pointer_bytes, start: int, end: int, counts: pointer_ints) -> None:
    """Fills `counts` in the order of COUNTS.

    ends: `.` `!` `?` and their kin before a blank or the end; marks: | © » › @ / and the like; ends_well: the last
    sign closes a sentence or a colon does."""
    ends, digits, marks, lines = 0, 0, 0, 0
    last_end = -1
    for block in range(start, end, 64):
        bits = telling(text, block)
        while bits != 0:
            i = block + lowest_bit(bits)
            bits &= bits - 1
            if i >= end:
                break
            byte = np.int64(text[i])
            if byte == 10:
                lines += 1
            elif 48 <= byte <= 57:
                digits += 1
            elif byte == 46 or byte == 33 or byte == 63 or byte == 58 or byte == 59:
                after = i + 1
                while after < end and (text[after] == 34 or text[after] == 39 or text[after] == 41):
                    after += 1
                if after >= end or is_space(text[after]):
                    ends += byte != 58
                    last_end = after
            elif byte == 124 or byte == 64 or byte == 47 or byte == 62 or byte == 35 or byte == 43 or byte == 61:
                marks += 1
            elif byte >= 0x80 and i + 1 < end:
                second = np.int64(text[i + 1])
                third = np.int64(text[i + 2]) if i + 2 < end else 0
                kind, size = other_sign(byte, second, third)
                ends += kind == ENDS
                marks += kind == MARKS
                if kind == ENDS or kind == TRAILS or kind == CLOSES and last_end == i:
                    last_end = i + size
    counts[0], counts[1], counts[2], counts[3], counts[4] = ends, digits, marks, lines, last_end >= end


@kernel
def occurs(text: pointer_bytes, start: int, end: int, inside: pointer_bytes, inside_size: int) -> bool:
    """Whether text[start:end] stands somewhere in `inside`, byte for byte."""
    size = end - start
    for i in range(inside_size - size + 1):
        if inside[i] == text[start]:
            same = True
            for j in range(1, size):
                if inside[i + j] != text[start + j]:
                    same = False
                    break
            if same:
                return True
    return False
