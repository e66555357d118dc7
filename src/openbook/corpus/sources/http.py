"""What an HTTP response holds: status, headers, and the body with every coding undone, never more than a limit."""

import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, cast

import zstandard
from fastwarc.stream_io import BrotliReader

Headers = tuple[tuple[str, str], ...]
_CODING_ERRORS = (OSError, EOFError, ValueError, zlib.error, zstandard.ZstdError, lzma.LZMAError)


class UnreadableError(Exception):
    """Why a record cannot be read."""


class BrokenOffError(UnreadableError):
    """A compressed body that ends early."""

    def __init__(self, why: str, body: bytes) -> None:
        super().__init__(why)
        self.body = body
        """What could be decompressed."""


@dataclass(frozen=True)
class Response:
    status: int
    headers: Headers
    body: bytes

    @cached_property
    def _named(self) -> dict[str, str]:
        return {name.lower(): value for name, value in reversed(self.headers)}

    def header(self, name: str) -> str | None:
        """The first of that name, which is in lower case."""
        return self._named.get(name)


def parse(block: bytes) -> Response:
    """The body as it stands, codings not yet undone. Raises UnreadableError when this is no HTTP response."""
    head, body = split_head(block)
    status_line, *lines = head.decode("latin-1").replace("\r\n", "\n").split("\n")
    words = status_line.split(None, 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        raise UnreadableError("no HTTP status line")
    return Response(int(words[1]), header_lines(lines), body)


def split_head(block: bytes) -> tuple[bytes, bytes]:
    """At the first empty line; some crawlers end lines with a bare line feed."""
    at, length = block.find(b"\r\n\r\n", 0, 1 << 17), 4
    bare = block.find(b"\n\n", 0, at if at >= 0 else 1 << 17)
    if bare >= 0:
        at, length = bare, 2
    if at < 0:
        return block[: 1 << 17], b""
    return block[:at], block[at + length :]


def header_lines(lines: list[str]) -> Headers:
    headers: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        if line[:1] in " \t" and headers:  # a folded line continues the one before
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {line.strip()}")
        elif colon and name.strip():
            headers.append((name.strip(), value.strip()))
    return tuple(headers)


def decode(response: Response, limit: int) -> bytes:
    """Raises UnreadableError when the body cannot be decoded within `limit` bytes, BrokenOffError when a part can."""
    body = response.body
    for number, coding in enumerate(coded := _codings(response)):
        try:
            body = dechunk(body) if coding == "chunked" else decompress(body, coding, limit)
        except BrokenOffError as error:
            if number + 1 < len(coded):
                raise UnreadableError(str(error)) from None
            raise
    if len(body) > limit:
        raise UnreadableError(f"the page is longer than {limit:,} bytes")
    return body


def _codings(response: Response) -> list[str]:
    """In the order in which they are undone: of the transfer, then of the content; the last one named was the last one
    done. RFC 9112, 6.1; RFC 9110, 8.4."""
    sent, content = (
        [part.strip().lower() for part in reversed((response.header(name) or "").split(","))]
        for name in ("transfer-encoding", "content-encoding")
    )
    known = [one for one in sent if one == "chunked" or one in _READERS]  # crawlers undo the others
    return [*known, *(one for one in content if one not in _NOTHING)]


_NOTHING = frozenset({"", "identity", "utf-8", "none"})


def dechunk(body: bytes) -> bytes:
    """Crawlers often store the joined body under the old header: what is not chunked comes back as it is."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = body.find(b"\n", at, at + 200)
        size_text = body[at : max(end, at)].split(b";")[0].strip()
        try:
            size = int(size_text, 16) if end >= 0 and not size_text.startswith((b"+", b"-")) else -1
        except ValueError:
            size = -1
        if size < 0:
            return b"".join(parts) + body[at:] if parts else body
        if size == 0:
            return b"".join(parts)
        parts.append(body[end + 1 : end + 1 + size])
        at = end + 1 + size
        if body[at : at + 2] == b"\r\n":
            at += 2
        elif body[at : at + 1] == b"\n":
            at += 1


def _gzip(body: bytes) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(fileobj=io.BytesIO(body)))


def _zstd(body: bytes) -> BinaryIO:
    return cast(BinaryIO, zstandard.ZstdDecompressor().stream_reader(io.BytesIO(body), read_across_frames=True))


def _brotli(body: bytes) -> BinaryIO:
    return cast(BinaryIO, BrotliReader(io.BytesIO(body)))


class _Inflate:
    """zlib's own format, or the bare stream that some servers send under the same name."""

    def __init__(self, body: bytes) -> None:
        bare = not (len(body) >= 2 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0)
        self.inflater, self.rest = zlib.decompressobj(-15 if bare else 15), body

    def read(self, size: int) -> bytes:
        data = self.inflater.decompress(self.rest, size)
        self.rest = self.inflater.unconsumed_tail
        if not data and not self.inflater.eof:
            raise EOFError("the stream ends early")
        return data


_READERS: dict[str, Callable[[bytes], BinaryIO]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": lambda body: cast(BinaryIO, _Inflate(body)),
    "br": _brotli,
    "zstd": _zstd,
}


def decompress(body: bytes, coding: str, limit: int) -> bytes:
    """A body that is plain markup under a left-over coding header comes back as it is."""
    opener = _READERS.get(coding)
    if opener is None or not body or body.lstrip()[:1] == b"<":
        if opener is None:
            raise UnreadableError(f"content coding {coding!r} is not known")
        return body
    reader, parts, size = opener(body), [], 0
    try:
        while size <= limit and (part := reader.read(1 << 20)):
            parts.append(part)
            size += len(part)
    except _CODING_ERRORS as error:
        why = f"the body cannot be decompressed ({coding}: {str(error)[:100]})"
        beginning = _salvaged(opener(body), limit)
        raise (BrokenOffError(why, beginning) if beginning else UnreadableError(why)) from None
    if size > limit:
        raise UnreadableError(f"the page is longer than {limit:,} bytes when decompressed")
    return b"".join(parts)


def _salvaged(reader: BinaryIO, limit: int) -> bytes:
    """What comes out before the error, which a read of much would keep back."""
    parts, size = [], 0
    read = getattr(reader, "read1", reader.read)
    try:
        while size <= limit and (part := read(1 << 12)):
            parts.append(part)
            size += len(part)
    except _CODING_ERRORS:
        pass
    return b"".join(parts) if size <= limit else b""
