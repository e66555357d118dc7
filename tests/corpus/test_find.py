"""Whatever was read is found again, by its address, site, id or any passage of 25 words, with what became of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from openbook.books.chance import generator
from openbook.cli.app import app
from openbook.corpus import Corpus, CorpusSettings
from openbook.corpus.find import LEAST_WORDS, SURE_WORDS, Finder, index, quote, table
from openbook.corpus.find.winnow import fingerprints
from openbook.corpus.optouts import OptOutSettings
from openbook.corpus.word_lists import word_hashes
from openbook.errors import OpenbookError
from tests.corpus import build
from tests.corpus.test_annotate import TEXT, page
from tests.end_to_end.conftest import openbook

LEFT_OUT = "The lighthouse keeper asked that nothing of what he wrote about his birds be kept by anybody at all. " * 3


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A run's folder with a corpus of pages in many languages, copies, one reserved page and two left out."""
    folder = tmp_path_factory.mktemp("find") / "run"
    records = build.page_records(["de", "el", "fr", "ga", "ka", "mt", "pl", "sr-Cyrl"])
    records += [
        build.record("https://reserved.example/", page(TEXT + " Reserved."), {"TDM-Reservation": "1"}),
        build.record("https://copy.example/a?b=1", page(TEXT + " One more line.")),
        build.record("https://origin.example/", page(TEXT + " One more line. And its end.")),
        build.record("https://www.left.out.example/1", page(LEFT_OUT)),
        build.record("https://elsewhere.example/2", page(LEFT_OUT + " Again.")),
        build.record("https://empty.example/", b"<html></html>"),
    ]
    sources = build.sources(folder / "sources", {"web/a.warc": build.warc(folder / "a.warc", records)})
    wanted = CorpusSettings(
        profile="documentation",
        optouts=OptOutSettings(domains=("left.out.example",), urls=("https://elsewhere.example/2",)),
    )
    return build.corpus(folder / "corpus", build.annotated(folder / "annotated", sources), wanted)


@pytest.fixture(scope="module")
def finder(built: Corpus) -> Finder:
    return Finder.open(built.folder)


def everything(corpus: Corpus) -> list[dict[str, object]]:
    kept = [row for language in corpus.languages for row in corpus.documents(language, split=None)]
    return kept + [row for language in corpus.rejected_languages for row in corpus.rejected(language)]


def test_every_page_is_found_by_its_id_and_its_address(built: Corpus, finder: Finder) -> None:
    for row in everything(built):
        for answer in (finder.by_id(str(row["id"])), finder.by_id(str(row["id"])[:12]), finder.by_url(str(row["url"]))):
            [found] = answer.pages
            assert (found.id, found.url, found.rejected_by) == (row["id"], row["url"], row.get("rejected_by"))
            assert (found.split, found.rights, dict(found.record)) == (row.get("split"), row["rights"], row["record"])
    assert finder.by_url("http://copy.example/a?b=1#top").total == finder.by_url("copy.example/a?b=1").total == 1
    assert finder.by_url("https://nowhere.example/").total == finder.by_id("0" * 64).total == 0


def test_a_site_is_all_its_hosts_and_none_beside(built: Corpus, finder: Finder) -> None:
    answer = finder.by_domain("LEFT.out.example.")
    assert [found.url for found in answer.pages] == ["https://www.left.out.example/1"]
    assert answer.verdicts == {"optout:domain": 1}
    german = finder.by_domain("de.example", most=1)
    there = [row for row in everything(built) if str(row["url"]).startswith("https://de.example/")]
    assert german.total == len(there) > len(german.pages) == 1
    assert german.verdicts == {"kept de": len(there)}
    assert finder.by_domain("ft.out.example").total == 0


