"""What is removed is gone with its duplicates, the books say so and cannot be bent, and training goes on without it."""

import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from openbook import pipeline, retraining
from openbook.books import store
from openbook.books.record import hash_files, read_record
from openbook.cli.app import app
from openbook.corpus import Corpus
from openbook.errors import OpenbookError
from openbook.recipe import load
from openbook.release import deletions, removal, statement
from openbook.release.request import Request
from openbook.tokenizer import TokenizedCorpus, Tokenizer
from openbook.trace import seen
from openbook.train import TrainSettings
from openbook.train import run as train_run
from tests.end_to_end.crawl import page, record
from tests.removal.conftest import Made


def family(run: Path) -> tuple[dict, list[dict]]:  # type: ignore[type-arg]
    """The English page that was kept, and what was dropped in its favor."""
    corpus = Corpus.open(run / "corpus")
    dropped = [row for row in corpus.rejected("en") if row["duplicate_of"]]
    assert len(dropped) == 3
    return corpus.document(dropped[0]["duplicate_of"]), dropped


def kept(run: Path) -> dict[str, str]:
    corpus = Corpus.open(run / "corpus")
    return {row["id"]: row["url"] for code in corpus.languages for row in corpus.documents(code, split=None)}


def removed(run: Path, request: Request, **more: object) -> removal.Removal:
    duplicates = bool(more.pop("keep_duplicates", False))
    seen_now = removal.preview(run, request, duplicates)
    return removal.remove(run, seen_now, "the author asked", date="2026-01-31", **more)  # type: ignore[arg-type]


def trained_document(run: Path, least: int) -> str:
    """A document that no step before `least` has read, but a later one has."""
    corpus = Corpus.open(run / "corpus")
    for code in ("fi", "mt", "de", "en"):
        for row in corpus.documents(code):
            steps = [step for step, *_ in seen(run, row["id"])]
            if steps and min(steps) >= least:
                return str(row["id"])
    raise AssertionError("the run has no such document: give it more steps")


def test_a_removed_page_goes_with_its_duplicates_and_nothing_is_extracted_again(made: Made, tmp_path: Path) -> None:
    here = made.copy(tmp_path)
    original, dropped = family(here.run)
    before, annotated = kept(here.run), read_record(here.run / "annotated")
    entry = removed(here.run, Request("url", original["url"])).entry
    assert set(entry["optouts"]["ids"]) == {original["id"], *(row["id"] for row in dropped)}
    here.again()
    assert kept(here.run) == {id: url for id, url in before.items() if id != original["id"]}
    assert read_record(here.run / "annotated") == annotated
    assert removal.check(here.run) == removal.Check(1, (), ())
    named = pipeline.with_removals(load(here.recipe), here.run).corpus.optouts
    fresh = tmp_path / "fresh"
    recipe = load(here.recipe)
    recipe = recipe.model_copy(update={"corpus": recipe.corpus.model_copy(update={"optouts": named})})
    pipeline.run(recipe, here.recipe.parent, fresh, here.context, until="corpus")
    assert read_record(fresh / "corpus").root == read_record(here.run / "corpus").root


def test_a_text_that_a_later_crawl_finds_elsewhere_stays_out(made: Made, tmp_path: Path) -> None:
    here = made.copy(tmp_path)
    original, _ = family(here.run)
    removed(here.run, Request("url", original["url"]))
    sources = tmp_path / "sources"
    shutil.copytree(here.recipe.parent, sources)
    late = record("https://late.example/essay.html", page("en", 1))
    (sources / "crawl" / "late.warc.gz").write_bytes(late)
    Made(here.run, sources / here.recipe.name, here.context).again()
    [found] = [row for row in Corpus.open(here.run / "corpus").rejected("en") if "//late.example/" in row["url"]]
    assert found["rejected_by"] == "optout:text"
    assert original["text"] not in {row["text"] for row in Corpus.open(here.run / "corpus").documents("en", None)}


def test_duplicates_come_back_only_when_that_is_asked_and_recorded(made: Made, tmp_path: Path) -> None:
    here = made.copy(tmp_path)
    original, dropped = family(here.run)
    entry = removed(here.run, Request("document", original["id"]), keep_duplicates=True).entry
    assert entry["keep_duplicates"] is True
    assert entry["optouts"]["ids"] == [original["id"]]
    here.again()
    came = set(kept(here.run)) & {row["id"] for row in dropped}
    assert len(came) == 1
    assert removal.check(here.run).repeating == tuple(came)


