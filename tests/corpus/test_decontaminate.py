"""Nothing that evaluation sets hold stays in the corpus, and what was found of them stands in a table."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openbook.corpus import Annotated, Corpus, CorpusSettings, run_corpus
from openbook.corpus.contamination import Index, IndexBuilder
from openbook.corpus.decontaminate import judge, merged
from openbook.corpus.parallel import ParallelText
from openbook.corpus.scan_settings import DecontaminateSettings
from openbook.errors import OpenbookError
from tests.corpus import build

ITEM = (
    "A carpenter who had lost his spirit level in the harbor measured the floor of the new school with a bowl of "
    "water, and nobody has ever complained that a chair stood crooked there."
)
FILLER = [
    f"The ferry number {n} leaves the island at {n % 12} in the morning, and those who are late must wait for the next "
    f"one with the {word} and their dogs in the small house by the pier."
    for n, word in enumerate("fishermen teachers nurses pilots bakers tailors postmen farmers painters singers".split())
]


def index_of(sets: Iterable[tuple[str, Sequence[tuple[str, str]]]], n: int, least: int) -> tuple[Index, IndexBuilder]:
    """The index over evaluation sets (name, segments that follow one another), and what was counted on the way."""
    builder = IndexBuilder(n, least)
    for name, segments in sets:
        builder.add(name, segments)
    return builder.index(), builder


def search(texts: list[str], index: Index) -> list[Any]:
    parts = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, parts)]).astype(np.int32)
    return index.search(np.frombuffer(b"".join(parts), np.uint8), offsets, np.arange(len(texts)))


def spans(text: str, index: Index) -> list[str]:
    return [text[start:end] for start, end in merged([(hit.start, hit.end) for hit in search([text], index)])]


def test_a_run_is_found_whatever_its_case_punctuation_and_line_breaks() -> None:
    index, _ = index_of([("exam", [("1", ITEM)])], 13, 8)
    text = f"{FILLER[0]}\n{ITEM.upper().replace(' ', chr(10))}!!! {FILLER[1]}"
    assert spans(text, index) == [ITEM.upper().replace(" ", "\n").rstrip(".")]
    assert search([FILLER[0], text, FILLER[1]], index)[0].row == 1
    assert search([text], index)[0].items == (("exam", "1"),)


def test_twelve_words_in_a_row_are_no_hit_and_thirteen_are() -> None:
    index, _ = index_of([("exam", [("1", ITEM)])], 13, 8)
    words = ITEM.split()
    assert spans("Before " + " ".join(words[3:15]) + " after.", index) == []
    assert spans("Before " + " ".join(words[3:16]) + " after.", index) == [" ".join(words[3:16])]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from("abcde"), min_size=0, max_size=40),
    st.lists(st.sampled_from("abcde"), min_size=0, max_size=60),
)
def test_hits_are_those_of_plain_python(item: list[str], text: list[str]) -> None:
    index, _ = index_of([("x", [("1", " ".join(item))])], 6, 4)
    size = 6 if len(item) >= 6 else len(item)
    grams = {tuple(item[i : i + size]) for i in range(len(item) - size + 1)} if len(item) >= 4 else set()
    expected = [i for i in range(len(text) - size + 1) if tuple(text[i : i + size]) in grams] if grams else []
    assert [hit.start // 2 for hit in search([" ".join(text)], index)] == expected


def test_short_items_are_sought_whole_and_the_shortest_are_counted() -> None:
    short, shortest = "Nine blue lamps hang over the door of Anna.", "Yes, of course."
    index, counted = index_of([("x", [("1", short)]), ("x", [("2", shortest)])], 13, 8)
    assert spans(f"{FILLER[0]} {short} {FILLER[1]}", index) == [short.rstrip(".")]
    assert spans(shortest, index) == []
    assert (counted.items, counted.too_short) == (2, 1)


def test_scripts_without_spaces_are_compared_by_characters() -> None:
    thai = "ชาวประมงคนหนึ่งทำกุญแจหายในทะเลและไม่เคยพบมันอีกเลยตลอดชีวิตที่เหลืออยู่ของเขา"
    chinese = "一位老木匠在港口丢了他的水平仪于是他用一碗水量了新学校的地板从来没有人抱怨过椅子不稳"
    index, _ = index_of([("x", [("th", thai)]), ("x", [("zh", chinese)])], 13, 8)
    for text in (thai, chinese):
        middle = text[3:]
        assert spans(f"กก{middle}" if text == thai else f"我们{middle}", index) == [middle]
    assert spans(chinese[:25], index) == [] and len(spans(chinese[:26], index)) == 1


def test_a_text_is_cut_with_a_window_as_brown_and_others_did() -> None:
    index, _ = index_of([("exam", [("7", ITEM)])], 13, 8)
    text = " ".join([*FILLER[:4], ITEM, *FILLER[4:8]])
    verdict = judge(text, search([text], index), DecontaminateSettings())
    start, end = text.index(ITEM), text.index(ITEM) + len(ITEM)
    (first, second) = verdict.pieces
    assert first[0] == 0 and 160 <= start - first[1] <= 200 + 40
    assert second[1] == len(text) and 160 <= second[0] - end <= 200 + 40
    assert text[first[1] - 1].isspace() and text[second[0]].isspace(), "no word is cut in two"
    (hit,) = verdict.hits
    assert (hit["set"], hit["item"], hit["grams"]) == ("exam", "7", len(ITEM.split()) - 12)
    assert [text[a:b] for a, b in hit["spans"]] == [ITEM.rstrip(".")]
    assert judge(text, search([text], index), DecontaminateSettings(action="reject")).pieces == ()
    assert judge(ITEM, search([ITEM], index), DecontaminateSettings()).pieces == ()
    many = " ".join(one for filler in FILLER for one in [filler] * 4 + [ITEM])
    assert judge(many, search([many], index), DecontaminateSettings(pieces=10)).pieces == ()
    assert len(judge(many, search([many], index), DecontaminateSettings(pieces=11)).pieces) == 10


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Annotated:
    folder = tmp_path_factory.mktemp("contaminated")
    rows = [
        {"url": "u:clean", "text": " ".join(FILLER[:5]), "language": "en"},
        {"url": "u:long", "text": "\n".join([*FILLER[5:], ITEM, *[one.replace("ferry", "train") for one in FILLER]])},
        {"url": "u:whole", "text": f"{ITEM} He was proud of it.\n{ITEM.replace('carpenter', 'smith')}"},
    ]
    path = build.jsonl(folder / "x.jsonl", [{"language": "en", **row} for row in rows])
    return build.annotated(folder / "annotated", build.sources(folder / "sources", {"x/x.jsonl": path}))


def made(pages: Annotated, folder: Path, against: list[str], workers: int = 1, **more: Any) -> Corpus:
    asked = {"profile": "messages", "held_out": {"share": 0}, "decontaminate": {"against": against, **more}}
    parallel = folder.parent / "parallel"
    if not parallel.exists():
        parallel.mkdir(parents=True)
        (parallel / "en.txt").write_text(f"A title\n{ITEM}\n", encoding="utf-8")
        (parallel / "index.json").write_bytes(orjson.dumps({"en": {"file": "en.txt"}}))
    run_corpus(
        CorpusSettings.model_validate(asked),
        pages,
        folder,
        build.context(folder, workers),
        folder.parent,
        ParallelText.open(parallel),
    )
    return Corpus.open(folder)


def table(corpus: Corpus) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (corpus.folder / "contamination.jsonl").read_bytes().splitlines()]


def test_the_parallel_text_is_kept_out_by_default_and_hits_are_recorded(pages: Annotated, tmp_path: Path) -> None:
    corpus = made(pages, tmp_path / "run" / "corpus", ["parallel"])
    kept = {row["url"]: row for row in corpus.documents("en", split=None)}
    assert set(kept) == {"u:clean", "u:long"}
    assert kept["u:clean"]["text"] == " ".join(FILLER[:5])
    assert "spirit level" not in kept["u:long"]["text"] and FILLER[5] in kept["u:long"]["text"]
    (rejected,) = [row for row in corpus.rejected("en") if row["url"] == "u:whole"]
    assert rejected["rejected_by"] == "decontaminate:n-grams"
    assert rejected["measure"] == 1.0
    rows = {row["id"]: row for row in table(corpus)}
    assert {row["set"] for row in rows.values()} == {"parallel"}
    assert {row["item"] for row in rows.values()} == {"en:2"}
    assert rows[kept["u:long"]["id"]]["action"] == "cut"
    assert rows[rejected["id"]]["action"] == "rejected"
    source = "\n".join([*FILLER[5:], ITEM])
    assert rows[kept["u:long"]["id"]]["spans"] == [[source.index(ITEM), len(source) - 1]]
    assert corpus.counts("en")["bytes"] == sum(len(str(row["text"]).encode()) for row in kept.values())


def test_sets_are_files_too_and_the_bytes_do_not_depend_on_the_workers(pages: Annotated, tmp_path: Path) -> None:
    build.jsonl(tmp_path / "sets" / "exam.jsonl", [{"question": "Short?"}, {"question": ITEM, "answers": ["a", "b"]}])
    one = made(pages, tmp_path / "one", ["sets/*.jsonl"])
    assert {(row["set"], row["item"]) for row in table(one)} == {("sets/exam.jsonl", "2")}
    two = made(pages, tmp_path / "two", ["sets/*.jsonl"], workers=2)
    assert build.contents(one.folder) == build.contents(two.folder)
    fields = made(pages, tmp_path / "fields", ["sets/*.jsonl"], fields=["question"])
    assert table(fields) == table(one)


def test_nothing_is_sought_when_nothing_is_named(pages: Annotated, tmp_path: Path) -> None:
    corpus = made(pages, tmp_path / "corpus", [])
    assert not (corpus.folder / "contamination.jsonl").exists()
    assert corpus.counts("en")["documents"] == 3


def test_a_set_that_is_not_there_is_an_error_that_names_it(pages: Annotated, tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match=r"no file matches 'sets/none\.jsonl'"):
        made(pages, tmp_path / "corpus", ["sets/none.jsonl"])
    with pytest.raises(ValueError, match="least"):
        DecontaminateSettings(n=5, least=8)
