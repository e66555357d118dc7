"""From the bytes of a crawl to rights.json and the report: what cannot be read closes, is counted, and is no page."""

import gzip
import random
import re
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from openbook.corpus import Annotated, Corpus, CorpusSettings
from openbook.corpus.policies import Answer
from openbook.corpus.rights import RightsPolicy
from openbook.corpus.settings import DuplicateSettings
from openbook.corpus.snapshots import read
from openbook.errors import OpenbookError
from tests.corpus import build
from tests.corpus.test_annotate import TEXT, page
from tests.corpus.test_rights_snapshots import KEPT, rows
from tests.corpus.warc_bytes import http, record

ALL = DuplicateSettings(near=False)
CLOSED = b"User-agent: GPTBot\nDisallow: /\n"


def answered(host: str, body: bytes, *headers: str, status: str = "200 OK", path: str = "/robots.txt") -> bytes:
    return record("response", f"https://{host}.example{path}", http(body, *headers, status=status))


def text_page(host: str, *headers: str) -> bytes:
    body = page(f"{TEXT} This page is that of {host}, and of nobody else who lives there by the sea.")
    return record("response", f"https://{host}.example/p", http(body, "Content-Type: text/html", *headers))


SITES: dict[str, tuple[list[bytes], list[str], list[str]]] = {
    # host: its records, what is unreadable, what is reserved
    "json": ([answered("json", b'{"error":"internal"}', "Content-Type: application/json")], ["robots"], []),
    "utf16": ([answered("utf16", CLOSED.decode().encode("utf-16"))], [], ["robots:gptbot"]),
    "latin": ([answered("latin", b"# caf\xe9\n" + CLOSED)], [], ["robots:gptbot"]),
    "noise": ([answered("noise", bytes(range(128, 256)) * 9)], ["robots"], []),
    "gz": ([answered("gz", gzip.compress(CLOSED, mtime=0), "Content-Encoding: gzip")], [], ["robots:gptbot"]),
    "cut": ([answered("cut", gzip.compress(CLOSED * 50, mtime=0)[:-12], "Content-Encoding: gzip")], ["robots"], []),
    "moved": (
        [answered("moved", b"", "Location: https://latin.example/robots.txt", status="301 Moved")],
        [],
        ["robots:gptbot"],
    ),
    "lost": (
        [answered("lost", b"", "Location: https://nowhere.example/robots.txt", status="302 Found")],
        ["robots"],
        [],
    ),
    "busy": ([answered("busy", b"", status="429 Too Many Requests")], ["robots"], []),
    "down": ([answered("down", b"", status="503 Unavailable")], ["robots"], []),
    "gone": ([answered("gone", b"User-agent: *\nDisallow: /", status="404 Not Found")], [], []),
    "forbidden": ([answered("forbidden", b"", status="403 Forbidden")], [], []),
    "deep": ([answered("deep", b"[" * 100_000, path="/.well-known/tdmrep.json")], ["tdmrep.json"], []),
    "stars": ([answered("stars", b"User-agent: GPTBot\nDisallow: /" + b"*a" * 500 + b"$")], [], []),
    "maybe": ([], ["header:content-usage"], []),
    "quiet": ([], [], []),
}
HEADERS = {"maybe": ["Content-Usage: train-ai=maybe"]}


def crawl(folder: Path, rights: RightsPolicy | None = None) -> Corpus:
    records = [one for host, (policies, _, _) in SITES.items() for one in policies]
    records += [text_page(host, *HEADERS.get(host, [])) for host in SITES]
    path = build.warc(folder / "1.warc", records)
    annotated = build.annotated(folder / "annotated", build.sources(folder / "sources", {"web/1.warc": path}))
    return build.corpus(
        folder / "corpus",
        annotated,
        CorpusSettings(profile="messages", duplicates=ALL, rights=rights or RightsPolicy()),
    )


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return crawl(tmp_path_factory.mktemp("closed"))


@pytest.mark.parametrize("host", SITES)
def test_what_a_site_answers_holds_for_its_page(closed: Corpus, host: str) -> None:
    row = rows(closed)[f"https://{host}.example/p"]
    _, unreadable, reserved = SITES[host]
    assert (row["unreadable"], row["reservations"]) == (unreadable, reserved)
    rule = "rights:unreadable" if unreadable else "rights:reserved" if reserved else None
    assert row.get("rejected_by") == rule