def test_who_asks_for_a_copy_is_told_of_the_original_that_was_trained_on(made: Made) -> None:
    original, dropped = family(made.run)
    found = removal.preview(made.run, Request("url", dropped[0]["url"])).certificate
    [document] = found["documents"]
    assert (document["id"], document["asked"]) == (original["id"], False)
    assert {one["id"] for one in found["dropped"]} == {row["id"] for row in dropped}


def test_the_certificate_says_what_the_order_of_training_says(made: Made, tmp_path: Path) -> None:
    here = made.copy(tmp_path)
    id = trained_document(here.run, 2)
    places = seen(here.run, id)
    one = removed(here.run, Request("document", id))
    certificate = statement.read(one.certificate)
    assert [tuple(place) for place in certificate["documents"][0]["places"]] == places
    steps = sorted({step for step, *_ in places})
    assert certificate["summary"]["steps"] == steps
    assert certificate["summary"]["tokens_read"] == sum(end - start for *_, start, end in places)
    clean = [row["step"] for row in certificate["checkpoints"]["published"] if not row["seen"]]
    assert clean == [step for step in (2, 4, 6, 8) if step <= steps[0]]
    told = one.path.with_suffix(".exposure.md").read_text()
    assert ", ".join(map(str, steps[:12])) in told
    assert f"the checkpoint after step {max(clean)} had not seen it" in told


def test_training_goes_on_to_the_bits_of_a_run_that_never_read_it(made: Made, tmp_path: Path) -> None:
    here = made.copy(tmp_path)
    id = trained_document(here.run, 2)
    removed(here.run, Request("document", id))
    out = retraining.retrain(here.run, retraining.folder_of(here.run), here.context)
    assert out.folder == tmp_path / "run.without-0001"
    assert out.began >= 2
    old, new = TokenizedCorpus.open(here.run / "tokens"), TokenizedCorpus.open(out.folder / "tokens")
    tokenizer = Tokenizer.open(here.run / "tokenizer")
    for code in old.languages:
        span, theirs, ours = old.span(code, id), old.tokens(code), new.tokens(code)
        inside = range(*span) if span else range(0)
        assert all(ours[at] == tokenizer.bos for at in inside)
        assert all(ours[at] == theirs[at] for at in range(len(theirs)) if at not in inside)
    asked = read_record(here.run / "model").settings
    train, model = TrainSettings.model_validate(asked["train"]), load(here.recipe).model
    train_run(model, train, Tokenizer.open(out.folder / "tokenizer"), new, tmp_path / "seed", here.context)
    weights = {
        name: entry for name, entry in hash_files(tmp_path / "seed").items() if "log" in name or "model." in name
    }
    assert len(weights) == 5
    retrained = hash_files(out.folder / "model")
    assert {name: retrained[name] for name in weights} == weights
    first = hash_files(here.run / "model")["checkpoints/step-000008/model.safetensors"]
    assert retrained["checkpoints/step-000008/model.safetensors"] != first
    root = read_record(out.folder / "model").root
    retraining.retrain(here.run, out.folder, here.context)
    assert read_record(out.folder / "model").root == root
    with pytest.raises(OpenbookError, match="nothing to apply"):
        retraining.retrain(removed_nothing(made, tmp_path), tmp_path / "none", here.context)


def removed_nothing(made: Made, folder: Path) -> Path:
    """A run whose only removal names a page that training never had."""
    shutil.copytree(made.run, folder / "nothing")
    removed(folder / "nothing", Request("domain", "elsewhere.example"))
    return folder / "nothing"


def test_a_domain_a_list_and_a_robots_txt_take_out_what_they_name(made: Made) -> None:
    pages = kept(made.run)
    mine = {id for id, url in pages.items() if "//fi.example/" in url}
    assert mine
    preview = removal.preview(made.run, Request("domain", "FI.example"))
    assert {page.id for page in preview.pages if page.kept} == mine
    assert preview.optouts.domains == ("fi.example",)
    [german] = [id for id, url in pages.items() if url == "https://de.example/1.html"]
    listed = removal.preview(made.run, Request("optouts", f"# ours\nfi.example\n{german}  # mine\n"))
    assert {page.id for page in listed.pages if page.kept} == {*mine, german}
    robots = "User-agent: GPTBot\nDisallow: /1\n"
    kept_from = removal.preview(made.run, Request("robots", robots, "https://de.example"))
    assert german in {page.id for page in kept_from.pages}
    allowed = removal.preview(made.run, Request("robots", "User-agent: GPTBot\nDisallow: /2\n", "https://de.example"))
    assert allowed.pages == ()
    with pytest.raises(OpenbookError, match="HTML"):
        removal.preview(made.run, Request("robots", "<!doctype html><p>404", "https://de.example"))
    with pytest.raises(OpenbookError, match="line 2"):
        removal.preview(made.run, Request("optouts", "fi.example\nnot a domain\n"))


