"""Whether a text is clean as it stands: most are, and one pass over its bytes says so."""

from typing import Any

import numpy as np

from openbook.corpus.compiled import kernel


def is_tidy(text: str) -> bool:
    """No control characters but tabs and line feeds, no space at the ends of lines, no empty line at an end or behind
    another one. Says nothing about normal forms; True for an empty text."""
    return not text or bool(_is_tidy(np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)))


@kernel
def _ends_in_space(data: Any, end: Any) -> Any:
    """Whether the character before `end` is white space, as `str.rstrip` has it, and no line feed."""
    last = data[end - 1]
    if last < 0x80 or end < 2:
        return last == 32 or last == 9
    before = data[end - 2]
    if before == 0xC2:
        return last == 0x85 or last == 0xA0
    if end < 3:
        return False
    first = data[end - 3]
    if first == 0xE2:
        return (before == 0x80 and (last <= 0x8A or last == 0xA8 or last == 0xA9 or last == 0xAF)) or (
            before == 0x81 and last == 0x9F
        )
    return (first == 0xE1 and before == 0x9A and last == 0x80) or (first == 0xE3 and before == 0x80 and last == 0x80)


@kernel
def _is_tidy(data: Any) -> Any:
    size = data.size
    feeds = 1  # before the first line there is as good as an end of one
    for i in range(size):
        byte = data[i]
        if byte >= 32 and byte < 127:
            feeds = 0
        elif byte == 10:
            feeds += 1
            if feeds > 2 or (feeds == 1 and _ends_in_space(data, i)) or i < feeds:
                return False
        else:
            feeds = 0
            if byte < 0x80 and byte != 9:
                return False
            if byte == 0xED and i + 1 < size and data[i + 1] >= 0xA0:  # half of a surrogate pair
                return False
            if byte == 0xEF and i + 2 < size and data[i + 1] == 0xBB and data[i + 2] == 0xBF:
                return False
    return data[size - 1] != 10 and not _ends_in_space(data, size)