def test_a_duplicate_names_the_document_that_was_kept(finder: Finder) -> None:
    [copy] = finder.by_url("https://copy.example/a?b=1").pages
    assert copy.rejected_by == "duplicates:near"
    assert copy.duplicate_url == "https://origin.example/"
    assert copy.similarity is not None and copy.similarity >= 0.75
    [origin] = finder.by_id(str(copy.duplicate_of)).pages
    assert origin.kept and origin.url == copy.duplicate_url


def test_any_passage_of_25_words_is_found_in_every_language(built: Corpus, finder: Finder) -> None:
    draw = generator(1, "passages")
    tried = 0
    for row in everything(built):
        words = str(row["text"] or "").split()
        for _ in range(3):
            length = SURE_WORDS
            start = int(draw.integers(0, max(len(words) - length, 0) + 1))
            while len(quote.words(" ".join(words[start : start + length]))) < SURE_WORDS and start + length < len(
                words
            ):
                length += 1
            passage = " \n".join(words[start : start + length]).upper()
            if len(quote.words(passage)) < SURE_WORDS or passage.lower().split() != words[start : start + length]:
                passage = " ".join(words[start : start + length])  # capitals of some letters do not lead back
            if len(quote.words(passage)) < SURE_WORDS:
                continue
            tried += 1
            found = {one.id: one.share for one in finder.by_text(passage, most=100).pages}
            assert found[str(row["id"])] == 1
    assert tried > 50


def test_a_short_quote_is_looked_for_and_the_answer_says_what_it_may_miss(finder: Finder) -> None:
    quoted = "in the morning they sit on the roofs and wait, and when the first boat"
    answer = finder.by_text(quoted)
    assert {page.url for page in answer.pages} >= {"https://origin.example/"} or not answer.pages
    assert f"{len(quote.words(quoted))} words; only from {SURE_WORDS} on" in answer.note
    assert finder.by_text(quoted + " of the fishermen had sunk", most=5).total == 0, "the words must stand there"
    with pytest.raises(OpenbookError, match=f"has 3 words: at least {LEAST_WORDS} are needed"):
        finder.by_text("on the roofs")


def test_a_whole_text_is_found_in_other_capitals_and_spaces(built: Corpus, finder: Finder) -> None:
    row = next(built.documents("mt", split=None))
    answer = finder.by_text("  ".join(row["text"].split()).replace(".", " . "))
    assert answer.pages[0].id == row["id"] and answer.pages[0].share == 1


def test_what_is_left_out_by_name_is_found_by_name_alone(built: Corpus, finder: Finder) -> None:
    for address, rule in (("https://www.left.out.example/1", "domain"), ("https://elsewhere.example/2", "url")):
        [found] = finder.by_url(address).pages
        assert (found.rejected_by, found.title) == (f"optout:{rule}", None)
    assert finder.by_text(LEFT_OUT).total == 0
    held = b"".join(path.read_bytes() for path in (built.folder / "find").iterdir())
    assert b"lighthouse" not in held


def test_the_index_has_the_same_bytes_however_it_is_made(
    built: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    for name in ("documents", "rejected"):
        shutil.copytree(built.folder / name, tmp_path / name)
    monkeypatch.setattr(index, "STRETCH", 20_000)
    monkeypatch.setattr(table, "PARTITION", 300)
    index.build(tmp_path, build.context(tmp_path / "work", workers=2))
    assert build.contents(tmp_path / "find") == build.contents(built.folder / "find")


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=400), st.integers(0, 3))
def test_a_quote_is_taken_apart_as_the_compiled_kernel_does(text: str, more: int) -> None:
    text += " Don't re-use 3.14, ǅ ŒUVRE ภาษาไทย 漢字かな x𐐀y… " * more
    assert quote.hashes(text) == word_hashes(text).tolist()
    whole, passages = fingerprints(text)
    hashes = quote.hashes(text)
    assert whole == (quote.whole(hashes) if hashes else 0)
    assert passages.tolist() == sorted(quote.winnowed(quote.grams(hashes)))


