"""Common Crawl: whole files by list or sample, single records through the index, each as the crawl has it."""

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from fastwarc.warc import ArchiveIterator
from pydantic import TypeAdapter, ValidationError

from openbook.compute import local
from openbook.context import Context
from openbook.corpus.sources import Sources, SourceSettings, elsewhere, read, run
from openbook.corpus.sources.common_crawl import records
from openbook.corpus.sources.common_crawl.surt import prefixes
from openbook.corpus.sources.remote import BackOff, Gate
from openbook.corpus.sources.settings import CommonCrawlSource
from openbook.errors import OpenbookError
from openbook.progress import quiet

from .source_servers import CRAWL, Answer, Asked, CrawlRecord, Host, crawl, serve
from .warc_bytes import http, page, record

SITES = ("com,shop)", "ie,gov)", "mt,com,news)", "org,example)", "org,example,blog)", "org,example-other)", "org,zoo)")


def address_of(key: str) -> str:
    host, _, path = key.partition(")")
    return f"https://{'.'.join(reversed(host.split(',')))}{path}"


def a_record(key: str, number: int, mime: str = "text/html", status: str = "200") -> CrawlRecord:
    url = address_of(key)
    block = http(page(number), f"Content-Type: {mime}", status=f"{status} Said")
    return CrawlRecord(key, url, record("response", url, block), mime, status)


RECORDS = [a_record(f"{site}/{part}/{at}", at) for site in SITES for part in ("news", "shop") for at in range(20)] + [
    a_record("org,example)/robots.txt", 0, "text/x-robots"),
    a_record("org,example)/news/logo", 1, "image/png"),
    a_record("org,example)/news/gone", 2, status="404"),
    a_record("org,zoo)/robots.txt", 3, "text/plain"),
    a_record("com,shop)/news", 4),
]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(elsewhere, "gate", lambda: Gate(BackOff(), lambda seconds: None))
    with serve(Host()) as host:
        crawl(host, RECORDS)
        yield host


def source(host: Host, **settings: object) -> CommonCrawlSource:
    return CommonCrawlSource.model_validate(
        {"kind": "common-crawl", "name": "cc", "crawl": CRAWL, "base": f"{host.url}/", **settings}
    )


def build(base: Path, *settings: SourceSettings, work: str = "work", workers: int = 1) -> Sources:
    (base / work).mkdir(exist_ok=True)
    run(settings, base / work, Context(local(workers), quiet(), base / "cache"), base)
    return Sources.open(base / work)


def urls(sources: Sources) -> list[str]:
    return [page.url for file in sources.files for page in read(file, sources.locate(file.name))]


def test_sample_is_drawn_out_of_the_crawls_list_and_grows_in_place(tmp_path: Path, host: Host) -> None:
    crawl(host, RECORDS, files=9)
    names = []
    for size in (2, 4, 9):
        sources = build(tmp_path, source(host, sample=size), work=f"work{size}")
        names.append({file.name for file in sources.files})
        assert len(sources.files) == size and sources.origins[0]["listed"] == 9
    assert names[0] < names[1] < names[2]
    other = build(tmp_path, source(host, sample=4, seed=2), work="other")
    assert {file.name for file in other.files} != names[1]
    assert len(host.of(f"/crawl-data/{CRAWL}/warc.paths.gz")) == 4
    with pytest.raises(OpenbookError, match=r"sample = 10, but the list has only 9 files"):
        build(tmp_path, source(host, sample=10))


def test_whole_files_carry_the_crawl_and_their_place_in_it(tmp_path: Path, host: Host) -> None:
    path = f"crawl-data/{CRAWL}/segments/171.1/warc/CC-MAIN-20240520000000-20240520030000-00001.warc.gz"
    sources = build(tmp_path, source(host, paths=[path]))
    (file,) = sources.files
    assert file.name == f"cc/{path.rpartition('/')[2]}" and file.package == CRAWL
    assert file.origin == f"{host.url}/{path}" and file.sha256 == hashlib.sha256(host.files[f"/{path}"]).hexdigest()


def test_path_list_is_a_file_of_paths(tmp_path: Path, host: Host) -> None:
    listed = gzip.decompress(host.files[f"/crawl-data/{CRAWL}/warc.paths.gz"])
    (tmp_path / "mine.paths.gz").write_bytes(gzip.compress(listed, mtime=0))
    (tmp_path / "mine.paths").write_bytes(listed)
    one = build(tmp_path, source(host, path_list="mine.paths"), work="one")
    two = build(tmp_path, source(host, path_list="mine.paths.gz"), work="two")
    assert len(one.files) == 3 and one.files == two.files
    with pytest.raises(OpenbookError, match=r"source 'cc': there is no path list .*none\.paths"):
        build(tmp_path, source(host, path_list="none.paths"))


def expected(*begins: str) -> set[str]:
    pages = [one for one in RECORDS if one.status == "200" and not one.mime.startswith("image")]
    return {one.url for one in pages if any(one.key.startswith(begin) for begin in begins)}


