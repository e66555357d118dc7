"""Every page that is read becomes one row, whatever is wrong with it, and the same rows whatever the workers."""

import gzip
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from openbook.corpus import AnnotateSettings, annotate, annotation
from openbook.corpus.annotation import clean
from openbook.corpus.documents import ANNOTATED_SCHEMA, document_id
from openbook.corpus.parts import part_key
from openbook.errors import OpenbookError
from tests.corpus import build

HTML = (
    "<!doctype html><html lang=en><head><title>Birds</title>{head}</head>"
    "<body><main><h1>Birds</h1><p>{text}</p></main></body></html>"
)
TEXT = (
    "The sparrows that live near the harbour have learned to follow the boats of the fishermen. In the morning they "
    "sit on the roofs and wait, and when the first boat comes in they are there before the gulls. Write to the keeper "
    "at keeper@birds.eu to know more about them."
)


def page(text: str = TEXT, head: str = "") -> bytes:
    return HTML.format(text=text, head=head).encode()


def rows(folder: Path) -> list[dict[str, object]]:
    return [row for path in sorted(folder.glob("pages/*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_a_page_keeps_its_place_and_says_what_it_is(tmp_path: Path) -> None:
    records = [
        build.record("https://birds.example/0", page("Nothing.")),
        build.record("https://birds.example/1", page(), {"X-Robots-Tag": "noai"}),
    ]
    path = build.warc(tmp_path / "crawl.warc", records)
    build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", {"birds/crawl.warc": path}))
    row = next(row for row in rows(tmp_path / "annotated") if row["url"] == "https://birds.example/1")
    place = row["record"]
    assert place["file"] == "birds/crawl.warc"
    assert place["offset"] == len(records[0])
    assert place["date"] == "2026-01-02T03:04:05Z"
    assert row["id"] == document_id(place["warc_record_id"], place["payload_digest"], "", 0)
    assert (row["language"], row["source"], row["license"]) == ("en", "birds", "CC-BY-SA-4.0")
    assert row["reservations"] == ["header:noai"]
    assert "[EMAIL]" in row["text"] and "keeper@" not in row["text"]
    assert row["pii"]["email"] == 1
    assert row["scores"]["words"] > 40
    assert len(row["signature"]) == 112 * 4
    assert row["rejected_by"] is None


def test_no_page_is_lost_and_each_failure_has_a_name(tmp_path: Path) -> None:
    huge = build.record("https://x.example/huge", b"<p>" + b"a " * (9 << 20))
    records = [
        build.record("https://x.example/empty", b""),
        build.record("https://x.example/script", b"<html><script>var a=1</script></html>"),
        huge,
        build.record("https://x.example/binary", bytes(range(256)) * 40),
        build.record("https://x.example/deep", b"<div>" * 20_000 + page()),
        build.record("https://x.example/broken", page().decode().encode("utf-16")[:-1], {"Content-Type": "text/html"}),
        build.record("https://x.example/robots.txt", b"User-agent: *\nDisallow: /", {"Content-Type": "text/plain"}),
        build.record("https://x.example/good", page()),
    ]
    path = build.warc(tmp_path / "x.warc", records)
    cut = tmp_path / "cut.warc.gz"
    cut.write_bytes(gzip.compress(build.record("https://x.example/cut", page()), mtime=0)[:-40])
    found = build.sources(tmp_path / "sources", {"x/x.warc": path, "x/cut.warc.gz": cut})
    outcome = annotate.run(AnnotateSettings(), found, tmp_path / "annotated", build.context(tmp_path))
    annotated = rows(tmp_path / "annotated")
    assert outcome.counts["pages"] + outcome.counts["policy_files"] == len(annotated) == len(records) + 1
    assert outcome.counts["policy_files"] == 1
    by_url = {str(row["url"]).rsplit("/", 1)[-1]: row["rejected_by"] for row in annotated}
    assert by_url["good"] is None
    assert by_url["empty"] and by_url["script"]
    assert by_url["robots.txt"] == "rights:policy-file"
    assert "read:too-large" in by_url.values()
    assert "read:cut-off" in by_url.values()
    assert all(row["detail"] for row in annotated if str(row["rejected_by"]).startswith("read:"))


def test_an_extractor_that_crashes_costs_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(body: bytes, charset: str | None, url: str) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(annotation, "extract", crash)
    path = build.warc(tmp_path / "x.warc", [build.record("https://x.example/1", page())])
    build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", {"x/x.warc": path}))
    (row,) = rows(tmp_path / "annotated")
    assert (row["rejected_by"], row["detail"]) == ("extract:crashed", "RecursionError: too deep")


def test_a_list_of_persons_is_rejected_by_name_and_its_text_is_not_kept(tmp_path: Path) -> None:
    listed = " ".join(f"a{number}@example{number % 97}.eu" for number in range(20_001))
    path = build.warc(tmp_path / "x.warc", [build.record("https://x.example/1", page(f"{TEXT} {listed}"))])
    build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", {"x/x.warc": path}))
    (row,) = rows(tmp_path / "annotated")
    assert (row["rejected_by"], row["text"]) == ("extract:too-many-persons", None)
    assert "20,000 places" in str(row["detail"])


def test_empty_sources_are_an_error_that_says_so(tmp_path: Path) -> None:
    path = build.warc(tmp_path / "none.warc", [])
    with pytest.raises(OpenbookError, match=r"hold no page .*\(sources: none\)"):
        build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", {"none/none.warc": path}))


def test_the_same_bytes_with_one_worker_and_two(tmp_path: Path) -> None:
    codes = ("mt", "ga", "sr-Latn", "sr-Cyrl", "en")
    paths = {f"{code}/x.warc": build.warc(tmp_path / f"{code}.warc", build.page_records([code])) for code in codes}
    found = build.sources(tmp_path / "sources", paths)
    build.annotated(tmp_path / "one", found, workers=1)
    build.annotated(tmp_path / "two", found, workers=2)
    assert build.contents(tmp_path / "one") == build.contents(tmp_path / "two")


def test_parts_are_named_by_content_not_by_their_neighbors(tmp_path: Path) -> None:
    paths = {
        f"{code}/x.warc": build.warc(tmp_path / f"{code}.warc", build.page_records([code])) for code in ("mt", "ga")
    }
    alone = build.sources(tmp_path / "a", {"ga/x.warc": paths["ga/x.warc"]}).files[0]
    beside = next(file for file in build.sources(tmp_path / "b", paths).files if file.source == "ga")
    assert part_key(alone, AnnotateSettings()) == part_key(beside, AnnotateSettings())
    assert part_key(alone, AnnotateSettings(redact=())) != part_key(alone, AnnotateSettings())
    assert part_key(replace(alone, license="MIT"), AnnotateSettings()) != part_key(alone, AnnotateSettings())


def test_text_is_cleaned_once() -> None:
    assert clean("\ufeffa\u0301 b \r\n\r\n\r\n\nc\x00d\t\n") == "á b\n\ncd"


def test_every_row_has_every_column(tmp_path: Path) -> None:
    path = build.jsonl(tmp_path / "x.jsonl", [{"text": TEXT, "url": "u:1"}, {"nothing": 1}])
    annotated = build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", {"x/x.jsonl": path}))
    table = pq.read_table(annotated.parts[0])
    assert table.schema.names == ANNOTATED_SCHEMA.names
    assert table.num_rows == 2