def test_the_compiled_words_are_those_of_every_test_page(built: Corpus) -> None:
    for row in everything(built):
        text = str(row["text"] or "")
        assert quote.hashes(text) == word_hashes(text).tolist()


def test_winnowing_keeps_about_two_in_nineteen() -> None:
    """Schleimer, Wilkerson and Aiken 2003, section 3.2: a density of 2 / (window + 1)."""
    words = " ".join(map(str, generator(2, "words").integers(0, 1 << 40, 60_000)))
    _, passages = fingerprints(words)
    assert passages.size / 60_000 == pytest.approx(2 / (quote.WINDOW + 1), rel=0.02)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**30 - 1), st.integers(0, 2**31)), max_size=300), st.booleans())
def test_a_table_answers_as_a_dictionary_does(entries: list[tuple[int, int]], wide: bool) -> None:
    import tempfile

    far = 1 << 33 if wide else 0  # keys differ in their first 30 bits: the last ones are not stored
    entries = [(key << 34, row + far) for key, row in entries]
    entries += [(key, row + 1) for key, row in entries[:20]] + [(0, 1), (2**64 - 1, 2)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = sorted(set(entries), key=lambda one: (one[1], one[0]))
        runs, count = [], 0
        for at in range(0, len(pairs), 100):
            part = pairs[at : at + 100]
            keys, rows = (np.array(column, np.uint64) for column in zip(*part, strict=True))
            runs.append(folder / f"run-{at}")
            count += table.write_run(runs[-1], "x", keys, rows)
        tasks = table.merge_tasks("x", runs, count, 1 << (34 if wide else 33), folder)
        table.join(tasks, [table.merge(task) for task in tasks], folder)
        found = table.Table(folder, "x")
        assert len(found) == count == len(pairs)
        for key in {key for key, _ in pairs}:
            assert found.get(key).tolist() == sorted(row for one, row in pairs if one == key)
        assert sorted(found.between(0, 2**64 - 1).tolist()) == sorted(row for _, row in pairs)


def test_the_program_answers_over_several_runs(built: Corpus, tmp_path: Path) -> None:
    run = built.folder.parent
    said = openbook("find", run, "--url", "copy.example/a?b=1", folder=tmp_path)
    assert said.returncode == 0, said.stderr
    for told in ("dropped by duplicates:near", "https://origin.example/", "similarity", "web/a.warc, offset"):
        assert told in said.stdout
    said = openbook("find", run, "--text", "too short", folder=tmp_path)
    assert (said.returncode, "has 2 words" in said.stderr) == (2, True), said.stderr


def test_the_answer_for_programs_and_misuse(built: Corpus, tmp_path: Path) -> None:
    run = built.folder.parent
    ask = CliRunner()
    said = ask.invoke(app, ["find", "--runs", str(run.parent), "--domain", "mt.example", "--json"])
    [answer] = json.loads(said.stdout).values()
    assert answer["total"] == sum(answer["verdicts"].values()) == len(answer["pages"])
    assert {(one["kept"], one["language"], one["trained"], one["released"]) for one in answer["pages"]} == {
        (True, "mt", False, None)
    }
    for misuse, sentence in (
        ([run], "one thing at a time"),
        (["--url", "x"], "needs a run"),
        ([tmp_path, "--url", "x"], "holds no corpus"),
        ([run, "--id", "xyz"], "is no id"),
    ):
        with pytest.raises(OpenbookError, match=sentence):
            ask.invoke(app, ["find", *map(str, misuse)], catch_exceptions=False)


def test_a_corpus_without_an_index_or_with_an_older_one_says_so(built: Corpus, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "corpus"
    shutil.copytree(built.folder, folder)
    path = folder / "find" / "index.json"
    path.write_text(path.read_text().replace('"probe": "', '"probe": "0'))
    with pytest.raises(OpenbookError, match="another version"):
        Finder.open(folder)
    shutil.rmtree(folder / "find")
    with pytest.raises(OpenbookError, match="has no find/"):
        Finder.open(folder)
