"""A small crawl in every language of the table, written from tests/pages as a crawler would have left it."""

import gzip
import hashlib
import json
import os
import re
import shutil
import time
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from openbook.languages import LANGUAGES

PAGES = Path(__file__).parents[1] / "pages"

RECIPE = """name = "small"
description = "A very small run for the tests."
seed = 3
languages = {languages}

[[sources]]
name = "crawl"
kind = "warc"
paths = ["crawl/*.warc.gz"]
license = "CC0-1.0"

[[sources]]
name = "folder"
kind = "html"
paths = ["html"]
url = "https://folder.example"
license = "CC0-1.0"

[[sources]]
name = "lines"
kind = "jsonl"
paths = ["ready.jsonl.gz"]
license = "CC0-1.0"
[sources.columns]
text = "body"
url = "address"

[[sources]]
name = "table"
kind = "parquet"
paths = ["ready.parquet"]
license = "CC0-1.0"

[parallel]
kind = "own"

[corpus]
profile = "documentation"

[tokenizer]
vocabulary = 800

[model]
dim = 32
layers = 2
heads = 2
kv_heads = 1
feed_forward = 64
context = 128

[train]
steps = 30
sequence = 64
batch_rows = 8
checkpoint_every = 10
compile = false

[evaluate]
held_out_bytes = 2000
parallel_bytes = 1000
resamples = 100

[export]
checked_tokens = 16

[release]
license = "CC0-1.0"
provider = "The tests"
"""


def record(address: str, body: bytes, headers: str = "Content-Type: text/html; charset=utf-8") -> bytes:
    """One WARC response record as a gzip member."""
    http = f"HTTP/1.1 200 OK\r\n{headers}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    identifier = uuid.uuid5(uuid.NAMESPACE_URL, address)
    head = (
        f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{identifier}>\r\n"
        f"WARC-Date: 2026-01-02T03:04:05Z\r\nWARC-Target-URI: {address}\r\n"
        f"WARC-Payload-Digest: sha256:{hashlib.sha256(body).hexdigest()}\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    ).encode()
    return gzip.compress(head + http + b"\r\n\r\n", mtime=0)


def page(code: str, number: int) -> bytes:
    return (PAGES / code / f"{number}.html").read_bytes()


def plain(code: str, number: int) -> str:
    """The paragraphs of a page, by a rule of the tests' own: what stands in <p> and ends like a sentence."""
    found = re.findall(r"<p\b[^>]*>(.*?)</p>", page(code, number).decode(), re.S | re.I)
    texts = [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in found]
    return "\n\n".join(text for text in texts if len(text) > 60)


NAME = "small.toml"


def write_crawl(folder: Path) -> Path:
    """Write sources and recipe into `folder`; returns the recipe's path."""
    codes = sorted(LANGUAGES)
    (folder / "crawl").mkdir(parents=True)
    for part in range(2):
        members = [record(f"https://{code}.example/1.html", page(code, 1)) for code in codes[part::2]]
        (folder / "crawl" / f"{part}.warc.gz").write_bytes(b"".join(members))
    for code in codes:
        target = folder / "html" / code / "2.html"
        target.parent.mkdir(parents=True)
        shutil.copyfile(PAGES / code / "2.html", target)
    ready = [(code, plain(code, 3)) for code in codes if plain(code, 3)]
    lines = [{"body": text, "address": f"https://lines.example/{code}"} for code, text in ready[::2]]
    packed = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    (folder / "ready.jsonl.gz").write_bytes(gzip.compress(packed, mtime=0))
    table = pa.table({"text": [text for _, text in ready[1::2]], "language": [code for code, _ in ready[1::2]]})
    pq.write_table(table, folder / "ready.parquet")
    hour_ago = time.time() - 3600  # a file written within the second in which a run begins may have changed since
    for path in folder.rglob("*"):
        os.utime(path, (hour_ago, hour_ago))
    recipe = folder / NAME
    recipe.write_text(RECIPE.format(languages=json.dumps(codes)))
    return recipe
