"""The small compiled steps of reading HTML bytes: names, attributes, ends, characters. Every loop is linear."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from openbook.corpus.compiled import Cache
from openbook.corpus.extract.pointers import address, equal_64, lowest_bit, pointer_bytes, pointer_ints

type_bytes = NDArray[np.uint8]
type_ints = NDArray[np.int64]

FNV_START, FNV_PRIME, FNV_MASK = 2166136261, 16777619, 0xFFFFFFFF


_SOURCES = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
).hexdigest()


def kernel(function: Any) -> Any:
    """Compiled at first use, kept on disk, compiled anew when any file of this package changes; int64 throughout."""
    compiled: Any = numba.njit(nogil=True, error_model="numpy")(function)
    compiled._cache = Cache(function, _SOURCES)
    return compiled


@kernel
def lower(byte: int) -> int:
    return byte + 32 if 65 <= byte <= 90 else byte


@kernel
def is_space(byte: int) -> bool:
    return byte == 32 or 9 <= byte <= 13


@kernel
def is_letter(byte: int) -> bool:
    return 97 <= (byte | 32) <= 122


class Lookup(NamedTuple):
    """A table of `tables` as the kernels see it; `mask` is its size less one."""

    keys: pointer_ints
    values: pointer_ints
    mask: int


@kernel
def lookup(keys: type_ints, values: type_ints) -> Lookup:
    return Lookup(address(keys), address(values), keys.size - 1)


@kernel
def look_up(table: Lookup, wanted: int) -> int:
    slot = wanted & table.mask
    while table.keys[slot] != 0:
        if table.keys[slot] == wanted:
            return table.values[slot]
        slot = (slot + 1) & table.mask
    return -1


@kernel
def hash_range(raw: pointer_bytes, start: int, end: int) -> int:
    value = FNV_START
    for i in range(start, end):
        value = ((value ^ lower(np.int64(raw[i]))) * FNV_PRIME) & FNV_MASK
    return value


@kernel
def find(raw: pointer_bytes, i: int, size: int, byte: int) -> int:
    """Place of the byte in [i, size), `size` if it is not there."""
    while i < size:
        found = equal_64(raw, i, byte)
        if found != 0:
            return min(i + lowest_bit(found), size)
        i += 64
    return size


@kernel
def same_name(raw: pointer_bytes, size: int, at: int, start: int, end: int) -> bool:
    """Whether the name in [start, end) stands at `at`, in any case, and ends there."""
    behind = at + end - start
    if behind > size:
        return False
    for j in range(end - start):
        if lower(raw[at + j]) != lower(raw[start + j]):
            return False
    return behind == size or not (is_letter(raw[behind]) or raw[behind] == 45)


@kernel
def find_end_tag(raw: pointer_bytes, size: int, i: int, stop: int, start: int, end: int, nested: bool) -> int:
    """Position before `stop` of the `</name` that closes an element opened before `i`, -1 if none.

    The name stands in [start, end); `nested` counts inner elements of the same name."""
    depth = 1
    stop = min(stop, size - 2)
    i = find(raw, i, stop, 60)
    while i < stop:
        if raw[i + 1] == 47:
            if same_name(raw, size, i + 2, start, end):
                depth -= 1
                if depth == 0:
                    return i
        elif nested and same_name(raw, size, i + 1, start, end):
            depth += 1
        i = find(raw, i + 1, stop, 60)
    return -1


@kernel
def after_tag(raw: pointer_bytes, size: int, i: int) -> int:
    """Position behind the `>` that ends the tag in which `i` stands; quoted values may hold `>`."""
    before = 0
    while i < size:
        byte = raw[i]
        if byte == 62:
            return i + 1
        if (byte == 34 or byte == 39) and before == 61:
            i = find(raw, i + 1, size, byte)
        if not is_space(byte):
            before = byte
        i += 1
    return size


@kernel
def find_comment_end(raw: pointer_bytes, size: int, i: int) -> int:
    """Position behind the comment whose `<!--` ends at `i`, -1 if it never ends."""
    if i < size and raw[i] == 62:
        return i + 1
    if i + 1 < size and raw[i] == 45 and raw[i + 1] == 62:
        return i + 2
    i = find(raw, i, size, 45)
    while i + 2 < size:
        if raw[i + 1] == 45:
            if raw[i + 2] == 62:
                return i + 3
            if raw[i + 2] == 33 and i + 3 < size and raw[i + 3] == 62:
                return i + 4
        i = find(raw, i + 1, size, 45)
    return -1


@kernel
def word_bits(raw: pointer_bytes, start: int, end: int, words: Lookup) -> int:
    """Groups of one word; an unknown word is tried as two known ones (`articlebody`)."""
    while end > start and 48 <= raw[end - 1] <= 57:
        end -= 1
    found = look_up(words, hash_range(raw, start, end))
    if found >= 0:
        return found
    if 7 <= end - start <= 24:
        value = FNV_START
        for cut in range(start, end - 3):
            value = ((value ^ lower(np.int64(raw[cut]))) * FNV_PRIME) & FNV_MASK
            if cut - start >= 2:
                first = look_up(words, value)
                if first >= 0:
                    second = look_up(words, hash_range(raw, cut + 1, end))
                    if second >= 0:
                        return first | second
    return 0


@kernel
def class_bits(raw: pointer_bytes, start: int, end: int, words: Lookup) -> int:
    """Groups of all words of a class or id; words end at other signs and at camelCase humps."""
    bits = 0
    word = -1
    end = min(end, start + 400)
    for i in range(start, end + 1):
        byte = raw[i] if i < end else 32
        sign = not (is_letter(byte) or 48 <= byte <= 57)
        hump = word >= 0 and i > word and 65 <= byte <= 90 and 97 <= raw[i - 1] <= 122
        if word >= 0 and (sign or hump):
            bits |= word_bits(raw, word, i, words)
            word = -1
        if word < 0 and not sign:
            word = i
    return bits


@kernel
def holds(raw: pointer_bytes, start: int, end: int, word: type_bytes) -> bool:
    """Whether a lower-case word stands somewhere in [start, end), spaces left out."""
    for i in range(start, end):
        if lower(raw[i]) == word[0]:
            at, seen = i, 0
            while at < end and seen < word.size:
                if lower(raw[at]) == word[seen]:
                    seen += 1
                elif not is_space(raw[at]):
                    break
                at += 1
            if seen == word.size:
                return True
    return False
