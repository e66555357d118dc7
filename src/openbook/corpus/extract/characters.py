"""How a run of page text becomes clean UTF-8: white space folded, soft hyphens gone, numeric references decoded."""

import numpy as np

from openbook.corpus.extract.pointers import (
    below_64,
    copy_64,
    equal_64,
    lowest_bit,
    pointer_bytes,
    pointer_ints,
)
from openbook.corpus.extract.scan import is_letter, is_space, kernel

# What &#128; .. &#159; mean on the web: the windows-1252 characters.
WINDOWS = np.array([ord(bytes([b]).decode("windows-1252", "ignore") or "\0") for b in range(0x80, 0xA0)], np.int64)


@kernel
def numeric_reference(raw: pointer_bytes, i: int, end: int) -> tuple[int, int]:
    """(code point, position behind) of `&#...;` at `i`; (-1, i) if it is none, (0, behind) if it stands for nothing."""
    at = i + 2
    hexadecimal = at < end and (raw[at] | 32) == 120
    if hexadecimal:
        at += 1
    first, code = at, 0
    while at < end and at - first < 8:
        byte = int(raw[at])
        if 48 <= byte <= 57:
            digit = byte - 48
        elif hexadecimal and 97 <= (byte | 32) <= 102:
            digit = (byte | 32) - 87
        else:
            break
        code = code * (16 if hexadecimal else 10) + digit
        at += 1
    if at == first:
        return -1, i
    if at < end and raw[at] == 59:
        at += 1
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF or code < 9:
        return 0, at
    return code, at


@kernel
def put_code(out: pointer_bytes, at: int, code: int) -> int:
    """Writes one code point >= 128 as UTF-8; returns the position behind."""
    if code < 0x800:
        out[at], out[at + 1] = 0xC0 | code >> 6, 0x80 | code & 63
        return at + 2
    if code < 0x10000:
        out[at], out[at + 1], out[at + 2] = 0xE0 | code >> 12, 0x80 | code >> 6 & 63, 0x80 | code & 63
        return at + 3
    out[at], out[at + 1] = 0xF0 | code >> 18, 0x80 | code >> 12 & 63
    out[at + 2], out[at + 3] = 0x80 | code >> 6 & 63, 0x80 | code & 63
    return at + 4


@kernel
def next_character(raw: pointer_bytes, i: int, end: int, windows: pointer_ints) -> tuple[int, int]:
    """(code point, position behind) at `i`; the code is -1 for what is copied as it stands."""
    byte = int(raw[i])
    if byte == 38:
        if i + 1 < end and raw[i + 1] == 35:
            code, behind = numeric_reference(raw, i, end)
            if 0x80 <= code < 0xA0:
                code = windows[code - 0x80]
            return (code, behind) if code >= 0 and code not in (34, 38, 60, 62) else (-1, max(behind, i + 1))
        if i + 4 < end and raw[i + 1] == 110 and raw[i + 2] == 98 and raw[i + 3] == 115 and raw[i + 4] == 112:
            return 0xA0, i + 6 if i + 5 < end and raw[i + 5] == 59 else i + 5
        if i + 4 < end and raw[i + 1] == 115 and raw[i + 2] == 104 and raw[i + 3] == 121 and raw[i + 4] == 59:
            return 0xAD, i + 5
        return -1, i + 1
    if byte < 0x80:
        return byte, i + 1
    if byte == 0xC2 and i + 1 < end:
        return 0x80 | raw[i + 1] & 63, i + 2
    if byte == 0xE2 and i + 2 < end and raw[i + 1] == 0x80:
        return 0x2000 | raw[i + 2] & 63, i + 3
    if byte == 0xEF and i + 2 < end and raw[i + 1] == 0xBB and raw[i + 2] == 0xBF:
        return 0xFEFF, i + 3
    i += 1
    while i < end and 0x80 <= raw[i] < 0xC0:
        i += 1
    return -1, i


@kernel
def plain_run(raw: pointer_bytes, i: int, end: int, after_space: bool) -> int:
    """How many of the next 64 bytes up to `end` are copied as they stand: all but controls, references, a space after
    another, and the first bytes of the signs that next_character knows."""
    spaces = equal_64(raw, i, 32)
    odd = below_64(raw, i, 32) | equal_64(raw, i, 38) | equal_64(raw, i, 0xC2) | equal_64(raw, i, 0xE2)
    odd |= equal_64(raw, i, 0xEF) | spaces & (spaces << 1 | after_space)
    return min(lowest_bit(odd), end - i)


@kernel
def put_text(
    raw: pointer_bytes, i: int, end: int, out: pointer_bytes, at: int, start: int, keep: bool, windows: pointer_ints
) -> int:
    """Copies [i, end) to `out` from `at`; folds white space unless `keep`. `start` is where the block began."""
    while i < end:
        if not keep:
            run = plain_run(raw, i, end, at == start or is_space(out[at - 1]))
            if run > 0:  # most of all text
                copy_64(out, at, raw, i)
                at += run
                i += run
                continue
        code, behind = next_character(raw, i, end, windows)
        if is_space(code) or code == 0xA0 or 0x2000 <= code <= 0x200A or code in (0x2028, 0x2029, 0x202F):
            if keep:
                if code != 13:
                    out[at] = code if code < 0x80 else 32
                    at += 1
            else:
                if at > start and not is_space(out[at - 1]):
                    out[at] = 32
                    at += 1
                while behind < end and is_space(raw[behind]):
                    behind += 1
        elif code >= 0x80:
            if not (code < 0xA0 or code in (0xAD, 0x200B, 0xFEFF)):
                at = put_code(out, at, code)
        elif code >= 32:
            out[at] = code
            at += 1
        elif code == -1:
            for j in range(i, behind):
                out[at] = raw[j]
                at += 1
        i = behind
    return at


@kernel
def text_width(text: pointer_bytes, start: int, end: int) -> int:
    """Characters in [start, end), those of the wide scripts (Chinese, Japanese, Korean) counted twice; a named
    reference counts once."""
    width = 0
    i = start
    while i < end:
        byte = text[i]
        if byte == 38:
            j = i + 1
            while j < end and j - i < 9 and is_letter(text[j]):
                j += 1
            if j < end and text[j] == 59:
                i = j
            width += 1
        elif byte < 0x80 or byte >= 0xC0:
            width += 2 if 0xE3 <= byte <= 0xED else 1
        i += 1
    return width
