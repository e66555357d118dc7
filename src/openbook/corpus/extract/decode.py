"""Bytes of a page -> UTF-8, whatever its header, mark, declaration or bytes say. Broken bytes are never fatal.

Order of trust: byte order mark, valid UTF-8, HTTP header, declaration in the page, statistics of the bytes."""

import codecs
import re

import numpy as np
from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

from openbook.corpus.extract.pointers import above_ascii_64, address, equal_64, hold, lowest_bit
from openbook.corpus.extract.scan import kernel, type_bytes

MOST_BYTES = 8 << 20
DECLARATION_BYTES = 4096
# The share of broken ones among a page's non-ASCII characters up to which it is taken for UTF-8, unasked or declared.
BROKEN_UNASKED, BROKEN_DECLARED = 0.05, 0.25

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARED = re.compile(
    rb"""<(?:meta\b[^>]{0,300}?charset|\?xml\b[^>]{0,100}?encoding)\s*=\s*["']?\s*([\w.:-]{2,40})""", re.I
)
_ESCAPED = ("iso2022_jp", "hz")


def known(name: str | None) -> str | None:
    """The Python codec for an encoding's label on the web (latin-1 is windows-1252), None for an unknown one."""
    if not name:
        return None
    label = map_encoding_to_html5(name.strip().strip("\"'").lower(), fallback_utf8=False)
    if not label:
        return None
    try:
        return codecs.lookup(label).name
    except LookupError:
        return None


def declared(body: bytes) -> str | None:
    """The encoding that the page's own meta elements name, as Python calls it; one that could not have been read is
    UTF-8."""
    found = _DECLARED.search(body[:DECLARATION_BYTES])
    encoding = known(found[1].decode("ascii", "replace")) if found else None
    return "utf-8" if encoding and encoding.startswith("utf-16") else encoding


@kernel
def is_utf8(body: type_bytes) -> bool:
    """Whether the bytes are well-formed UTF-8 (The Unicode Standard, table 3-7)."""
    raw, i, size = address(body), 0, body.size
    while i < size:
        if i + 64 <= size:
            others = above_ascii_64(raw, i)
            i += lowest_bit(others)
            if others == 0:
                continue
        first, least, most, more = np.int64(raw[i]), 0x80, 0xBF, 1
        if first < 0x80:
            i += 1
            continue
        if first < 0xC2 or first > 0xF4:
            return False
        if first >= 0xE0:
            more = 2 if first < 0xF0 else 3
            if first == 0xE0 or first == 0xF0:
                least = 0xA0 if first == 0xE0 else 0x90
            elif first == 0xED or first == 0xF4:
                most = 0x9F if first == 0xED else 0x8F
        if i + more >= size or not least <= raw[i + 1] <= most:
            return False
        for place in range(i + 2, i + more + 1):
            if not 0x80 <= raw[place] <= 0xBF:
                return False
        i += more + 1
    hold(body)
    return True


@kernel
def has_shift(body: type_bytes) -> bool:
    """Whether `~{` stands in it, which shifts to Chinese in the encoding HZ."""
    raw, i = address(body), 0
    while i + 64 < body.size:
        if equal_64(raw, i, 126) & equal_64(raw, i + 1, 123) != 0:
            return True
        i += 64
    while i + 1 < body.size:
        if raw[i] == 126 and raw[i + 1] == 123:
            return True
        i += 1
    hold(body)
    return False


def unmarked_utf16(body: bytes) -> str | None:
    """UTF-16 of mostly ASCII text without a mark: every other byte is zero."""
    sample = body[:1024]
    if b"\0" not in sample:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) * 3 < len(sample) or min(even, odd) * 8 > max(even, odd):
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def broken_share(text: str) -> float:
    """Replacement characters as a share of the characters that are not ASCII; from 0 to 1."""
    return text.count("\ufffd") / max(len(text) - len(text.encode("ascii", "ignore")), 1)


def recode(body: bytes, encoding: str) -> bytes:
    """The page in UTF-8; bytes that the encoding does not know become U+FFFD."""
    return body.decode(encoding, "replace").encode("utf-8", "replace")


def _claims(body: bytes, charset: str | None) -> list[str]:
    """Encodings that the header and the page name, in the order of trust."""
    return [claim for claim in (known(charset), declared(body)) if claim]


def to_utf8(body: bytes, charset: str | None = None) -> bytes:
    """At most MOST_BYTES of the page as UTF-8 without a mark; what cannot be decoded becomes U+FFFD."""
    body = body[:MOST_BYTES]
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return recode(body[len(mark) :], encoding)
    unmarked = unmarked_utf16(body)
    if unmarked:
        return recode(body, unmarked)
    if b"\x1b" in body or b"~" in body and has_shift(np.frombuffer(body, np.uint8)):
        for claim in _claims(body, charset):
            if claim in _ESCAPED:
                return recode(body, claim)
    if is_utf8(np.frombuffer(body, np.uint8)):
        return body
    text = body.decode("utf-8", "replace")
    claims = _claims(body, charset)
    broken = broken_share(text)
    if broken <= (BROKEN_DECLARED if "utf-8" in claims[:1] else BROKEN_UNASKED):
        return text.encode()
    for claim in claims:
        if claim != "utf-8":
            return recode(body, claim)
    guess = known(detect_encoding(body, max_len=131072, from_html_meta=False))
    return recode(body, guess or "windows-1252")
