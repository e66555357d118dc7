"""From pages to a release in one command: what each step promises of the next."""

import gzip
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from openbook.books import merkle
from openbook.languages import LANGUAGES
from openbook.pipeline import STEPS
from openbook.step import read_step
from tests.end_to_end.conftest import SmallRun, openbook
from tests.end_to_end.crawl import write_crawl


def roots(run: Path) -> dict[str, str]:
    return {step: read_step(run / step).root for step in STEPS if (run / step).exists()}


def test_the_summary_names_every_language_with_its_figures(small_run: SmallRun) -> None:
    shown = json.loads(openbook("show", small_run.run, "--json", folder=small_run.folder).stdout)
    rows = shown["languages"]
    assert len(rows) >= len(LANGUAGES) - 3
    for code, row in rows.items():
        assert row["documents"] > 0, code
        assert row["bytes_per_token"] > 1 or row["tokens_relative_to_english"] > 0, code
        assert row["bits_per_byte"] is None or 0.5 < row["bits_per_byte"] < 9, code
        assert row["low"] is None or row["low"] <= row["bits_per_byte"] <= row["high"], code
        assert row["information_parity"] > 0, code
    for code in rows:
        assert f"{code} {LANGUAGES[code].name}" in small_run.output
    for command in ("openbook serve", "openbook lineage", "openbook verify", "openbook show"):
        assert command in small_run.output


def test_every_page_read_is_kept_or_rejected_with_a_reason(small_run: SmallRun) -> None:
    counts = read_step(small_run.run / "corpus").counts
    documents = [row for path in (small_run.run / "corpus/documents").glob("*.parquet") for row in rows(path)]
    rejected = [row for path in (small_run.run / "corpus/rejected").glob("*.parquet") for row in rows(path)]
    assert len(documents) == counts["documents"] > 100
    assert len(documents) + len(rejected) == counts["pages"] + counts["policy_files"]
    assert all(row["rejected_by"] and ":" in row["rejected_by"] for row in rejected)


def rows(path: Path) -> list[dict[str, object]]:
    return pq.read_table(path).to_pylist()


def test_a_document_leads_to_the_bytes_of_its_page(small_run: SmallRun) -> None:
    """Read the WARC record at the document's offset with gzip and hashlib alone."""
    seen = 0
    for path in (small_run.run / "corpus/documents").glob("*.parquet"):
        for row in rows(path):
            if row["source"] != "crawl":
                continue
            place = row["record"]
            assert isinstance(place, dict)
            packed = (small_run.recipe.parent / "crawl" / Path(place["file"]).name).read_bytes()
            member = packed[place["offset"] : place["offset"] + place["length"]]
            unpacked = zlib.decompressobj(31).decompress(member)
            payload = unpacked.split(b"\r\n\r\n", 2)[2].removesuffix(b"\r\n\r\n")
            assert f"sha256:{hashlib.sha256(payload).hexdigest()}" == place["payload_digest"]
            assert place["warc_record_id"].encode() in unpacked
            assert str(row["url"]).encode() in unpacked
            assert place["date"] == "2026-01-02T03:04:05Z"
            assert row["license"] == "CC0-1.0"
            seen += 1
    assert seen > 30


def test_the_corpus_root_is_the_merkle_root_of_the_document_ids(small_run: SmallRun) -> None:
    ids = sorted(str(row["id"]) for path in (small_run.run / "corpus/documents").glob("*") for row in rows(path))
    expected = merkle.root(bytes.fromhex(one) for one in ids).hex()
    assert json.loads((small_run.run / "release/manifest.json").read_text())["corpus_root"] == expected
    assert (small_run.run / "release/corpus/document-ids.txt").read_text().split() == ids


def test_a_second_run_makes_nothing_anew_and_a_changed_setting_is_named(small_run: SmallRun) -> None:
    before = roots(small_run.run)
    assert openbook("run", small_run.recipe, folder=small_run.folder).stderr.count("up to date") == len(STEPS)
    assert roots(small_run.run) == before
    changed = small_run.recipe.with_name("changed.toml")
    changed.write_text(small_run.recipe.read_text().replace("steps = 30", "steps = 31"))
    plan = openbook("run", changed, "--plan", "--json", folder=small_run.folder)
    reasons = json.loads(plan.stdout)
    assert reasons["model"] == ["train.steps: 30 -> 31"]
    assert reasons["tokens"] == []
    assert "model will be made anew" in reasons["evaluation"]


