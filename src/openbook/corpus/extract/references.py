"""Named references (`&amp;`) in kept text -> what they stand for: the common ones in a kernel, all others after it."""

import re
from html.entities import html5, name2codepoint

from openbook.corpus.extract.characters import numeric_reference, put_code
from openbook.corpus.extract.pointers import copy_64, equal_64, lowest_bit, pointer_bytes
from openbook.corpus.extract.scan import FNV_MASK, FNV_PRIME, FNV_START, is_letter, is_space, kernel
from openbook.corpus.extract.tables import Table

BLANKS = re.compile("[\xa0\u2000-\u200a\u202f\u205f\u3000]")
UNSEEN = re.compile("[\xad\u200b\ufeff]")

NONE, DECODED, HARD = range(3)
DROPPED = 0


def _stands_for(name: str) -> int:
    sign = html5[f"{name};"]  # not always what HTML 4 meant by it
    return 32 if BLANKS.match(sign) else DROPPED if UNSEEN.match(sign) else ord(sign)


_NAMED = Table.of({name: _stands_for(name) for name in name2codepoint})
_KEYS, _VALUES, _MASK = _NAMED.keys, _NAMED.values, len(_NAMED.keys) - 1
_LONGEST = max(map(len, name2codepoint))


@kernel
def reference(text: pointer_bytes, i: int, end: int) -> tuple[int, int]:
    """(code point, position behind) of the reference whose `&` stands at `i`; the code is -1 where it takes more than
    a look at a table to tell. A `&` that begins none stands for itself."""
    at = i + 1
    if at >= end or is_space(text[at]) or text[at] == 60 or text[at] == 38 or text[at] == 59:
        return 38, at
    if text[at] == 35:
        code, behind = numeric_reference(text, i, end)
        closed = code in (34, 38, 60, 62) and text[behind - 1] == 59
        return (code if closed else -1), max(behind, at)
    key = FNV_START
    while at < end and at - i <= _LONGEST and (is_letter(text[at]) or 48 <= text[at] <= 57):
        key = ((key ^ int(text[at])) * FNV_PRIME) & FNV_MASK
        at += 1
    if at >= end or text[at] != 59:
        return -1, at
    slot = key & _MASK
    while _KEYS[slot] != 0:
        if _KEYS[slot] == key:
            return _VALUES[slot], at + 1
        slot = (slot + 1) & _MASK
    return -1, at


@kernel
def put_decoded(text: pointer_bytes, i: int, end: int, out: pointer_bytes, at: int, decode: bool) -> tuple[int, int]:
    """Copies [i, end) to `out` from `at`; (position behind, NONE, DECODED or HARD)."""
    found = NONE
    while i < end:
        run = 64
        if decode:
            run = lowest_bit(equal_64(text, i, 38))
        run = min(run, end - i)
        copy_64(out, at, text, i)
        at += run
        i += run
        if run < 64 and i < end:
            code, i = reference(text, i, end)
            found = max(found, DECODED if code >= 0 else HARD)
            if code >= 0x80:
                at = put_code(out, at, code)
            elif code > 0:
                out[at] = code
                at += 1
    return at, found
