"""Reading WARC: every page with its place, every fault named, nothing lost in silence."""

import gzip
import hashlib
import io
import random
import tracemalloc
import zlib
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
import zstandard
from fastwarc.stream_io import BrotliWriter

from openbook.corpus.sources import RawPage, SourceFile, read
from openbook.corpus.sources.record import layout_of, open_layout, read_record
from openbook.corpus.sources.warc import scan

from .warc_bytes import crawl, http, joined, page, record, response, url

LAYOUTS = ("plain", "gzip", "zstd", "gzip-stream", "zstd-stream")


def pages_of(path: Path, others: Counter[str] | None = None) -> list[RawPage]:
    return list(read(SourceFile("crawl.warc.gz", "crawl", "warc", "", 0), path, others))


def write(folder: Path, data: bytes) -> Path:
    path = folder / "crawl.warc"
    path.write_bytes(data)
    return path


def one_page(folder: Path, *records: bytes) -> RawPage:
    (found,) = pages_of(write(folder, b"".join(map(partial(gzip.compress, mtime=0), records))))
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_page_is_read_and_can_be_read_again_at_its_offset(tmp_path: Path, layout: str) -> None:
    path = write(tmp_path, joined(crawl(20), layout))
    others: Counter[str] = Counter()
    found = pages_of(path, others)
    assert layout_of(path) == layout
    assert [one.url for one in found] == [url(number) for number in range(20)]
    assert [one.body for one in found] == [page(number) for number in range(20)]
    assert others == {"warcinfo": 1, "request": 20, "metadata": 20}
    with open_layout(path, layout) as file:  # type: ignore[arg-type]
        for one in found:
            again = read_record(file, one.offset, layout)  # type: ignore[arg-type]
            assert again.problem is None and again.end == one.offset + one.length
            assert again.block is not None and again.block.endswith(one.body)
            assert again.headers["warc-record-id"] == one.record_id
            assert one.payload_digest == "sha256:" + hashlib.sha256(one.body).hexdigest()


