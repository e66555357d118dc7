"""How pages that did not come as WARC become WARC: one gzip member a record, the same bytes on every run."""

import re
import struct
import uuid
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from openbook.books.digest import sha256_bytes
from openbook.books.store import write_bytes
from openbook.corpus.sources.page import MAX_BODY, NO_DATE

FILE_BYTES = 8 << 20
"""Compressed bytes after which a new file is begun."""
_LEVEL = 6


@dataclass(frozen=True)
class Page:
    """A page about to be stored."""

    url: str
    body: bytes
    date: str = NO_DATE
    """UTC, like 2024-05-01T12:00:00Z."""
    content_type: str = "text/html; charset=utf-8"
    language: str | None = None
    full_length: int | None = None
    """Of a page too long to be stored, whose body is left empty."""


def chosen(pages: list[Page], most: int | None, most_bytes: int | None = None) -> list[Page]:
    """The pages that fit under the caps: a choice by the hash of the address, in the order of the addresses."""
    if most is None and most_bytes is None:
        return sorted(pages, key=lambda page: page.url)
    taken: list[Page] = []
    size = 0
    for page in sorted(pages, key=lambda page: sha256_bytes(page.url.encode())):
        if (most is not None and len(taken) >= most) or (most_bytes is not None and size + len(page.body) > most_bytes):
            break
        taken.append(page)
        size += len(page.body)
    return sorted(taken, key=lambda page: page.url)


def pack(folder: Path, stem: str, pages: Iterable[Page], facts: dict[str, str]) -> list[str]:
    """Write `folder/<stem>-001.warc.gz` and so on; returns the names of the files. `facts` stand in each warcinfo."""
    names: list[str] = []
    members: list[bytes] = []
    size = 0
    for page in pages:
        members.append(_member(_page_record(page, facts.get("license"))))
        size += len(members[-1])
        if size >= FILE_BYTES:
            names.append(_write(folder, stem, len(names) + 1, members, facts))
            members, size = [], 0
    if members:
        names.append(_write(folder, stem, len(names) + 1, members, facts))
    return names


def _write(folder: Path, stem: str, number: int, members: list[bytes], facts: dict[str, str]) -> str:
    name = f"{stem}-{number:03d}.warc.gz"
    write_bytes(folder / name, info_member(name, facts) + b"".join(members))
    return name


def info_member(name: str, facts: dict[str, str]) -> bytes:
    """The warcinfo record that a file begins with."""
    info = {"software": "openbook", "format": "WARC File Format 1.1", **facts}
    block = "".join(f"{key}: {value}\r\n" for key, value in info.items()).encode()
    headers = {
        "WARC-Type": "warcinfo",
        "WARC-Record-ID": _identifier(f"{name}\n{sha256_bytes(block)}"),
        "WARC-Date": NO_DATE,
        "WARC-Filename": name,
        "Content-Type": "application/warc-fields",
    }
    return _member(_record(headers, block))


def _page_record(page: Page, license: str | None) -> bytes:
    digest = sha256_bytes(page.body)
    length = len(page.body) if page.full_length is None else page.full_length
    http = f"HTTP/1.1 200 OK\r\nContent-Type: {page.content_type}\r\nContent-Length: {length}\r\n"
    if page.language:
        http += f"Content-Language: {page.language}\r\n"
    media = page.content_type.partition(";")[0]
    headers = {
        "WARC-Type": "response",
        "WARC-Record-ID": _identifier(f"{page.url}\n{digest}"),
        "WARC-Date": page.date,
        "WARC-Target-URI": page.url,
        "WARC-Payload-Digest": f"sha256:{digest}",
        "WARC-Identified-Payload-Type": media,
        "Content-Type": "application/http; msgtype=response",
    }
    if page.full_length is not None:
        headers["WARC-Truncated"] = "length"
    if license:
        headers["WARC-License"] = license
    return _record(headers, http.encode() + b"\r\n" + page.body)


def _record(headers: dict[str, str], block: bytes) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"WARC/1.1\r\n{lines}Content-Length: {len(block)}\r\n\r\n".encode() + block + b"\r\n\r\n"


def _identifier(content: str) -> str:
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}>"


def _member(data: bytes) -> bytes:
    """A gzip member whose header holds no time and no system."""
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
    body = deflater.compress(data) + deflater.flush()
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def url_path(path: str) -> str:
    """Percent-encodes what may not stand in the header line of a record."""
    return re.sub(r"[^!$&-;=@-\[\]_a-z~]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), path)


def read_capped(path: Path) -> tuple[bytes, int | None]:
    """(content, None), or (nothing, its length) when it is longer than a page may be."""
    size = path.stat().st_size
    return (b"", size) if size > MAX_BODY else (path.read_bytes(), None)
