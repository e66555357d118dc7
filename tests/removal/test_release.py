"""One command takes a document out and ends in a new release: sound, without it, listed behind the old one."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from openbook import pipeline
from openbook.books.note import VerifierKey
from openbook.books.record import read_record
from openbook.books.tlog import TileLog
from openbook.cli.app import app
from openbook.corpus import Corpus, CorpusSettings, documents
from openbook.corpus.find import Finder
from openbook.recipe import load
from openbook.release import log, removal, verify
from openbook.release.page import write_page
from openbook.release.receipt import make_receipt
from openbook.release.request import Request
from openbook.release.sign import log_key, new_key, read_signing_key
from openbook.release.tombstones import without_documents
from openbook.trace import seen
from tests.release.small import roll
from tests.removal.conftest import Made


@dataclass(frozen=True)
class Applied:
    run: Path
    out: Path
    id: str
    log: Path
    key: VerifierKey


@pytest.fixture(scope="session")
def applied(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Applied:
    folder = tmp_path_factory.mktemp("applied")
    here = made.copy(folder)
    pipeline.run(load(here.recipe), here.recipe.parent, here.run, here.context)
    corpus = Corpus.open(here.run / "corpus")
    rows = [row for code in corpus.languages for row in corpus.documents(code, columns=["id"])]
    id = next(row["id"] for row in rows if min((one[0] for one in seen(here.run, row["id"])), default=0) >= 2)
    new_key(folder / "log.pem", "ed25519")
    options = ["--log", str(folder / "log"), "--log-key", str(folder / "log.pem"), "--log-name", "example.org/log"]
    asked = ["remove", str(here.run), "--document", id, "--reason", "the author asked", "--date", "2026-01-31"]
    told = CliRunner().invoke(app, [*asked, "--apply", *options, "--cache", str(folder / "cache"), "--json"])
    assert told.exit_code == 0, told.output
    said = json.loads(told.stdout)["retrained"]
    assert said["missing"] == "" and "release" in said["made"]
    key = log_key("example.org/log", read_signing_key(folder / "log.pem"))
    return Applied(here.run, Path(said["folder"]), id, folder / "log", key)


def test_the_new_release_is_sound_and_its_own_verifier_says_so(applied: Applied) -> None:
    release = applied.out / "release"
    assert verify(release).problems == ()
    alone = subprocess.run([sys.executable, release / "verify_release.py"], capture_output=True, text=True)
    assert alone.returncode == 0, alone.stdout
    assert (applied.id in (applied.run / "release/corpus/document-ids.txt").read_text()) is True
    assert applied.id not in (release / "corpus/document-ids.txt").read_text()
    row = Corpus.open(applied.run / "corpus").document(applied.id)
    assert not any(row["url"].encode() in path.read_bytes() for path in release.rglob("*") if path.is_file())


def test_a_receipt_of_the_new_release_proves_its_absence(applied: Applied) -> None:
    before = make_receipt(applied.run / "release", "documents", applied.id)
    after = make_receipt(applied.out / "release", "documents", applied.id)
    assert (json.loads(before)["present"], json.loads(after)["present"]) == (True, False)


def test_its_tombstone_stands_in_the_corpus_and_nothing_else_has_moved(applied: Applied) -> None:
    old, new = Corpus.open(applied.run / "corpus"), Corpus.open(applied.out / "corpus")
    row = old.document(applied.id)
    [stone] = [one for one in new.rejected(row["language"]) if one["id"] == applied.id]
    assert (stone["rejected_by"], stone["url"]) == ("optout:id", row["url"])
    for code in old.languages:
        kept = [one for one in old.documents(code, None) if one["id"] != applied.id]
        assert list(new.documents(code, None)) == kept
        sizes = sum(len(one["text"].encode()) for one in kept)
        assert (new.counts(code)["documents"], new.counts(code)["bytes"]) == (len(kept), sizes)
    records = read_record(applied.run / "corpus"), read_record(applied.out / "corpus")
    assert [one.counts["documents"] + one.counts["rejected"] for one in records] == [records[0].counts["pages"]] * 2
    assert removal.check(applied.out).standing == ()


def test_the_log_lists_the_old_release_the_removal_and_the_new_one_in_this_order(applied: Applied) -> None:
    entries = TileLog.open(applied.log).entries()
    [request] = removal.removals(applied.run)
    assert entries == [log.entry_of(one) for one in (applied.run / "release", request.path, applied.out / "release")]


def test_the_chain_leads_through_the_records_of_what_was_replaced(applied: Applied, tmp_path: Path) -> None:
    release = Path(shutil.copytree(applied.out / "release", tmp_path / "release"))
    old = {name: read_record(applied.run / name).root for name in ("corpus", "tokens", "model")}
    assert {path.stem for path in (release / "records/before").iterdir()} == set(old.values())
    for name in old:
        assert read_record(applied.out / name).inputs[f"{name} before"] == old[name]
    path = release / "records/before" / f"{old['corpus']}.json"
    record = json.loads(path.read_text())
    record["counts"]["documents"] += 1
    record["files"]["index.json"]["size"] += 1
    path.write_text(json.dumps(record))
    roll(release)
    assert verify(release).problems == (f"records/before/{old['corpus']}.json: its root is not the root of its files",)
    path.unlink()
    roll(release)
    found = verify(release).problems
    assert "records/corpus.json: it was made from an earlier corpus, whose record is not in this release" in found
    assert "records/tokenizer.json: it was made from another corpus than this release's" in found


def test_the_page_of_its_books_shows_request_tombstone_and_log(applied: Applied, tmp_path: Path) -> None:
    assert write_page(applied.out, tmp_path / "page.html", log=applied.log) == []
    html = (tmp_path / "page.html").read_text()
    for said in ("Removal 0001", "the author asked", "optout:id", "entry 1", "this release", "corpus before"):
        assert said in html, said
    path = applied.out / "removals" / "0001.json"
    before = path.read_bytes()
    try:
        path.write_bytes(before.replace(b"the author asked", b"somebody wished"))
        assert write_page(applied.out, tmp_path / "page.html", log=applied.log) != []
    finally:
        path.write_bytes(before)


def test_applying_again_changes_nothing_and_the_run_it_came_from_is_as_it_was(applied: Applied) -> None:
    from openbook import retraining
    from openbook.compute import local
    from openbook.context import Context
    from openbook.progress import quiet

    roots = {path.parent.name: read_record(path.parent).root for path in applied.out.glob("*/record.json")}
    retraining.retrain(applied.run, applied.out, Context(local(1), quiet(), applied.out / "cache"))
    assert {path.parent.name: read_record(path.parent).root for path in applied.out.glob("*/record.json")} == roots
    assert verify(applied.run / "release").problems == ()


def test_more_can_be_removed_from_what_a_removal_made(applied: Applied) -> None:
    kept = next(row["id"] for row in Corpus.open(applied.out / "corpus").documents("de", columns=["id"]))
    found = removal.preview(applied.out, Request("document", kept)).certificate
    assert [one["id"] for one in found["documents"]] == [kept]


def test_tombstones_are_put_in_their_places_row_group_by_row_group(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "ROW_GROUP_ROWS", 2)
    corpus = Corpus.open(made.run / "corpus")
    code = max(corpus.languages, key=lambda one: corpus.counts(one)["documents"])
    ids = [row["id"] for row in corpus.documents(code, None, ["id"])]
    there = corpus.rejected(code, ["id"]) if code in corpus.rejected_languages else ()
    pages = sorted([*ids, *(row["id"] for row in there)])
    folder, record = made.run / "corpus", read_record(made.run / "corpus")
    for number, removed in enumerate((ids[:1], ids[-1:], ids[1:2])):
        out = tmp_path / str(number)
        outcome = without_documents(folder, record, set(removed), CorpusSettings(), out, made.context)
        ids = [id for id in ids if id not in removed]
        new = Corpus.open(out)
        kept = [row["id"] for row in new.documents(code, None, ["id"])] if ids else []
        assert kept == ids and (code in new.languages) == bool(ids)
        assert [row["id"] for row in new.rejected(code, ["id"])] == sorted(set(pages) - set(ids))
        [found] = Finder.open(out).by_id(removed[0], 5).pages
        assert (found.kept, found.rejected_by) == (False, "optout:id")
        folder, record = out, record.model_copy(update={"counts": outcome.counts})
    assert pq.ParquetFile(folder / "rejected" / f"{code}.parquet").num_row_groups > 1
    assert outcome.counts["removed_documents"] == 1 and outcome.counts["documents"] == record.counts["documents"]