def test_workers_do_not_change_a_byte(small_run: SmallRun, tmp_path: Path) -> None:
    recipe = write_crawl(tmp_path / "elsewhere")
    result = openbook("run", recipe, "--workers", "1", "--until", "tokens", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    again, first = roots(tmp_path / "runs/small"), roots(small_run.run)
    assert len(again) == 6
    assert again == {step: first[step] for step in again}


def test_killed_at_any_moment_and_run_again_gives_the_same_bytes(small_run: SmallRun, tmp_path: Path) -> None:
    recipe = write_crawl(tmp_path / "sources")
    command = [sys.executable, "-c", "from openbook.cli import main; main()", "run", str(recipe), "--workers", "2"]
    for seconds in (4, 7, 9, 12, 14):  # wherever the run is by then, corpus or training
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            deadline = time.monotonic() + seconds
            while running.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            running.send_signal(signal.SIGKILL)
    result = openbook("run", recipe, "--workers", "2", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    again, first = roots(tmp_path / "runs/small"), roots(small_run.run)
    del again["release"], first["release"]  # holds the records, and those the seconds of each run
    assert again == first
    assert not list((tmp_path / "runs/small").glob(".*partial*"))


def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path) -> None:
    recipe = write_crawl(tmp_path / "sources")
    command = [sys.executable, "-c", "from openbook.cli import main; main()", "run", str(recipe)]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        while running.poll() is None and not (tmp_path / "runs/small/sources").exists():  # all else is still to come
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=300)
    assert running.returncode == 130
    assert "The same command goes on from here" in said
    assert "Traceback" not in said


def test_a_file_added_to_the_crawl_is_noticed(small_run: SmallRun, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(small_run.folder, folder)
    recipe = folder / "sources/small.toml"
    shutil.copyfile(folder / "sources/crawl/0.warc.gz", folder / "sources/crawl/2.warc.gz")
    plan = json.loads(openbook("run", recipe, "--plan", "--json", folder=folder).stdout)
    assert plan["sources"] == ["input files on this machine changed", "2.warc.gz was written since"]
    assert plan["corpus"] == ["annotated will be made anew"]
    assert plan["parallel"] == []


def test_a_file_that_was_written_again_is_noticed_though_its_name_and_size_are_the_same(
    small_run: SmallRun, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(small_run.folder, folder)
    path = folder / "sources/crawl/0.warc.gz"
    path.write_bytes(path.read_bytes())
    plan = json.loads(openbook("run", folder / "sources/small.toml", "--plan", "--json", folder=folder).stdout)
    assert plan["sources"] == ["0.warc.gz was written since"]


def test_reports_are_whole_pages_without_outside_requests(small_run: SmallRun) -> None:
    for step in ("corpus", "tokenizer", "model", "evaluation"):
        page = (small_run.run / step / "report.html").read_text()
        assert page.startswith("<!doctype html>")
        assert page.rstrip().endswith("</html>")
        for outside in ('src="http', "src='http", "@import", '<link rel="stylesheet"'):
            assert outside not in page


def test_the_release_holds_no_path_and_no_host_of_this_machine(small_run: SmallRun) -> None:
    for path in (small_run.run / "release").rglob("*"):
        if path.suffix in {".json", ".html", ".md", ".txt"}:
            assert str(small_run.folder) not in path.read_text(), path


@pytest.mark.parametrize("step", ["sources", "annotated", "corpus", "tokens"])
def test_gzip_members_and_tables_hold_no_clock(small_run: SmallRun, step: str) -> None:
    for path in (small_run.run / step).rglob("*.gz"):
        assert gzip.decompress(path.read_bytes())
        assert path.read_bytes()[4:8] == b"\0\0\0\0", path


def test_lineage_leads_from_a_place_to_the_page_and_back(small_run: SmallRun) -> None:
    arguments = ("lineage", small_run.run, "--step", "12", "--row", "5")
    places = json.loads(openbook(*arguments, "--json", folder=small_run.folder).stdout)
    assert places
    for one in places:
        back = openbook("lineage", small_run.run, "--document", one["document"], "--json", folder=small_run.folder)
        sightings = json.loads(back.stdout)
        assert any(where["step"] == 12 and where["row"] == 5 for where in sightings)
    shown = openbook(*arguments, "--show", folder=small_run.folder).stdout
    assert places[0]["document"] in shown
    assert "CC0-1.0" in shown
    assert "offset" in shown