@pytest.fixture(scope="module")
def booked(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books of three removals, signed."""
    here, key = made.copy(tmp_path_factory.mktemp("booked")), Ed25519PrivateKey.generate()
    for name in ("fi.example", "de.example", "mt.example"):
        removed(here.run, Request("domain", name), key=key)
    return here.run


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_byte_of_the_books_can_be_changed(booked: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted((booked / "removals").glob("*.json"))))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        path.write_bytes(bytes(changed))
        with pytest.raises(OpenbookError, match=path.stem.split(".")[0]):
            removal.removals(booked)
    finally:
        path.write_bytes(content)
    assert len(removal.removals(booked)) == 3


def test_an_entry_that_is_dropped_or_swapped_is_named(booked: Path, tmp_path: Path) -> None:
    for change in ("drop", "swap"):
        run = tmp_path / change
        shutil.copytree(booked / "removals", run / "removals")
        first, second = run / "removals" / "0001.json", run / "removals" / "0002.json"
        if change == "drop":
            first.unlink()
        else:
            one, other = first.read_bytes(), second.read_bytes()
            first.write_bytes(other)
            second.write_bytes(one)
        with pytest.raises(OpenbookError, match="does not follow"):
            removal.removals(run)


def test_a_crash_at_any_write_leaves_readable_books(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = made.copy(tmp_path)
    removed(here.run, Request("domain", "fi.example"))
    write = store.write_bytes
    for cut in range(4):
        count = [cut]

        def failing(path: Path, data: bytes, count: list[int] = count) -> None:
            if count[0] == 0:
                raise KeyboardInterrupt
            count[0] -= 1
            write(path, data)

        monkeypatch.setattr(store, "write_bytes", failing)
        with pytest.raises(KeyboardInterrupt):
            removed(here.run, Request("domain", "de.example"))
        monkeypatch.setattr(store, "write_bytes", write)
        assert len(removal.removals(here.run)) == 1
    removed(here.run, Request("domain", "de.example"))
    assert sorted(removal.optouts(here.run).domains) == ["de.example", "fi.example"]


def test_the_verb_signs_writes_and_refuses(made: Made, tmp_path: Path) -> None:
    here, key = made.copy(tmp_path), Ed25519PrivateKey.generate()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = tmp_path / "public.pem"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    original, _ = family(here.run)
    (tmp_path / "mine.txt").write_text(original["text"])
    arguments = ["remove", str(here.run), "--text", str(tmp_path / "mine.txt"), "--key", str(tmp_path / "key.pem")]
    told = CliRunner().invoke(app, [*arguments, "--reason", "mine", "--by", "The author", "--json"])
    assert told.exit_code == 0, told.output
    entry = json.loads(told.output)["removal"]
    assert entry["by"] == "The author"
    assert original["text"][:40] not in told.output
    one = removal.removals(here.run)[0]
    hexes = statement.read_public_key(public)
    assert statement.read(one.path, hexes) == entry
    listed = deletions.read(one.deletions, hexes)
    assert listed.holds(f"They wrote: {original['text']}")
    with pytest.raises(OpenbookError, match="was signed by"):
        statement.read(one.path, "00" * 32)
    asked = CliRunner().invoke(app, ["remove", str(here.run), "--check"])
    assert isinstance(asked.exception, OpenbookError)
    assert "run the recipe again" in str(asked.exception)
    here.again()
    asked = CliRunner().invoke(app, ["remove", str(here.run), "--check"])
    assert asked.exit_code == 0, asked.output
    both = CliRunner().invoke(app, ["remove", str(here.run), "--url", "a", "--domain", "b.example"])
    assert "one request" in str(both.exception)
    gone = CliRunner().invoke(app, ["remove", str(here.run), "--document", "0" * 64, "--reason", "x"])
    assert "no page of this run" in str(gone.exception)
