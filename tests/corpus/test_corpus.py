"""What the corpus step promises: every page is accounted for, the bytes do not depend on how, small languages stay."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from openbook.books import merkle
from openbook.books.merkle import root
from openbook.books.tree import inclusion
from openbook.corpus import Annotated, Corpus, CorpusSettings, deal
from openbook.corpus.documents import DOCUMENT_SCHEMA, REJECTED_SCHEMA
from openbook.corpus.filter import Bounds, RuleOverride, thresholds
from openbook.corpus.funnel import Funnel
from openbook.corpus.ledger import Ledger
from openbook.corpus.settings import DuplicateSettings, HeldOutSettings
from openbook.errors import OpenbookError
from openbook.languages import LANGUAGES
from tests.books.trees import stored
from tests.corpus import build
from tests.corpus.test_annotate import TEXT, page


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Annotated:
    """The test pages of every language, twice, with one page that reserves its rights and one in Russian."""
    folder = tmp_path_factory.mktemp("pages")
    records = build.page_records(sorted(LANGUAGES))
    russian = "Все люди рождаются свободными и равными в своем достоинстве и правах. " * 5
    more = [
        build.record("https://reserved.example/", page(TEXT + " Reserved."), {"TDM-Reservation": "1"}),
        build.record("https://ru.example/", page(russian)),
        build.record("https://copy.example/", page(TEXT + " One more line.")),
        build.record("https://origin.example/", page(TEXT + " One more line. And its end.")),
        build.record("https://empty.example/", b"<html></html>"),
    ]
    paths = {
        "web/a.warc": build.warc(folder / "a.warc", records[: len(records) // 2] + more),
        "web/b.warc": build.warc(folder / "b.warc", records[len(records) // 2 :]),
        "mirror/c.warc": build.warc(folder / "c.warc", build.page_records(sorted(LANGUAGES)[:7], ".mirror.example")),
    }
    return build.annotated(folder / "annotated", build.sources(folder / "sources", paths))


@pytest.fixture(scope="module")
def built(pages: Annotated, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return build.corpus(tmp_path_factory.mktemp("built") / "corpus", pages)


def everything(corpus: Corpus) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    kept = [row for language in corpus.languages for row in corpus.documents(language, split=None)]
    rejected = [row for language in corpus.rejected_languages for row in corpus.rejected(language)]
    return kept, rejected


def test_every_page_read_is_kept_or_rejected_with_its_rule(pages: Annotated, built: Corpus) -> None:
    kept, rejected = everything(built)
    read = sorted(row for part in pages.parts for row in pq.read_table(part, columns=["id"]).column("id").to_pylist())
    assert sorted(str(row["id"]) for row in kept + rejected) == read
    assert all(":" in str(row["rejected_by"]) for row in rejected)
    total = Funnel.read((built.folder / "funnel.json").read_bytes()).total()
    assert total.read == total.kept + sum(total.rejected.values()) == len(read)
    assert total.kept == len(kept)
    assert total.bytes == sum(len(str(row["text"]).encode()) for row in kept)


def test_every_language_of_the_table_has_documents(built: Corpus) -> None:
    assert set(built.languages) >= set(LANGUAGES) - {"cnr"}
    assert {"mt", "ga"} <= set(built.languages)


def test_rules_are_named_for_what_they_are(built: Corpus) -> None:
    _, rejected = everything(built)
    by_url = {str(row["url"]): row for row in rejected}
    assert by_url["https://ru.example/"]["rejected_by"] == "identify:language-not-asked"
    assert by_url["https://ru.example/"]["language"] == "ru"
    assert by_url["https://reserved.example/"]["rejected_by"] == "rights:reserved"
    assert by_url["https://empty.example/"]["rejected_by"] == "extract:empty"


def test_duplicates_name_a_kept_document(built: Corpus) -> None:
    kept, rejected = everything(built)
    ids = {row["id"]: row for row in kept}
    copies = [row for row in rejected if str(row["rejected_by"]).startswith("duplicates:")]
    assert {row["rejected_by"] for row in copies} == {"duplicates:exact", "duplicates:near"}
    for row in copies:
        assert row["duplicate_of"] in ids
        assert 0.75 <= float(str(row["similarity"])) <= 1
    near = next(row for row in copies if row["url"] == "https://copy.example/")
    assert ids[near["duplicate_of"]]["url"] == "https://origin.example/", "the longer one is kept"


def test_documents_lie_in_order_of_their_ids_under_one_root(built: Corpus) -> None:
    ids = []
    for language in built.languages:
        mine = [row["id"] for row in built.documents(language, split=None, columns=["id"])]
        assert mine == sorted(mine)
        ids += mine
    assert built.root == root([bytes.fromhex(id) for id in sorted(ids)]).hex()
    assert merkle.verify_inclusion(
        bytes.fromhex(min(ids)),
        0,
        len(ids),
        inclusion(stored([bytes.fromhex(id) for id in sorted(ids)]), 0, len(ids)),
        bytes.fromhex(built.root),
    )


def test_the_same_bytes_with_two_workers_and_in_any_order(pages: Annotated, built: Corpus, tmp_path: Path) -> None:
    two = build.corpus(tmp_path / "two", pages, workers=2)
    assert build.contents(two.folder) == build.contents(built.folder)
    shuffled = Annotated.open(pages.folder)
    shuffled.__dict__["parts"] = pages.parts[::-1]
    reversed_ = build.corpus(tmp_path / "reversed", shuffled)
    assert build.contents(reversed_.folder) == build.contents(built.folder)


def test_a_language_too_large_to_hold_is_merged_range_by_range(
    pages: Annotated, built: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deal, "RANGE_BYTES", 1000)
    monkeypatch.setattr(deal, "READ_ROWS", 7)
    ranged = build.corpus(tmp_path / "ranged", pages)
    assert everything(ranged) == everything(built)
    assert ranged.root == built.root


def test_a_document_is_found_by_its_id(built: Corpus) -> None:
    for language in ("mt", "sr-Latn"):
        row = next(built.documents(language, split=None))
        assert built.document(row["id"]) == row
    with pytest.raises(OpenbookError, match="no document"):
        built.document("0" * 64)


def test_columns_are_those_of_the_design(built: Corpus) -> None:
    path = built.folder / "documents" / "mt.parquet"
    assert pq.read_schema(path).names == DOCUMENT_SCHEMA.names
    row = next(built.documents("mt"))
    assert row["record"].keys() == {"file", "offset", "length", "warc_record_id", "date", "payload_digest"}
    assert pq.read_schema(built.folder / "rejected" / "und.parquet").names == REJECTED_SCHEMA.names
    assert not (built.folder / ".pieces").exists()


def test_held_out_documents_are_few_fixed_and_apart() -> None:
    import numpy as np

    from openbook.corpus.draws import mark_held_out

    def ledger(count: int, size: int) -> Ledger:
        ids = np.random.default_rng(1).integers(0, 256, (count, 32), np.uint8).view("V32").reshape(-1)
        zeros, ones = np.zeros(count, np.int32), np.full(count, -1, np.int32)
        sizes = np.full(count, size, np.int64)
        flags, floats = np.zeros(count, bool), np.zeros(count)
        return Ledger(
            ["mt"],
            [0, count],
            ids,
            zeros,
            zeros,
            zeros,
            zeros,
            ones,
            sizes,
            sizes,
            floats,
            sizes,
            floats,
            flags,
            zeros,
            zeros,
            flags,
        )

    def chosen(count: int, size: int = 1000, settings: HeldOutSettings | None = None) -> int:
        book = ledger(count, size)
        mark_held_out(book, settings or HeldOutSettings())
        return int(book.held_out.sum())

    assert [chosen(count) for count in (1, 2, 10, 40, 80, 100, 1000)] == [0, 1, 1, 4, 8, 8, 20]
    assert chosen(1000, 200_000) == 5
    assert chosen(1000, settings=HeldOutSettings(share=0)) == 0


def test_held_out_documents_are_left_out_of_train(built: Corpus) -> None:
    for language in built.languages:
        counts = built.counts(language)
        out = [row["id"] for row in built.documents(language, "held-out", ["id"])]
        train = [row["id"] for row in built.documents(language, "train", ["id"])]
        assert counts["held_out_documents"] == len(out)
        assert counts["documents"] == len(out) + len(train)
        assert not set(out) & set(train)
        assert out or len(train) < 2


def test_a_changed_threshold_needs_no_page_again(pages: Annotated, tmp_path: Path) -> None:
    strict = CorpusSettings(
        profile="documentation",
        filter={"words": RuleOverride(min=10_000, language={"mt": Bounds(min=1)}, source={"mirror": Bounds()})},
    )
    corpus = build.corpus(tmp_path / "strict", pages, strict)
    kept, rejected = everything(corpus)
    assert {str(row["language"]) for row in kept if row["source"] == "web"} == {"mt"}
    assert {str(row["source"]) for row in kept} == {"web", "mirror"}
    failed = next(row for row in rejected if row["rejected_by"] == "gopher:words")
    assert failed["measure"] == failed["scores"]["words"]


def test_the_recipe_names_the_languages(pages: Annotated, tmp_path: Path) -> None:
    corpus = build.corpus(tmp_path / "few", pages, CorpusSettings(profile="documentation", languages=("mt", "ga")))
    assert corpus.languages == ["ga", "mt"]
    _, rejected = everything(corpus)
    assert {row["rejected_by"] for row in rejected if row["language"] == "de"} == {"identify:language-not-asked"}


def test_the_cap_bounds_a_language(pages: Annotated, tmp_path: Path) -> None:
    settings = CorpusSettings(profile="documentation", most_bytes=2500)
    corpus = build.corpus(tmp_path / "capped", pages, settings)
    assert all(corpus.counts(one)["bytes"] <= 2500 or corpus.counts(one)["documents"] == 1 for one in corpus.languages)
    assert any(row["rejected_by"] == "cap:bytes" for row in everything(corpus)[1])


def test_settings_that_cannot_be_met_are_sentences(pages: Annotated, tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match="no such rule"):
        build.corpus(tmp_path / "a", pages, CorpusSettings(filter={"wrods": RuleOverride(min=1)}))
    with pytest.raises(OpenbookError, match="asks for 20 bands of 8"):
        build.corpus(tmp_path / "b", pages, CorpusSettings(duplicates=DuplicateSettings(bands=20, rows=8)))
    with pytest.raises(OpenbookError, match="no document is kept"):
        build.corpus(tmp_path / "c", pages, CorpusSettings(filter={"words": RuleOverride(min=10**6)}))
    with pytest.raises(OpenbookError, match="no language 'xx'"):
        build.corpus(tmp_path / "d", pages, CorpusSettings(languages=("xx",)))
    with pytest.raises(OpenbookError, match="holds no corpus"):
        Corpus.open(tmp_path)


def test_thresholds_are_data_by_language_and_profile() -> None:
    web = thresholds("web", "mt", "x", {})
    assert web["duplicate_lines"].max == 0.395, "FineWeb-2, mlt_Latn"
    assert web["terminal_lines"].min == 0.111
    assert "glotlid_score" not in web
    assert thresholds("web", "de", "x", {}, "glotlid_score")["glotlid_score"].min == 0.821
    assert thresholds("web", "en", "x", {})["repeated_characters"].max == 0.01, "FineWeb"
    assert "terminal_lines" not in thresholds("documentation", "mt", "x", {})
    assert thresholds("documentation", "mt", "x", {})["word_length"].max == 13
    assert "words" not in thresholds("web", "mt", "x", {"words": RuleOverride()})


def test_the_report_shows_every_language_and_rule(built: Corpus) -> None:
    html = (built.folder / "report.html").read_text(encoding="utf-8")
    for told in (
        "Maltese (mt)",
        "Irish (ga)",
        "duplicates",
        "identify:language-not-asked",
        "CC-BY-SA-4.0",
        "with little text",
    ):
        assert told in html, told
    assert str(built.folder) not in html
