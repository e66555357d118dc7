"""A crawl some times over, each copy with sites, records and texts of its own: the words of a sentence change places.

Languages, lengths, links and the furniture that pages of a site share stay what they were; near duplicates do not
cross copies, since no run of a few words is left."""

import re
import zlib
from pathlib import Path

import numpy as np
from fastwarc.warc import ArchiveIterator

from openbook.books.chance import generator

_MARKS = re.compile(rb"(<script\b.*?</script\s*>|<style\b.*?</style\s*>|<!--.*?-->|<[^>]*>)", re.S | re.I)
_SENTENCE_ENDS = re.compile(rb"(?<=[.!?:;])(\s+)")


def copy(crawl: Path, number: int, out: Path) -> None:
    """Write the crawl's copy of that number, a gzip member a record; the same bytes every time."""
    with crawl.open("rb") as source, out.open("wb") as target:
        for at, record in enumerate(ArchiveIterator(source, parse_http=False)):
            draw = generator(number, "varied crawl", at)
            headers, block = dict(record.headers.items()), record.reader.read()
            uri = headers.get("WARC-Target-URI")
            if uri:
                headers["WARC-Target-URI"] = uri.replace("://", f"://copy{number}.", 1)
            if headers.get("WARC-Type") == "response":
                block = _varied(block, draw)
            for name in ("WARC-Payload-Digest", "WARC-Block-Digest"):  # of other bytes
                headers.pop(name, None)
            headers["WARC-Record-ID"] = _record_id(draw)
            headers["Content-Length"] = str(len(block))
            lines = ["WARC/1.0", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
            pack = zlib.compressobj(6, zlib.DEFLATED, 31)
            target.write(pack.compress("\r\n".join(lines).encode() + block + b"\r\n\r\n") + pack.flush())


def _record_id(draw: np.random.Generator) -> str:
    digits = draw.bytes(16).hex()
    return f"<urn:uuid:{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}>"


def _varied(block: bytes, draw: np.random.Generator) -> bytes:
    """An answer with another body of the same length; one that is compressed stays as it is."""
    head, parted, body = block.partition(b"\r\n\r\n")
    if re.search(rb"(?im)^(content|transfer)-encoding:", head):
        return block
    pieces = _MARKS.split(body)
    for at in range(0, len(pieces), 2):  # the others are marks
        if len(pieces[at]) > 8:
            pieces[at] = b"".join(_shuffled(one, draw) for one in _SENTENCE_ENDS.split(pieces[at]))
    return head + parted + b"".join(pieces)


def _shuffled(sentence: bytes, draw: np.random.Generator) -> bytes:
    """All words but the last, which holds the mark, in an order that is drawn; the spaces between stay."""
    parts = re.split(rb"(\s+)", sentence)
    words = [at for at in range(0, len(parts), 2) if parts[at]][:-1]
    if len(words) < 2:
        return sentence
    for at, word in zip(words, [parts[one] for one in draw.permutation(words)], strict=True):
        parts[at] = word
    return b"".join(parts)