def table(corpus: Corpus, caption: str) -> list[list[str]]:
    text = (corpus.folder / "report.html").read_text()
    found = next(one for one in re.findall(r"<table.*?</table>", text, re.S) if caption in one)
    body = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S) for row in re.findall(r"<tr.*?</tr>", found, re.S)]
    return [[re.sub(r"<[^>]+>|\s+", " ", cell).strip() for cell in row] for row in body if row]


def test_unreadable_signals_are_counted_by_kind_and_source(closed: Corpus, tmp_path: Path) -> None:
    wanted: dict[str, int] = {}
    for _, unreadable, _ in SITES.values():
        for kind in unreadable:
            wanted[kind] = wanted.get(kind, 0) + 1
    for corpus, answer in ((closed, "excluded"), (crawl(tmp_path, RightsPolicy(unreadable="open")), "open")):
        told = orjson.loads((corpus.folder / "rights.json").read_bytes())
        assert told["unreadable"] == wanted
        assert told["unreadable_by_source"] == {kind: {"web": {answer: count}} for kind, count in wanted.items()}
        column = 3 + ("open", "sealed", "excluded").index(answer)
        shown = table(corpus, "what the recipe did with them")[1:]
        assert {row[0]: int(row[2]) for row in shown} == wanted
        assert all(row[2] == row[column] and row[1] == "web" for row in shown)
        assert f'unreadable = "{answer}"' in (corpus.folder / "report.html").read_text().replace("&#34;", '"')


def test_policy_files_are_no_pages(closed: Corpus) -> None:
    policies = sum(len(records) for records, _, _ in SITES.values())
    funnel = orjson.loads((closed.folder / "funnel.json").read_bytes())
    assert sum(line["read"] for line in funnel["lines"]) == len(SITES)
    assert funnel["not_pages"] == {"web": {"policy file": policies}}
    assert all("rights:policy-file" not in line["rejected"] for line in funnel["lines"])
    told = orjson.loads((closed.folder / "rights.json").read_bytes())
    shown = {row[0]: int(row[1]) + int(row[2]) for row in table(closed, ">Reservations<")[1:]}
    assert shown == told["reservations"] == {"robots:gptbot": 4}
    assert "rights:policy-file" not in (closed.folder / "report.html").read_text()
    assert sum(told["rights"].values()) == len(SITES)


def test_a_policy_file_of_a_site_that_is_left_out_is_no_page_either(tmp_path: Path) -> None:
    from openbook.corpus.optouts import OptOutSettings

    path = build.warc(tmp_path / "1.warc", [answered("a", CLOSED), text_page("a"), KEPT])
    annotated = build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", {"web/1.warc": path}))
    settings = CorpusSettings(profile="messages", optouts=OptOutSettings(domains=("a.example",)))
    corpus = build.corpus(tmp_path / "corpus", annotated, settings)
    line = next(one for one in orjson.loads((corpus.folder / "funnel.json").read_bytes())["lines"] if one["rejected"])
    assert line["rejected"] == {"optout:domain": 1}


def test_what_a_page_declares_stands_in_documents_and_rejected_pages(tmp_path: Path) -> None:
    head = (
        '<meta property="article:published_time" content="2024-05-01T10:00:00Z">'
        '<script type="application/ld+json">{"@type": "Article", "headline": "Birds"}</script>'
    )
    html = page().replace(b"<head>", b"<head>" + head.encode()).replace(b"<html", b'<html lang="en-GB"', 1)
    assert head.encode() in html
    noise = random.Random(1).randbytes(50_000).hex().encode()
    broken = gzip.compress(page(TEXT + " Half of it is lost.") + b"<!-- " + noise + b" -->", mtime=0)[:-300]
    records = [
        record("response", "https://a.example/1", http(html, "Content-Type: text/html")),
        record("response", "https://a.example/2", http(broken, "Content-Type: text/html", "Content-Encoding: gzip")),
        record("response", "https://a.example/3", http(html, "Content-Type: text/html", "X-Robots-Tag: noai")),
    ]
    path = build.warc(tmp_path / "1.warc", records)
    annotated = build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", {"web/1.warc": path}))
    corpus = build.corpus(tmp_path / "corpus", annotated, CorpusSettings(profile="messages", duplicates=ALL))
    found = {url.rsplit("/", 1)[-1]: row for url, row in rows(corpus).items()}
    for name in "13":
        row = found[name]
        assert (row["published"], row["declared_language"]) == ("2024-05-01", "en-GB")
        assert "json-ld" in list(row["hints"])  # type: ignore[call-overload]
    assert found["3"]["rejected_by"] == "rights:reserved"
    assert "Half of it is lost" in str(found["2"]["text"]) and "cut" in list(found["2"]["hints"])  # type: ignore[call-overload]
    assert not found["2"].get("rejected_by")
    shown = {row[0]: row[2:] for row in table(corpus, "pages that were cut")[1:]}
    assert shown["cut"] == ["1", "0"] and shown["json-ld"] == ["1", "1"]


