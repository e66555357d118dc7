"""Servers on loopback that speak what sources are fetched by: plain HTTP with Range and ETag, S3, a dataset hub."""

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

MODIFIED = formatdate(1714564800, usegmt=True)


@dataclass
class Asked:
    """One request as it came."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]

    @property
    def range(self) -> str | None:
        return self.headers.get("range")


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    """Close the connection after so many bytes of the body."""
    length: bool = True


@dataclass
class Host:
    """Files by path; `before` may answer a request in their place."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    before: Callable[[Asked], Answer | None] = lambda asked: None
    etags: bool = True
    ranges: bool = True

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return self.before(asked) or self.file(asked)

    def file(self, asked: Asked) -> Answer:
        data = self.files.get(asked.path)
        if data is None:
            return Answer(404, b"no such file")
        etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        headers = {"Last-Modified": MODIFIED} | ({"ETag": etag} if self.etags else {})
        if self.etags and asked.headers.get("if-none-match") == etag:
            return Answer(304, b"", headers)
        if not self.etags and asked.headers.get("if-modified-since") == MODIFIED:
            return Answer(304, b"", headers)
        fits = asked.headers.get("if-range") in (None, etag if self.etags else MODIFIED)
        if asked.range and self.ranges and fits:
            first, _, last = asked.range.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last) + 1 if last else len(data), len(data))
            if start >= len(data):
                return Answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
            return Answer(206, data[start:end], headers)
        return Answer(200, data, headers)

    def of(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.path == path]


@contextmanager
def serve(host: Host) -> Iterator[Host]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = parse_qs(parts.query, keep_blank_values=True)
            answer = host.answer(Asked(unquote(parts.path), query, headers))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.length:
                self.send_header("Content-Length", str(len(answer.body)))
            else:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(answer.body[: answer.cut])
            if answer.cut is not None or not answer.length:
                self.close_connection = True

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    host.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def s3(host: Host) -> None:
    """Answer ListObjectsV2 and requests for objects under /BUCKET/, as the service does."""

    def before(asked: Asked) -> Answer | None:
        bucket, _, key = asked.path.lstrip("/").partition("/")
        if not key:
            prefix = asked.query.get("prefix", [""])[0]
            rows = ""
            for path, data in sorted(host.files.items()):
                name = path.removeprefix(f"/{bucket}/")
                if path.startswith(f"/{bucket}/") and name.startswith(prefix):
                    etag = hashlib.sha256(data).hexdigest()[:16]
                    rows += (
                        f"<Contents><Key>{name}</Key><LastModified>2024-05-01T12:00:00.000Z</LastModified>"
                        f"<ETag>&quot;{etag}&quot;</ETag><Size>{len(data)}</Size>"
                        "<StorageClass>STANDARD</StorageClass></Contents>"
                    )
            count = rows.count("<Key>")
            body = (
                '<?xml version="1.0" encoding="UTF-8"?>'
                '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<Name>{bucket}</Name><Prefix>{prefix}</Prefix><KeyCount>{count}</KeyCount><MaxKeys>1000</MaxKeys>"
                f"<IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
            )
            return Answer(200, body.encode(), {"Content-Type": "application/xml"})
        return None

    host.before = before


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def hub(
    host: Host,
    store: Host,
    dataset: str,
    files: dict[str, bytes],
    card: dict[str, object] | None = None,
    token: str | None = None,
    page: int = 1000,
) -> None:
    """The dataset hub's revision, tree and resolve endpoints; large files are redirected to `store`, by digest."""
    store.files |= {f"/lfs/{hashlib.sha256(data).hexdigest()}": data for data in files.values()}

    def before(asked: Asked) -> Answer | None:
        if token is not None and asked.headers.get("authorization") != f"Bearer {token}":
            return Answer(401, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to it is restricted."})
        about, given = f"/api/datasets/{dataset}", f"/datasets/{dataset}/resolve/{COMMIT}/"
        if asked.path in (f"{about}/revision/main", f"{about}/revision/refs/convert/parquet"):
            return Answer(200, orjson.dumps({"id": dataset, "sha": COMMIT, "cardData": card or {}}))
        if asked.path == f"{about}/tree/{COMMIT}":
            start = int(asked.query.get("cursor", ["0"])[0])
            rows = [_row(path, data) for path, data in sorted(files.items())]
            headers = {}
            if start + page < len(rows):
                headers["Link"] = f'<{host.url}{about}/tree/{COMMIT}?recursive=true&cursor={start + page}>; rel="next"'
            return Answer(200, orjson.dumps(rows[start : start + page]), headers)
        if asked.path.startswith(given) and asked.path.removeprefix(given) in files:
            data = files[asked.path.removeprefix(given)]
            digest = hashlib.sha256(data).hexdigest()
            headers = {"X-Repo-Commit": COMMIT, "X-Linked-ETag": f'"{digest}"', "X-Linked-Size": str(len(data))}
            return Answer(302, b"", {**headers, "Location": f"{store.url}/lfs/{digest}"})
        return None

    host.before = before


def _row(path: str, data: bytes) -> dict[str, object]:
    oid = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
    row: dict[str, object] = {"type": "file", "oid": oid, "size": len(data), "path": path}
    if path.endswith(".parquet"):
        row["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return row


CRAWL = "CC-MAIN-2024-22"


@dataclass
class CrawlRecord:
    """A record and what the crawl's index says of it."""

    key: str
    url: str
    record: bytes
    mime: str = "text/html"
    status: str = "200"


def crawl(host: Host, records: list[CrawlRecord], files: int = 3, lines: int = 5, index_files: int = 2) -> None:
    """The records dealt to `files` files, their lists of paths, and an index with blocks of `lines` lines."""
    names = [
        f"crawl-data/{CRAWL}/segments/171.{at}/warc/CC-MAIN-20240520000000-20240520030000-{at:05d}.warc.gz"
        for at in range(files)
    ]
    contents = [b""] * files
    rows: list[tuple[str, bytes]] = []
    for at, one in enumerate(records):
        member, number = gzip.compress(one.record, mtime=0), at % files
        facts = {
            "url": one.url, "mime": one.mime, "mime-detected": one.mime, "status": one.status, "digest": "SHA1",
            "length": str(len(member)), "offset": str(len(contents[number])), "filename": names[number],
        }  # fmt: skip
        contents[number] += member
        rows.append((f"{one.key} 202405200{at % 10:05d}0", orjson.dumps(facts)))
    host.files |= {f"/{name}": data for name, data in zip(names, contents, strict=True)}
    for kind in ("warc", "wet"):
        listed = "".join(f"{name.replace('/warc/', f'/{kind}/')}\n" for name in names)
        host.files[f"/crawl-data/{CRAWL}/{kind}.paths.gz"] = gzip.compress(listed.encode(), mtime=0)
    rows.sort()
    blocks = [rows[at : at + lines] for at in range(0, len(rows), lines)]
    folder, cluster = f"/cc-index/collections/{CRAWL}/indexes", ""
    per_file = -(-len(blocks) // index_files)
    for number, block in enumerate(blocks):
        name = f"cdx-{number // per_file:05d}.gz"
        data = gzip.compress(b"".join(key.encode() + b" " + facts + b"\n" for key, facts in block), mtime=0)
        offset = len(host.files.get(f"{folder}/{name}", b""))
        host.files[f"{folder}/{name}"] = host.files.get(f"{folder}/{name}", b"") + data
        cluster += f"{block[0][0]}\t{name}\t{offset}\t{len(data)}\t{number + 1}\n"
    host.files[f"{folder}/cluster.idx"] = cluster.encode()
