"""A killed run goes on behind its last part, at the next page's place in the file; a page that kills costs one page."""

import gzip
import os
import signal
import struct
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard

from openbook.compute import local
from openbook.corpus import AnnotateSettings, annotate, deal, decide, parts
from openbook.corpus.annotation import Clock, annotate_page
from openbook.corpus.hand import outlive
from openbook.corpus.sources import RawPage, SourceFile, Sources, span_starts
from openbook.errors import OpenbookError
from tests.corpus import build, killers
from tests.corpus.test_annotate import TEXT, page

PACK = {"warc": bytes, "warc.gz": partial(gzip.compress, mtime=0), "warc.zst": zstandard.compress}


def crawl(path: Path, pages: int, layout: str = "warc") -> tuple[Sources, list[int]]:
    """A source of one file, and where its records begin."""
    records = [PACK[layout](build.record(f"https://x.example/{n}", page(f"{TEXT} Number {n}."))) for n in range(pages)]
    file = build.warc(path / f"x.{layout}", records)
    starts = [sum(map(len, records[:at])) for at in range(pages)]
    return build.sources(path / "sources", {f"x/x.{layout}": file}), starts


def tasks(found: Sources, work: Path, function: parts.Annotate = annotate_page) -> list[parts.Task]:
    made = annotate.span_tasks(AnnotateSettings(), found, work, build.context(work.parent))
    return [replace(task, annotate=function) for task in made]


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob("pages/*.parquet")) for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize("layout", PACK)
def test_a_killed_run_goes_on_at_the_next_page_and_never_reads_what_lies_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 3)
    monkeypatch.setattr(parts, "ROW_GROUP_ROWS", 2)
    found, starts = crawl(tmp_path, 11, layout)
    build.annotated(tmp_path / "whole", found)
    seen: list[str] = []

    def stopped(raw: RawPage, file: SourceFile, settings: AnnotateSettings, clock: Clock) -> dict[str, Any]:
        seen.append(raw.url)
        if len(seen) == 8:
            raise KeyboardInterrupt
        return annotate_page(raw, file, settings, clock)

    (task,) = tasks(found, tmp_path / "killed", stopped)
    with pytest.raises(KeyboardInterrupt):
        parts.annotate_span(task)
    path = tmp_path / f"x.{layout}"
    whole = path.read_bytes()
    path.write_bytes(whole[: starts[1]] + bytes(starts[4] - starts[1]) + whole[starts[4] :])
    parts.annotate_span(task)
    assert [url.rpartition("/")[2] for url in seen[8:]] == [str(n) for n in range(4, 11)]
    path.write_bytes(whole)
    build.annotated(tmp_path / "killed", found)
    assert build.contents(tmp_path / "killed") == build.contents(tmp_path / "whole")


def test_a_file_that_cannot_be_entered_is_read_through_and_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 2)
    monkeypatch.setattr(parts, "ROW_GROUP_ROWS", 2)
    lines = [{"text": f"{TEXT} Number {n}.", "url": f"u:{n}"} for n in range(7)]
    found = build.sources(tmp_path / "sources", {"x/x.jsonl": build.jsonl(tmp_path / "x.jsonl", lines)})
    build.annotated(tmp_path / "whole", found)
    (task,) = tasks(found, tmp_path / "work")
    parts.annotate_span(task)
    for number in (2, 3):
        (tmp_path / "work" / task.part(number)).unlink()
    build.annotated(tmp_path / "work", found)
    assert build.contents(tmp_path / "work") == build.contents(tmp_path / "whole")


@pytest.mark.parametrize("layout", PACK)
@pytest.mark.parametrize("size", [97, 700])
def test_spans_together_are_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, size: int) -> None:
    found, _ = crawl(tmp_path, 9, layout)
    build.annotated(tmp_path / "one", found)
    split_at(monkeypatch, size)
    assert len(tasks(found, tmp_path / "many")) >= 5
    build.annotated(tmp_path / "many", found, workers=1)
    assert rows(tmp_path / "many") == rows(tmp_path / "one")
    assert not list((tmp_path / "many").glob(".*"))