@pytest.mark.parametrize("piece", [200, 1 << 16])
@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        (["example.org"], ["org,example)", "org,example,"]),
        (["https://www.EXAMPLE.org/News/1"], ["org,example)/news/1", "org,example)/robots.txt"]),
        (["news.com.mt", "https://zoo.org"], ["mt,com,news)", "org,zoo)"]),
        (["shop.com/news/"], ["com,shop)/news"]),
    ],
)
def test_records_under_a_domain_or_address_are_found_all_and_alone(
    tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch, asked: list[str], begins: list[str], piece: int
) -> None:
    monkeypatch.setattr("openbook.corpus.sources.common_crawl.index.PIECE", piece)
    sources = build(tmp_path, source(host, urls=asked))
    assert sorted(urls(sources)) == sorted(expected(*begins))
    assert all(one.range for one in host.asked), "nothing is fetched whole"


def test_records_keep_their_bytes_and_where_they_stood(tmp_path: Path, host: Host) -> None:
    sources = build(tmp_path, source(host, urls=["example.org"], license="CC0-1.0"))
    (file,) = sources.files
    assert file.name == "warc/cc/cc-00001.warc.gz" and file.package == CRAWL
    packed = sources.locate(file.name).read_bytes()
    pages = list(read(file, sources.locate(file.name)))
    for one in pages:
        origin = sources.origin_of(file.name, one.offset)
        assert origin is not None and origin["url"] == one.url and origin["length"] == one.length
        theirs = host.files[f"/{origin['file']}"][origin["offset"] : origin["offset"] + origin["length"]]
        assert packed[one.offset : one.offset + one.length] == theirs
        assert sources.open_record(file.name, one.offset) == one.body
    with sources.locate(file.name).open("rb") as opened:
        kinds = [str(one.record_type) for one in ArchiveIterator(opened)]
    assert kinds == ["warcinfo", *["response"] * len(pages)]


def test_what_the_index_names_is_taken_or_counted(tmp_path: Path, host: Host) -> None:
    (told,) = build(tmp_path, source(host, urls=["example.org"], pages=30)).origins
    assert told["left_out"] == {"beyond the bound on pages": 51, "image/png": 1, "status 404": 1}
    assert told["taken"] == 30 and told["captures"] == 83
    (larger,) = build(tmp_path, source(host, urls=["example.org"], pages=60), work="larger").origins
    assert larger["taken"] == 60
    assert set(urls(Sources.open(tmp_path / "work"))) < set(urls(Sources.open(tmp_path / "larger")))


def test_records_that_lie_near_each_other_come_in_one_request(tmp_path: Path, host: Host) -> None:
    build(tmp_path, source(host, urls=["example.org"]))
    warc = [one for one in host.asked if one.path.startswith("/crawl-data/")]
    assert len(warc) == 3 and len({one.path for one in warc}) == 3
    assert len(host.of(f"/cc-index/collections/{CRAWL}/indexes/cluster.idx")) == 1