def test_offset_and_length_are_those_of_the_gzip_member(tmp_path: Path) -> None:
    members = [gzip.compress(one, mtime=0) for one in crawl(5)]
    path = write(tmp_path, b"".join(members))
    starts = [sum(map(len, members[:index])) for index in range(len(members))]
    assert [(one.offset, one.length) for one in pages_of(path)] == [
        (starts[index], len(members[index])) for index in range(2, len(members), 3)
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_truncated_file_yields_all_before_the_break_and_then_one_error(tmp_path: Path, layout: str) -> None:
    records = crawl(300)
    whole = joined(records, layout)
    for cut in (len(whole) // 2, len(whole) - 40):
        path = write(tmp_path, whole[:cut])
        found = pages_of(path)
        assert found[-1].error and not any(one.error for one in found[:-1])
        assert [one.url for one in found[:-1]] == [url(number) for number in range(len(found) - 1)]
        if "stream" not in layout:
            assert found[-1].offset + found[-1].length == cut


@pytest.mark.parametrize("layout", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize(
    "damage", ["length too small", "length too large", "no length", "junk between", "not a record"]
)
def test_broken_record_is_named_and_its_neighbors_are_read(tmp_path: Path, layout: str, damage: str) -> None:
    records = crawl(6)
    victim = 2 + 3 * 2  # the response of page 2
    length = records[victim].split(b"Content-Length: ")[1].split(b"\r\n")[0]
    change = {"length too small": b"9", "length too large": b"99999", "no length": b"many"}
    if damage in change:
        records[victim] = records[victim].replace(b"Content-Length: " + length, b"Content-Length: " + change[damage], 1)
    data = [joined([one], layout) for one in records]
    if damage == "junk between":
        data.insert(victim, b"\0junk that is no record\n" * 3)
    elif damage == "not a record":
        data[victim] = joined([b"no record at all, but as long as one\r\n\r\n"], layout)
    path = write(tmp_path, b"".join(data))
    found = pages_of(path)
    read_well = [one.url for one in found if not one.error]
    assert read_well == [url(number) for number in range(6) if number != 2 or damage == "junk between"]
    (error,) = [one for one in found if one.error]
    assert error.offset == sum(map(len, data[:victim])) and error.body == b""


def test_random_damage_leaves_no_byte_unaccounted_for(tmp_path: Path) -> None:
    whole = joined(crawl(8), "gzip")
    chance = random.Random(7)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 3, 12))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path = write(tmp_path, bytes(data))
        at = 0
        for one in scan(path):
            assert one.offset == at
            at = one.end
        assert at == len(data)


@pytest.mark.parametrize("data", [b"junk" * 100, b"<html>" * 100, gzip.compress(b"junk" * 100, mtime=0)])
def test_file_that_is_no_warc_is_one_error(tmp_path: Path, data: bytes) -> None:
    (found,) = pages_of(write(tmp_path, data))
    assert found.error == "no WARC record begins here" and found.length == len(data)


def test_empty_file_is_one_error(tmp_path: Path) -> None:
    (found,) = pages_of(write(tmp_path, b""))
    assert found.error == "the file is empty"


def bare_deflate(body: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(body) + deflater.flush()


def brotli(body: bytes) -> bytes:
    out = io.BytesIO()
    writer = BrotliWriter(out)
    writer.write(body)
    writer.close()
    return out.getvalue()


def chunked(body: bytes) -> bytes:
    parts = [body[at : at + 10] for at in range(0, len(body), 10)]
    return b"".join(b"%x;name=value\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


CODINGS = {
    "gzip": (partial(gzip.compress, mtime=0), "Content-Encoding: gzip"),
    "deflate": (zlib.compress, "Content-Encoding: deflate"),
    "bare deflate": (bare_deflate, "Content-Encoding: deflate"),
    "brotli": (brotli, "Content-Encoding: br"),
    "zstd": (zstandard.compress, "content-encoding: ZSTD"),
    "chunked": (chunked, "Transfer-Encoding: chunked"),
    "joined under the old header": (bytes, "Transfer-Encoding: chunked"),
    "unpacked under the old header": (bytes, "Content-Encoding: gzip"),
    "chunked gzip": (
        lambda body: chunked(gzip.compress(body, mtime=0)),
        "Transfer-Encoding: chunked\r\nContent-Encoding: gzip",
    ),
}


@pytest.mark.parametrize("coding", CODINGS)
def test_body_comes_with_every_coding_undone(tmp_path: Path, coding: str) -> None:
    encode, header = CODINGS[coding]
    found = one_page(tmp_path, record("response", url(1), http(encode(page(1)), "Content-Type: text/html", header)))
    assert found.error is None and found.body == page(1)


@pytest.mark.parametrize("coding", ["gzip", "zstd", "bare deflate", "brotli"])
def test_bomb_is_a_counted_rejection_and_not_memory(tmp_path: Path, coding: str) -> None:
    encode, header = CODINGS[coding]
    bomb = record("response", url(1), http(encode(bytes(64 << 20)), "Content-Type: text/html", header))
    path = write(tmp_path, gzip.compress(bomb, mtime=0) + gzip.compress(response(2), mtime=0))
    del bomb
    tracemalloc.start()
    first, second = pages_of(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert first.error and "longer than 16,777,216 bytes" in first.error and second.body == page(2)
    assert peak < 60 << 20


def test_page_of_200_megabytes_is_a_counted_rejection_and_not_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.warc"
    head = record("response", url(1), b"").removesuffix(b"\r\n\r\n")
    with path.open("wb") as file:
        file.write(head.replace(b"Content-Length: 0", b"Content-Length: 209715200"))
        start = file.tell()
        file.write(http(b"", "Content-Type: text/html"))
        file.truncate(start + 209715200)
        file.seek(0, 2)
        file.write(b"\r\n\r\n" + response(2))
    tracemalloc.start()
    first, second = pages_of(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert first.error == "the record holds 209,715,200 bytes, more than 16,777,216" and second.body == page(2)
    assert peak < 60 << 20


def test_pages_without_a_declared_type_are_recognized_and_others_counted(tmp_path: Path) -> None:
    records = [
        record("response", "a", http(page(1))),
        record("response", "b", http(b"\xef\xbb\xbf  <HTML><head></head>")),
        record("response", "c", http(b"%PDF-1.7 \0\1\2")),
        record("response", "d", http(b"\x89PNG", "Content-Type: image/png")),
        record(
            "response",
            "e",
            http(b"x" * 50, "Content-Type: application/octet-stream"),
            "WARC-Identified-Payload-Type: text/html",
        ),
        record("response", "f", http(b"moved", "Location: /", status="301 Moved")),
        record("response", "g", http(b"gone", "Content-Type: text/html", status="404 Not Found")),
        record("revisit", "h", b""),
        record("resource", "i", page(4), content_type="text/html"),
    ]
    others: Counter[str] = Counter()
    found = pages_of(write(tmp_path, b"".join(map(partial(gzip.compress, mtime=0), records))), others)
    assert [(one.url, one.content_type) for one in found] == [(name, "text/html") for name in "abei"]
    assert others == {
        "application/octet-stream": 1, "image/png": 1, "status 301": 1, "status 404": 1, "revisit": 1,
    }  # fmt: skip


def test_wet_records_are_ready_text(tmp_path: Path) -> None:
    found = one_page(tmp_path, record("conversion", url(1), "Għaxar żiemel.".encode()))
    assert found.text == "Għaxar żiemel." and found.content_type == "text/plain"


def test_broken_utf8_text_is_read_as_declared_or_repaired(tmp_path: Path) -> None:
    latin = "naïve café".encode("latin-1")
    declared = one_page(
        tmp_path, record("response", url(1), http(latin, "Content-Type: text/plain; charset=iso-8859-1"))
    )
    assert (declared.text, declared.charset) == ("naïve café", "iso-8859-1")
    unknown = one_page(
        tmp_path, record("response", url(1), http(b"ab\xffc", "Content-Type: text/plain; charset=no-such"))
    )
    assert unknown.text == "ab\ufffdc"


def test_undecodable_body_is_an_error_with_its_reason(tmp_path: Path) -> None:
    bad = b"\x1f\x8b\x08 and no more"
    found = one_page(
        tmp_path, record("response", url(1), http(bad, "Content-Type: text/html", "Content-Encoding: gzip"))
    )
    assert found.error and "gzip" in found.error and found.url == url(1) and found.record_id
    strange = one_page(tmp_path, record("response", url(1), http(b"??", "Content-Encoding: rot13")))
    assert strange.error == "content coding 'rot13' is not known"
    bare = one_page(tmp_path, record("response", url(1), b"not http"))
    assert bare.error == "no HTTP status line"


def test_zstd_file_with_a_dictionary(tmp_path: Path) -> None:
    records = crawl(60)
    dictionary = zstandard.train_dictionary(2048, records)
    packer = zstandard.ZstdCompressor(dict_data=dictionary)
    head = b"\x5d\x2a\x4d\x18" + len(dictionary.as_bytes()).to_bytes(4, "little") + dictionary.as_bytes()
    path = write(tmp_path, head + b"".join(packer.compress(one) for one in records))
    found = pages_of(path)
    assert [one.body for one in found] == [page(number) for number in range(60)]
    with open_layout(path, "zstd") as file:
        assert read_record(file, found[7].offset, "zstd").problem is None


def test_zstd_file_with_a_compressed_dictionary(tmp_path: Path) -> None:
    """The format's other form: the dictionary in the frame is itself a zstd frame."""
    records = crawl(60)
    dictionary = zstandard.train_dictionary(2048, records)
    packer = zstandard.ZstdCompressor(dict_data=dictionary)
    stored = zstandard.compress(dictionary.as_bytes())
    head = b"\x5d\x2a\x4d\x18" + len(stored).to_bytes(4, "little") + stored
    path = write(tmp_path, head + b"".join(packer.compress(one) for one in records))
    found = pages_of(path)
    assert [one.body for one in found] == [page(number) for number in range(60)]
    with open_layout(path, "zstd") as file:
        assert read_record(file, found[7].offset, "zstd").problem is None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_records_in_any_order_are_all_read(tmp_path: Path, layout: str) -> None:
    records = crawl(30)
    random.Random(3).shuffle(records)
    others: Counter[str] = Counter()
    found = pages_of(write(tmp_path, joined(records, layout)), others)
    assert sorted(one.url for one in found) == sorted(url(number) for number in range(30))
    assert others == {"warcinfo": 1, "request": 30, "metadata": 30} and not any(one.error for one in found)


def test_what_a_site_says_of_its_pages_is_read_whatever_its_type(tmp_path: Path) -> None:
    records = [
        record(
            "response",
            "https://example.org/robots.txt",
            http(b"User-agent: *", "Content-Type: application/octet-stream"),
            "WARC-Identified-Payload-Type: text/x-robots",
        ),
        record(
            "response", "https://example.org/.well-known/tdmrep.json", http(b"[]", "Content-Type: application/json")
        ),
        record("response", "https://example.org/docs/robots.txt.json", http(b"[]", "Content-Type: application/json")),
    ]
    others: Counter[str] = Counter()
    found = pages_of(write(tmp_path, b"".join(map(partial(gzip.compress, mtime=0), records))), others)
    assert [one.text for one in found] == ["User-agent: *", "[]"] and others == {"application/json": 1}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_file_of_any_size_is_streamed(tmp_path: Path, layout: str) -> None:
    """55 MB of records, one of them of 40 MB: what is held does not grow with them."""
    body = b"<html><p>" + bytes(range(32, 127)) * 5000
    large = record("response", url(0), http(b"<html>" + b"x" * (40 << 20), "Content-Type: text/html"))
    small = [record("response", url(at), http(body, "Content-Type: text/html")) for at in range(1, 31)]
    path = write(tmp_path, joined([large, *small], layout))
    del large, small
    tracemalloc.start()
    errors = [one.error for one in read(SourceFile("x", "crawl", "warc", "", 0), path)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(errors) == 31 and errors[0] and "more than 16,777,216" in errors[0] and not any(errors[1:])
    assert peak < 30 << 20
