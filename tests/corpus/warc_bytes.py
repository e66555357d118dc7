"""WARC files written by hand, byte by byte, so that the tests do not trust the program's own writer."""

import gzip
import uuid
from collections.abc import Sequence
from functools import partial

import zstandard


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body


def record(kind: str, url: str, block: bytes, *headers: str, content_type: str = "") -> bytes:
    content_type = content_type or {"response": "application/http; msgtype=response"}.get(kind, "text/plain")
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Record-ID: <urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, kind + url)}>",
        "WARC-Date: 2024-05-01T12:00:00Z",
        f"WARC-Target-URI: {url}",
        *headers,
        f"Content-Type: {content_type}",
        f"Content-Length: {len(block)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def page(number: int) -> bytes:
    return f"<!doctype html><html><body><p>Page {number} says {'more ' * (number % 7)}words.</p></body></html>".encode()


def response(number: int, *headers: str) -> bytes:
    return record("response", url(number), http(page(number), "Content-Type: text/html; charset=utf-8"), *headers)


def url(number: int) -> str:
    return f"https://example.org/{number}"


def crawl(pages: int) -> list[bytes]:
    """A warcinfo, then a request, a response and a metadata record for each page."""
    records = [record("warcinfo", "", b"software: by hand\r\n")]
    for number in range(pages):
        records.append(record("request", url(number), b"GET / HTTP/1.1\r\n\r\n"))
        records.append(response(number))
        records.append(record("metadata", url(number), b"fetchTimeMs: 12\r\n"))
    return records


def joined(records: Sequence[bytes], layout: str) -> bytes:
    if layout == "gzip-stream":
        return gzip.compress(b"".join(records), mtime=0)
    if layout == "zstd-stream":
        return zstandard.compress(b"".join(records))
    pack = {"plain": bytes, "gzip": partial(gzip.compress, mtime=0), "zstd": zstandard.compress}[layout]
    return b"".join(pack(one) for one in records)