def test_search_takes_a_number_of_requests_that_grows_with_the_logarithm(
    tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openbook.corpus.sources.common_crawl.index.PIECE", 128)
    many = [a_record(f"org,site{at:05d})/", at) for at in range(4000)]
    crawl(host, many, lines=1)
    host.asked.clear()
    build(tmp_path, source(host, urls=["https://site02500.org/"]))
    pieces = len(host.files[f"/cc-index/collections/{CRAWL}/indexes/cluster.idx"]) // 128
    assert pieces > 1500 and len(host.of(f"/cc-index/collections/{CRAWL}/indexes/cluster.idx")) < 60


def test_throttling_costs_time_and_nothing_else(tmp_path: Path, host: Host) -> None:
    calm = build(tmp_path, source(host, urls=["example.org"]), work="calm")
    turn = iter(range(10_000))

    def busy(asked: Asked) -> Answer | None:
        number = next(turn)
        return Answer((403, 429, 503)[number % 3], headers={"Retry-After": "1"}) if number % 4 < 3 else None

    host.before = busy
    busy_one = build(tmp_path, source(host, urls=["example.org"]), work="busy")
    for path in sorted(calm.folder.rglob("*")):
        if path.is_file():
            assert (busy_one.folder / path.relative_to(calm.folder)).read_bytes() == path.read_bytes()


def test_killed_run_does_not_fetch_again_what_it_has(
    tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "FILE_BYTES", 2000)
    monkeypatch.setattr(records, "CONNECTIONS", 1)
    whole = build(tmp_path, source(host, urls=["gov.ie"]), work="whole")
    assert len(whole.files) > 3
    broken = f"/{sorted(one for one in host.files if one.startswith('/crawl-data') and '00002' in one)[0][1:]}"
    host.before = lambda asked: Answer(404) if asked.path == broken else None
    with pytest.raises(OpenbookError, match="source 'cc': there is no file at"):
        build(tmp_path, source(host, urls=["gov.ie"]))
    done = sorted(path.name for path in (tmp_path / "work").rglob("*.warc.gz"))
    assert done
    host.before = lambda asked: None
    host.asked.clear()
    again = build(tmp_path, source(host, urls=["gov.ie"]))
    fetched = [one for one in host.asked if one.path.startswith("/crawl-data/")]
    assert len(fetched) < sum(1 for _ in whole.files)
    assert {file.sha256 for file in again.files} == {file.sha256 for file in whole.files}


def test_empty_or_broken_index_is_a_sentence(tmp_path: Path, host: Host) -> None:
    with pytest.raises(OpenbookError, match=r"source 'cc' is empty: .* no page under nothing\.example"):
        build(tmp_path, source(host, urls=["nothing.example"]))
    with pytest.raises(OpenbookError, match=r"1 of status 404"):
        build(tmp_path, source(host, urls=["example.org/news/gone"]))
    folder = f"/cc-index/collections/{CRAWL}/indexes"
    host.files[f"{folder}/cdx-00000.gz"] = b"x" * len(host.files[f"{folder}/cdx-00000.gz"])
    with pytest.raises(OpenbookError, match="damaged index"):
        build(tmp_path, source(host, urls=["shop.com"]))
    host.files[f"{folder}/cluster.idx"] = b"a line of one field\n"
    with pytest.raises(OpenbookError, match=r"cluster\.idx holds a line"):
        build(tmp_path, source(host, urls=["shop.com"]))
    host.ranges = False
    with pytest.raises(OpenbookError, match="does not hand out parts"):
        build(tmp_path, source(host, urls=["shop.com"]))


def test_unreadable_line_of_the_index_costs_one_line(tmp_path: Path, host: Host) -> None:
    folder = f"/cc-index/collections/{CRAWL}/indexes"
    rows = [b"org,example)/a 20240520 {not json}", b"org,example)/b 20240520"]
    good = orjson.dumps({"url": "https://example.org/c", "mime": "text/html", "status": "200", "length": "10", "offset": "0", "filename": "f.warc.gz"})  # fmt: skip  # noqa: E501
    block = gzip.compress(b"\n".join([*rows, b"org,example)/c 20240520 " + good]), mtime=0)
    host.files |= {
        f"{folder}/cdx-00000.gz": block,
        f"{folder}/cluster.idx": b"org,example)/a 20240520\tcdx-00000.gz\t0\t%d\t1\n" % len(block),
        "/f.warc.gz": b"0123456789",
    }
    sources = build(tmp_path, source(host, urls=["example.org"]))
    assert sources.origins[0]["left_out"] == {"unreadable line of the index": 2}
    (found,) = read(sources.files[0], sources.locate(sources.files[0].name))
    assert found.error, "bytes that are no record are an error page, as in any crawl"


# Keys as the surt package of the Internet Archive makes them, which the index of Common Crawl is sorted by. A space
# follows a key there.
@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://example.com/", b"com,example)/"),
        ("https://www.example.com/Some/Path", b"com,example)/some/path"),
        ("http://www2.example.co.uk:8080/", b"uk,co,example:8080)/"),
        ("https://example.com:443/", b"com,example)/"),
        ("https://example.org/a%20b/é/%C3%A9", b"org,example)/a%20b/%c3%a9/%c3%a9"),
        ("http://1.2.3.4/x", b"4,3,2,1)/x"),
        ("https://www.example.org/~Me/", b"org,example)/~me "),
        ("https://example.org/news/", b"org,example)/news?"),
        ("https://bücher.example/List", b"example,xn--bcher-kva)/list"),
    ],
)
def test_addresses_stand_in_the_index_by_their_hosts_from_behind(url: str, key: bytes) -> None:
    assert key in prefixes(url)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "say which part of the crawl"),
        ({"urls": ["example.org"], "sample": 3}, "`urls` takes records"),
        ({"sample": 3, "pages": 3}, "`pages` bounds"),
        ({"paths": ["a"], "path_list": "b"}, "two ways to say the same"),
        ({"urls": ["*.example.org"]}, "must be a domain"),
        ({"sample": 3, "crawl": "2024-22"}, "crawl"),
        ({"sample": 3, "base": "ftp://x"}, "must begin with https"),
    ],
)
def test_recipe_is_told_what_does_not_go_together(settings: dict[str, object], sentence: str) -> None:
    given = {"kind": "common-crawl", "name": "cc", "crawl": CRAWL, **settings}
    with pytest.raises(ValidationError, match=sentence):
        TypeAdapter[SourceSettings](SourceSettings).validate_python(given)


def test_host_that_is_none_is_a_sentence(tmp_path: Path, host: Host) -> None:
    with pytest.raises(OpenbookError, match="no host name"):
        build(tmp_path, source(host, urls=["https:///x"]))
