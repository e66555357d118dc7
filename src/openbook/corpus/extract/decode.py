"""Bytes of a page -> UTF-8, whatever its header, mark, declaration or bytes say. Broken bytes are never fatal.

Order of trust: byte order mark, valid UTF-8, HTTP header, declaration in the page, statistics of the bytes."""

import codecs
import re

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

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
    found = _DECLARED.search(body[:DECLARATION_BYTES])
    encoding = known(found[1].decode("ascii", "replace")) if found else None
    return "utf-8" if encoding and encoding.startswith("utf-16") else encoding


def unmarked_utf16(body: bytes) -> str | None:
    """UTF-16 of mostly ASCII text without a mark: every other byte is zero."""
    sample = body[:1024]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) * 3 < len(sample) or min(even, odd) * 8 > max(even, odd):
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def broken_share(text: str) -> float:
    return text.count("\ufffd") / max(len(text) - len(text.encode("ascii", "ignore")), 1)


def recode(body: bytes, encoding: str) -> bytes:
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
    if b"\x1b" in body or b"~{" in body:
        for claim in _claims(body, charset):
            if claim in _ESCAPED:
                return recode(body, claim)
    try:
        body.decode("utf-8")
        return body
    except UnicodeDecodeError:
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