def snapshot(path: Path, data: bytes) -> RightsPolicy:
    path.write_bytes(data)
    return RightsPolicy(snapshots=(path.name,))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is empty"),
        (b"not a WARC", "no WARC record begins here"),
        (gzip.compress(answered("a", CLOSED), mtime=0)[:-30], "the file ends inside"),
        (gzip.compress(text_page("a"), mtime=0), "among its 1 records"),
    ],
)
def test_a_snapshot_in_which_nothing_can_be_read_is_named(tmp_path: Path, data: bytes, why: str) -> None:
    snapshot(tmp_path / "old.warc.gz", data)
    with pytest.raises(OpenbookError, match=rf"old\.warc\.gz holds no policy file that can be read.*{why}"):
        read(("old.warc.gz",), tmp_path)


def test_a_snapshot_that_is_broken_in_part_is_counted(tmp_path: Path) -> None:
    whole = gzip.compress(answered("a", CLOSED), mtime=0)
    snapshot(tmp_path / "old.warc.gz", whole + whole[:-20])
    found = read(("old.warc.gz",), tmp_path)
    assert found.answers == [Answer("https://a.example/robots.txt", CLOSED.decode().rstrip("\n"))]
    assert (found.files, found.damaged) == (1, {"old.warc.gz": 1})
    path = build.warc(tmp_path / "1.warc", [text_page("a"), KEPT])
    annotated = build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", {"web/1.warc": path}))
    rights = RightsPolicy(snapshots=(str(tmp_path / "old.warc.gz"),))
    corpus = build.corpus(tmp_path / "corpus", annotated, CorpusSettings(profile="messages", rights=rights))
    told = orjson.loads((corpus.folder / "rights.json").read_bytes())
    assert told["snapshots"] == {"files": 1, "damaged": {"old.warc.gz": 1}}
    assert "Places that cannot be read: old.warc.gz (1)" in (corpus.folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.warc.gz", b"hello", "no WARC record begins here"),
        ("a.warc", b"", "the file is empty"),
        ("a.parquet", b"", "not readable as Parquet"),
        ("cut.parquet", None, "not readable as Parquet"),
        ("number.parquet", None, "no text in column 'text', which holds a value of type int"),
    ],
)
def test_sources_that_hold_nothing_name_the_file_and_the_reason(
    tmp_path: Path, name: str, data: bytes | None, why: str
) -> None:
    path = tmp_path / name
    if data is None:
        pq.write_table(pa.table({"text": [1, 2] if name.startswith("number") else ["a", "b"]}), path)
        data = path.read_bytes()[: -10 if name.startswith("cut") else None]
    path.write_bytes(data)
    from openbook.books.digest import sha256_file
    from openbook.corpus.sources import SourceFile, Sources
    from openbook.corpus.sources.artifact import write_files

    kind = "parquet" if name.endswith("parquet") else "warc"
    file = SourceFile(f"web/{name}", "web", kind, sha256_file(path), len(data), mapping={"text": "text"})  # type: ignore[arg-type]
    (tmp_path / "sources").mkdir()
    write_files(tmp_path / "sources", [file], {file.name: str(path)}, [])
    with pytest.raises(OpenbookError, match=rf"web/{re.escape(name)}: {why}"):
        build.annotated(tmp_path / "annotated", Sources.open(tmp_path / "sources"))


def test_pages_of_a_run_are_counted_without_policy_files(closed: Corpus) -> None:
    annotated = Annotated.open(closed.folder.parent / "annotated")
    assert len(annotated.policy_answers()) == sum(len(records) for records, _, _ in SITES.values())
    assert "gone.example" not in annotated.policy_files()
    assert annotated.policy_files()["moved.example"] == annotated.policy_files()["latin.example"]
