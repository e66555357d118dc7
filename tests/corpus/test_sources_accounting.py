"""Every record of a crawl is accounted for: pages and records that are no pages make up all that the file holds."""

import gzip
import random
from collections import Counter
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fastwarc.warc import ArchiveIterator

from openbook.corpus import AnnotateSettings, Corpus, annotate, parts
from openbook.corpus.annotated import NOTE, Annotated
from openbook.corpus.funnel import Funnel
from openbook.corpus.sources import Sources
from tests.corpus import build
from tests.corpus.test_annotate import TEXT, page

from .warc_bytes import http, record


def records(pages: int) -> tuple[list[bytes], Counter[str]]:
    """A crawl of many kinds of records in random order, and how many of each are no pages."""
    made = [record("warcinfo", "", b"software: by hand\r\n")]
    for number in range(pages):
        url = f"https://birds.example/{number}"
        made += [
            record("request", url, b"GET / HTTP/1.1\r\n\r\n"),
            record("response", url, http(page(f"{TEXT} {number}"), "Content-Type: text/html")),
            record("metadata", url, b"fetchTimeMs: 12\r\n"),
        ]
    site = "https://birds.example"
    made += [
        record("response", f"{site}/robots.txt", http(b"User-agent: *", "Content-Type: text/x-robots")),
        record("response", f"{site}/.well-known/tdmrep.json", http(b"[]", "Content-Type: application/json")),
        record("resource", f"{site}/resource", page(), content_type="text/html"),
        record("conversion", f"{site}/wet", TEXT.encode()),
        record("response", f"{site}/bad", http(b"?", "Content-Encoding: rot13")),
    ]
    others = [
        *[("image/png", http(b"\x89PNG", "Content-Type: image/png"))] * 3,
        *[("application/pdf", http(b"%PDF-1.7 \0", "Content-Type: application/pdf"))] * 2,
        *[("status 301", http(b"", "Location: /", status="301 Moved"))] * 4,
        *[("status 404", http(b"none", "Content-Type: text/html", status="404 Not Found"))] * 2,
        ("no media type", http(b"x", "Content-Type: what the server / invents!")),
    ]
    for number, (_, block) in enumerate(others):
        made.append(record("response", f"https://birds.example/other/{number}", block))
    made += [record("revisit", "https://birds.example/again", b""), record("invented", "https://birds.example/i", b"")]
    counted = Counter(kind for kind, _ in others)
    counted.update({"warcinfo": 1, "request": pages, "metadata": pages, "revisit": 1, "other kind": 1})
    random.Random(5).shuffle(made)
    return made, counted


def annotated(folder: Path, found: Sources) -> Annotated:
    outcome = annotate.run(AnnotateSettings(), found, folder, build.context(folder))
    result = Annotated.open(folder)
    assert outcome.counts["not_pages"] == sum(sum(kinds.values()) for kinds in result.not_pages().values())
    return result


def crawl(folder: Path, pages: int = 20) -> tuple[Sources, int, Counter[str]]:
    made, counted = records(pages)
    path = folder / "birds.warc.gz"
    path.write_bytes(b"".join(map(partial(gzip.compress, mtime=0), made)))
    with path.open("rb") as file:
        held = sum(1 for _ in ArchiveIterator(file, parse_http=False))  # by another reader
    assert held == len(made)
    return build.sources(folder / "sources", {"birds/birds.warc.gz": path}), held, counted


def test_pages_and_not_pages_make_up_all_records(tmp_path: Path) -> None:
    found, held, counted = crawl(tmp_path)
    pages = annotated(tmp_path / "annotated", found)
    assert pages.not_pages() == {"birds": dict(sorted(counted.items()))}
    rows = [row for part in pages.parts for row in pq.read_table(part).to_pylist()]
    assert len(rows) + counted.total() == held
    rules = Counter(row["rejected_by"] for row in rows)
    assert rules["rights:policy-file"] == 2 and rules["read:unreadable"] == 1


def test_funnel_carries_what_was_no_page(tmp_path: Path) -> None:
    found, held, counted = crawl(tmp_path)
    corpus: Corpus = build.corpus(tmp_path / "corpus", annotated(tmp_path / "annotated", found))
    funnel = Funnel.read((corpus.folder / "funnel.json").read_bytes())
    assert funnel.not_pages == {"birds": dict(counted) | {"policy file": 2}}
    assert funnel.total().read + counted.total() + 2 == held


def test_records_are_counted_once_in_parts_and_after_a_killed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 4)
    monkeypatch.setattr(parts, "ROW_GROUP_ROWS", 2)
    found, _, counted = crawl(tmp_path)
    whole = annotated(tmp_path / "annotated", found)
    assert len(whole.parts) > 5 and whole.not_pages() == {"birds": dict(counted)}
    before = build.contents(whole.folder)
    for part in whole.parts[3:]:
        part.unlink()
    (whole.folder / "index.json").unlink()
    again = annotated(tmp_path / "annotated", found)
    assert again.not_pages() == {"birds": dict(counted)}
    assert build.contents(again.folder) == before
    noted = [pq.read_metadata(part).metadata[NOTE] for part in again.parts]
    assert all(b"not_pages" in note for note in noted)
