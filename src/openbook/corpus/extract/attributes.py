"""What the attributes of one start tag say that matters for extraction."""

import numpy as np

from openbook.corpus.extract.pointers import pointer_bytes, pointer_ints
from openbook.corpus.extract.scan import (
    FNV_MASK,
    FNV_PRIME,
    FNV_START,
    Lookup,
    class_bits,
    find,
    hash_range,
    holds,
    is_space,
    kernel,
    lower,
)
from openbook.corpus.extract.tables import name_hash

HIDDEN, HREF, LICENSE, JSON_LD, ARTICLE_BODY = 1, 2, 4, 8, 16
MOST_ATTRIBUTES = 200
REMEMBERED = 256
"""Classes of a page, a power of two."""

_CLASS, _ID, _ROLE, _ITEMPROP, _ITEMTYPE, _STYLE, _HIDDEN, _ARIA_HIDDEN, _HREF, _REL, _TYPE, _PROPERTY = (
    name_hash(name)
    for name in "class id role itemprop itemtype style hidden aria-hidden href rel type property".split()
)
_DISPLAY_NONE = np.frombuffer(b"display:none", np.uint8)
_INVISIBLE = np.frombuffer(b"visibility:hidden", np.uint8)
_LICENSE = np.frombuffer(b"licen", np.uint8)
_LD_JSON = np.frombuffer(b"ld+json", np.uint8)
_TRUE = np.frombuffer(b"true", np.uint8)
_BODY = np.frombuffer(b"articlebody", np.uint8)


@kernel
def remembered_bits(
    raw: pointer_bytes, start: int, end: int, signature: int, words: Lookup, memory: pointer_ints
) -> int:
    """Groups of a class. Most classes of a page recur; `memory` holds where one stood, and its groups."""
    slot = 3 * (signature & (REMEMBERED - 1))
    first, size = memory[slot], end - start
    if memory[slot + 1] == size and size > 0:
        j = 0
        while j < size and raw[first + j] == raw[start + j]:
            j += 1
        if j == size:
            return memory[slot + 2]
    bits = class_bits(raw, start, end, words)
    memory[slot], memory[slot + 1], memory[slot + 2] = start, size, bits
    return bits


@kernel
def read_value(raw: pointer_bytes, i: int, size: int) -> tuple[int, int, int]:
    """(start, end, position behind) of the value behind a `=`, from `i` on."""
    while i < size and is_space(raw[i]):
        i += 1
    if i < size and (raw[i] == 34 or raw[i] == 39):
        start = i + 1
        end = find(raw, start, size, raw[i])
        if end < size:
            return start, end, end + 1
        end = find(raw, start, size, 62)  # a quote that never ends ends with its tag
        return start, end, end
    start = i
    while i < size and not (is_space(raw[i]) or raw[i] == 62):
        i += 1
    return start, i, i


@kernel
def read_attributes(
    raw: pointer_bytes, size: int, i: int, is_block: bool, words: Lookup, memory: pointer_ints
) -> tuple[int, int, int, int]:
    """(position behind the tag, group bits of class, id and role, flags, hash of the class) of a tag read from `i`.

    Bits and hash stay 0 unless `is_block`."""
    bits, flags, signature, count = 0, 0, 0, 0
    while i < size:
        while i < size and (is_space(raw[i]) or raw[i] == 47):
            i += 1
        if i >= size:
            break
        if raw[i] == 62:
            return i + 1, bits, flags, signature
        name = i
        key = ((FNV_START ^ lower(np.int64(raw[i]))) * FNV_PRIME) & FNV_MASK
        i += 1
        while i < size and not (is_space(raw[i]) or raw[i] == 61 or raw[i] == 62 or raw[i] == 47):
            key = ((key ^ lower(np.int64(raw[i]))) * FNV_PRIME) & FNV_MASK
            i += 1
        name_size = i - name
        while i < size and is_space(raw[i]):
            i += 1
        start = end = i
        if i < size and raw[i] == 61:
            start, end, i = read_value(raw, i + 1, size)
        count += 1
        if name_size > 12 or count > MOST_ATTRIBUTES:
            continue
        if key == _CLASS:
            if is_block:
                signature = hash_range(raw, start, min(end, start + 80))
                bits |= remembered_bits(raw, start, end, signature, words, memory)
        elif key == _ID or key == _ROLE or key == _ITEMTYPE:
            if is_block:
                bits |= class_bits(raw, start, end, words)
        elif key == _STYLE:
            if holds(raw, start, end, _DISPLAY_NONE) or holds(raw, start, end, _INVISIBLE):
                flags |= HIDDEN
        elif key == _HIDDEN:
            flags |= HIDDEN
        elif key == _ARIA_HIDDEN:
            if holds(raw, start, end, _TRUE):
                flags |= HIDDEN
        elif key == _HREF:
            flags |= HREF
        elif key == _REL:
            if holds(raw, start, end, _LICENSE):
                flags |= LICENSE
        elif key == _TYPE:
            if holds(raw, start, end, _LD_JSON):
                flags |= JSON_LD
        elif key == _ITEMPROP or key == _PROPERTY:
            if holds(raw, start, end, _BODY):
                flags |= ARTICLE_BODY
            if is_block:
                bits |= class_bits(raw, start, end, words)
    return size, bits, flags, signature
