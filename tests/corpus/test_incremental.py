"""A run that grew, shrank or changed its mind is, byte for byte, one that is made from nothing; what stood is used."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from openbook import pipeline, step
from openbook.books.previous import Previous
from openbook.books.record import FILE_NAME, Record, read_record
from openbook.corpus import annotate, parts
from openbook.recipe import Recipe
from tests.corpus import build

CODES = ("mt", "ga", "en", "sr-Latn", "sv")
STEPS = ("sources", "annotated", "corpus")


def recipe(**corpus: Any) -> Recipe:
    settings = {
        "name": "grown",
        "seed": 3,
        "languages": ["mt", "ga", "en", "sr-Latn", "sv"],
        "sources": [
            {"name": "crawl", "kind": "warc", "paths": ["crawl/*.warc"], "license": "CC0-1.0"},
            {"name": "folder", "kind": "html", "paths": ["html"], "license": "CC0-1.0"},
        ],
        "corpus": {"profile": "documentation", **corpus},
        "train": {"steps": 1},
    }
    return Recipe.model_validate(settings)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Four WARCs and a folder; the fifth, `crawl/sv.warc`, is still to come."""
    for code in CODES[:-1]:
        add(tmp_path, code)
    for path in (build.PAGES / "fi").glob("*.html"):
        (tmp_path / "html").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "html" / path.name)
    settle(tmp_path)
    return tmp_path


def add(base: Path, code: str) -> None:
    build.warc(base / "crawl" / f"{code}.warc", build.page_records([code]))
    settle(base)


def settle(base: Path) -> None:
    """As if the files had been there for a minute."""
    for path in base.rglob("*.*"):
        if path.is_file() and path.suffix in (".warc", ".html"):
            os.utime(path, (path.stat().st_mtime - 60,) * 2)


def run(base: Path, folder: str, asked: Recipe) -> dict[str, Record]:
    pipeline.run(asked, base, base / folder, build.context(base / folder), until="corpus")
    return {step: read_record(base / folder / step) for step in STEPS}


def files(base: Path, folder: str) -> dict[str, bytes]:
    """Every file of the three artifacts, but the records, which tell when they were made."""
    return {
        f"{step}/{name}": data
        for step in STEPS
        for name, data in build.contents(base / folder / step).items()
        if name != FILE_NAME
    }


def equal(base: Path, grown: Mapping[str, Record], asked: Recipe) -> None:
    shutil.rmtree(base / "fresh", ignore_errors=True)
    fresh = run(base, "fresh", asked)
    assert {step: record.root for step, record in grown.items()} == {step: one.root for step, one in fresh.items()}
    assert {step: record.counts for step, record in grown.items()} == {step: one.counts for step, one in fresh.items()}
    assert files(base, "run") == files(base, "fresh")


def test_grown_by_one_file_and_shrunk_by_one_equals_a_build_from_nothing(base: Path) -> None:
    assert run(base, "run", recipe())["annotated"].measures["parts"] == {"all": 5, "taken_over": 0}
    add(base, "sv")
    grown = run(base, "run", recipe())
    assert grown["annotated"].measures["parts"] == {"all": 6, "taken_over": 5}
    equal(base, grown, recipe())
    (base / "crawl" / "ga.warc").unlink()
    shrunk = run(base, "run", recipe())
    assert shrunk["annotated"].measures["parts"] == {"all": 5, "taken_over": 5}
    equal(base, shrunk, recipe())


def test_an_optout_and_a_threshold_rerun_the_decision_alone(base: Path) -> None:
    before = run(base, "run", recipe())
    asked = recipe(optouts={"domains": ["mt.example"]}, filter={"words": {"min": 90}})
    after = run(base, "run", asked)
    assert before["annotated"] == after["annotated"] and before["corpus"].root != after["corpus"].root
    equal(base, after, asked)


def test_killed_while_it_grows_it_goes_on_and_the_old_artifact_stands_until_then(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run(base, "run", recipe())
    add(base, "sv")
    original = parts.annotate_span

    def killed(task: parts.Task) -> parts.TaskResult:
        if task.file.name == "crawl/mt.warc":
            raise KeyboardInterrupt
        return original(task)

    with monkeypatch.context() as patch:
        patch.setattr(annotate, "annotate_span", killed)
        with pytest.raises(KeyboardInterrupt):
            run(base, "run", recipe())
    assert read_record(base / "run" / "annotated") == before["annotated"]
    assert step.difference(pipeline.steps(recipe(), base)[2], base / "run")
    grown = run(base, "run", recipe())
    assert grown["annotated"].measures["parts"]["taken_over"] >= 1
    equal(base, grown, recipe())


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    path.write_bytes(data)


def test_what_is_no_longer_what_its_record_says_is_not_taken_over(base: Path) -> None:
    run(base, "run", recipe())
    spoil(min((base / "run" / "annotated" / "pages").iterdir()))
    add(base, "sv")
    grown = run(base, "run", recipe())
    assert grown["annotated"].measures["parts"] == {"all": 6, "taken_over": 4}
    equal(base, grown, recipe())


@pytest.mark.parametrize("change", ["settings", "version", "library", "license"])
def test_nothing_is_taken_over_that_would_come_out_otherwise(
    base: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    asked = recipe()
    run(base, "run", asked)
    if change == "settings":
        asked = asked.model_copy(update={"annotate": asked.annotate.model_copy(update={"redact": ("email",)})})
    elif change == "version":
        monkeypatch.setattr(parts, "ANNOTATE_VERSION", 99)
        monkeypatch.setattr("openbook.corpus.ANNOTATE_VERSION", 99)
    elif change == "library":
        monkeypatch.setattr(Previous, "made_with", lambda *_: False)
        add(base, "sv")
    else:
        sources = [source.model_copy(update={"license": "MIT"}) for source in asked.sources]
        asked = asked.model_copy(update={"sources": tuple(sources)})
    changed = run(base, "run", asked)
    assert changed["annotated"].measures["parts"]["taken_over"] == 0
    if change == "settings":
        equal(base, changed, asked)


def test_files_that_nobody_touched_are_not_read_again(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openbook.corpus.sources.known.SETTLED", 0.0)
    run(base, "run", recipe())
    add_only(base)
    read: list[str] = []
    sources_step: Any = sys.modules["openbook.corpus.sources.run"]
    outside: Any = sys.modules["openbook.corpus.sources.outside"]
    original = outside.sha256_file
    watched: Callable[[Path], str] = lambda path: (read.append(path.name), original(path))[1]  # noqa: E731
    monkeypatch.setattr(outside, "sha256_file", watched)
    monkeypatch.setattr(sources_step, "pack", lambda *_: pytest.fail("packed again"))
    grown = run(base, "run", recipe())
    assert [name for name in read if name.endswith(".warc")] == ["sv.warc"]
    monkeypatch.undo()
    equal(base, grown, recipe())


def add_only(base: Path) -> None:
    path = build.warc(base / "crawl" / "sv.warc", build.page_records(["sv"]))
    os.utime(path, (path.stat().st_mtime - 60,) * 2)


def test_a_file_that_changed_under_the_same_size_and_time_is_read_again(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openbook.corpus.sources.known.SETTLED", 0.0)
    run(base, "run", recipe())
    path = base / "crawl" / "mt.warc"
    times = path.stat()
    path.write_bytes(path.read_bytes().replace(b"https://mt.example", b"https://tm.example"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    add_only(base)
    equal(base, run(base, "run", recipe()), recipe())