def split_at(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    for bound in ("LEAST_BYTES", "MOST_BYTES"):
        monkeypatch.setattr(f"openbook.corpus.sources.spans.{bound}", size)


def test_a_span_is_of_a_size_that_follows_from_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "large.warc"
    with path.open("wb") as file:
        file.write(build.record("https://x.example/", page()))
        spans = {}
        for size in (1 << 20, 8 << 20, 30_000_000, 1 << 30):
            file.truncate(size)
            starts = span_starts(SourceFile("x/large.warc", "x", "warc", "", size), path)
            spans[size] = (len(starts), starts[-1])
    assert spans == {1 << 20: (1, 0), 8 << 20: (4, 6 << 20), 30_000_000: (14, 27_857_142), 1 << 30: (64, 63 << 24)}


def test_an_archive_in_a_page_is_not_mistaken_for_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = b"\n".join(build.record(f"https://inner.example/{n}", page(f"{TEXT} Inner {n}.")) for n in range(12))
    records = [build.record("https://x.example/0", page()), build.record("https://x.example/1", b"<html><pre>" + inner)]
    records += [build.record("https://x.example/2", page(f"{TEXT} The last one."))]
    found = build.sources(tmp_path / "sources", {"x/x.warc": build.warc(tmp_path / "x.warc", records)})
    build.annotated(tmp_path / "one", found)
    split_at(monkeypatch, 1000)
    build.annotated(tmp_path / "many", found)
    assert [row["url"][-1] for row in rows(tmp_path / "many")] == ["0", "1", "2"]
    assert rows(tmp_path / "many") == rows(tmp_path / "one")


def kill_on_three(raw: RawPage, file: SourceFile, settings: AnnotateSettings, clock: Clock) -> dict[str, Any]:
    if raw.url.endswith("/3"):
        os.kill(os.getpid(), signal.SIGKILL)
    return annotate_page(raw, file, settings, clock)


def test_a_page_that_kills_its_worker_is_found_and_named(tmp_path: Path) -> None:
    found, starts = crawl(tmp_path, 8)
    (task,) = tasks(found, tmp_path / "work", kill_on_three)
    killed = tmp_path / "work" / parts.HANDS / task.stem
    killed.parent.mkdir(parents=True)
    killed.write_bytes(struct.pack("<q", starts[3]))  # as the first worker left it
    assert parts.annotate_span(task).pages == 8
    told = {row["url"][-1]: row["rejected_by"] for row in rows(tmp_path / "work")}
    assert told == {str(n): "extract:killed" if n == 3 else None for n in range(8)}
    assert not killed.exists()
    build.annotated(tmp_path / "whole", found)
    ids = {row["url"]: row["id"] for row in rows(tmp_path / "whole")}
    assert {row["url"]: row["id"] for row in rows(tmp_path / "work")} == ids


def test_every_page_that_kills_is_left_out_however_many(tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.touch()
    outlive(killers.walk, killers.Walk(note, 9, (2, 4, 8)), note, "x.warc")
    assert (tmp_path / "walked").read_text() == "0 1 3 5 6 7"


def test_deaths_outside_of_any_page_end_with_a_sentence(tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.touch()
    with pytest.raises(OpenbookError, match=r"x\.warc: .* killed 3 times, outside of any page"):
        outlive(killers.die, note, note, "x.warc")


def test_kernels_are_compiled_by_one_worker_while_the_others_wait(tmp_path: Path) -> None:
    list(local(2).map(killers.warm, [tmp_path, tmp_path, tmp_path]))
    assert len(list(tmp_path.glob("compiled-*"))) == 1


def test_a_killed_decision_goes_on_with_what_is_decided_dealt_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {
        f"{code}/x.warc": build.warc(tmp_path / f"{code}.warc", build.page_records([code]))
        for code in ("mt", "ga", "en")
    }
    pages = build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", paths))
    build.corpus(tmp_path / "whole", pages)
    original, merged = deal.merge, []

    def killed(task: deal.MergeTask) -> int:
        if merged:
            raise KeyboardInterrupt
        merged.append(task.target)
        return original(task)

    with monkeypatch.context() as patch:
        patch.setattr(deal, "merge", killed)
        with pytest.raises(KeyboardInterrupt):
            build.corpus(tmp_path / "killed", pages)
    monkeypatch.setattr(decide, "verdicts", lambda *_: pytest.fail("decided again"))
    monkeypatch.setattr(deal, "_with_verdicts", lambda *_: pytest.fail("dealt again"))
    written: list[str] = []
    monkeypatch.setattr(deal, "_order", lambda table, order=deal._order: (written.append(""), order(table))[1])
    build.corpus(tmp_path / "killed", pages)
    assert 1 <= len(written) < len(list((tmp_path / "whole").glob("*/*.parquet")))
    assert build.contents(tmp_path / "killed") == build.contents(tmp_path / "whole")
