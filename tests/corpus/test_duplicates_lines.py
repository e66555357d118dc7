"""Lines that a site repeats stay on its best page alone; what is then too short is rejected, naming that page."""

import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openbook.corpus import AnnotateSettings, Corpus, CorpusSettings, parallel, repeated_lines
from openbook.corpus.filter import RULES, RuleOverride
from openbook.corpus.line_keys import LEAST_WORDS, cut, line_keys
from openbook.corpus.settings import DuplicateSettings, HeldOutSettings, RepeatedLineSettings
from openbook.corpus.statistics import measure
from tests.corpus import build

NOTICE = "This site keeps small files on your machine; by reading on you agree to that."
FOOTER = "The reading room on the corner of the market is open every day but Monday."
PLACES = (
    "river bridge mill orchard harbor tower garden quarry forest meadow chapel station market castle island".split()
)
DOINGS = "was built by the people who lived there and | burned down in the winter after which they | stands".split(
    " | "
)


def story(number: int, sentences: int = 9) -> list[str]:
    """Lines of no other story."""
    generator = np.random.default_rng(number)
    lines = []
    for at in range(sentences):
        first, second = generator.choice(PLACES, 2)
        lines.append(
            f"In the year {1300 + 7 * number + at} the {first} {DOINGS[at % 3]} has seen the {second} of {number}."
        )
    return lines


def page(host: str, number: int, lines: list[str]) -> dict[str, str]:
    return {"url": f"https://{host}/{number}", "text": "\n".join(lines), "language": "en"}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    found = [page("town.example", at, [NOTICE, *story(at), "", FOOTER]) for at in range(12)]
    found.append(page("town.example", 12, [NOTICE, *story(12, 16), "", FOOTER]))
    found.append(page("town.example", 13, [NOTICE, story(13)[0], FOOTER, *story(12, 16)[:6], *story(12, 16)[7:9]]))
    found += [page("other.example", at, [NOTICE, *story(100 + at)]) for at in range(3)]
    found += [page("rare.example", at, [*([FOOTER] if at < 9 else []), *story(200 + at)]) for at in range(40)]
    return found


SETTINGS = CorpusSettings(
    profile="web",
    filter={rule: RuleOverride() for rule in RULES if rule != "words"},
    held_out=HeldOutSettings(share=0),
)


class Elsewhere:
    """An engine whose tasks travel, and end in the worst order."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def ready(self, prepare: Callable[[], None]) -> None:
        """Tasks load what they need."""

    def map(
        self, function: Callable[[Any], Any], tasks: Sequence[Any], done: Callable[[int], None] | None = None
    ) -> Iterator[Any]:
        sent = [pickle.loads(pickle.dumps((function, task))) for task in tasks]
        return iter([run(task) for run, task in reversed(sent)][::-1])


def made(folder: Path, rows: list[dict[str, str]], settings: CorpusSettings = SETTINGS, workers: int = 1) -> Corpus:
    half = len(rows) // 2
    paths = {
        "web/a.jsonl": build.jsonl(folder / "a.jsonl", rows[:half]),
        "web/b.jsonl": build.jsonl(folder / "b.jsonl", rows[half:]),
    }
    pages = build.annotated(folder / "annotated", build.sources(folder / "sources", paths), settings=AnnotateSettings())
    return build.corpus(folder / "corpus", pages, settings, workers)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]) -> Corpus:
    return made(tmp_path_factory.mktemp("lines"), rows)


def by_url(corpus: Corpus) -> dict[str, dict[str, Any]]:
    return {row["url"]: row for row in corpus.documents("en", split=None)}


def test_a_line_of_most_pages_of_a_site_stays_on_its_best_page_alone(
    corpus: Corpus, rows: list[dict[str, str]]
) -> None:
    kept = by_url(corpus)
    lines = Counter(line for url, row in kept.items() if "town" in url for line in row["text"].split("\n"))
    assert lines[NOTICE] == lines[FOOTER] == 1
    assert kept["https://town.example/12"]["text"] == rows[12]["text"], "the longest page"
    assert kept["https://town.example/3"]["text"].split("\n") == story(3)


def test_what_was_cut_is_on_record(corpus: Corpus, rows: list[dict[str, str]]) -> None:
    before = {row["url"]: row["text"] for row in rows}
    for url, row in by_url(corpus).items():
        assert len(before[url].encode()) - len(row["text"].encode()) == row["cut_bytes"]
        assert row["cut_lines"] == (2 if "town" in url and not url.endswith("/12") else 0)
    assert corpus.counts("en")["bytes"] == sum(len(row["text"].encode()) for row in by_url(corpus).values())


def test_the_line_of_another_site_or_of_few_pages_stays(corpus: Corpus) -> None:
    kept = by_url(corpus)
    assert all(kept[f"https://other.example/{at}"]["text"].startswith(NOTICE) for at in range(3)), "three pages"
    assert all(kept[f"https://rare.example/{at}"]["text"].startswith(FOOTER) for at in range(9)), "9 of 40"


def test_a_page_of_which_too_little_is_left_names_the_page_that_holds_its_lines(tmp_path: Path) -> None:
    shared = story(500, 6)
    rows = [page("town.example", at, [*shared, *story(at, 2)]) for at in range(9)]
    rows.append(page("town.example", 9, [*shared, *story(9, 6)]))
    near_off = SETTINGS.model_copy(update={"duplicates": DuplicateSettings(near=False)})
    corpus = made(tmp_path, rows, near_off)
    (kept,) = corpus.documents("en", split=None)
    assert kept["url"].endswith("/9")
    assert kept["text"] == rows[9]["text"]
    rejected = list(corpus.rejected("en"))
    assert len(rejected) == 9
    for row in rejected:
        assert row["rejected_by"] == "duplicates:repeated-lines"
        assert row["duplicate_of"] == kept["id"]
        number = int(row["url"].split("/")[-1])
        assert row["measure"] == line_keys("\n".join(story(number, 2)))[1].sum() < 50
        repeated = len("\n".join(shared).encode()) + 1
        assert row["similarity"] == pytest.approx(repeated / len(row["text"].encode()))
        assert row["text"] == rows[number]["text"], "what is rejected can be read whole"


def test_copies_of_a_page_that_loses_its_lines_name_a_kept_page(tmp_path: Path) -> None:
    shared = story(500, 6)
    rows = [page("town.example", at, [*shared, *story(at, 2)]) for at in range(9)]
    rows.append(page("town.example", 9, [*shared, *story(9, 6)]))
    rows += [page("mirror.example", at, rows[at]["text"].upper().split("\n")) for at in range(9)]
    corpus = made(tmp_path, rows, SETTINGS)
    ids = {row["id"] for row in corpus.documents("en", split=None)}
    rejected = list(corpus.rejected("en"))
    assert len(ids) + len(rejected) == 19
    assert all(row["duplicate_of"] in ids for row in rejected)


def test_manuals_keep_their_lines_and_the_recipe_may_say_so(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    town = [row for row in rows if "town" in row["url"]]
    for name, settings in {
        "manual": SETTINGS.model_copy(update={"profiles": {"web": "documentation"}}),
        "off": SETTINGS.model_copy(update={"duplicates": DuplicateSettings(lines=RepeatedLineSettings(on=False))}),
        "more": SETTINGS.model_copy(update={"duplicates": DuplicateSettings(lines=RepeatedLineSettings(pages=15))}),
    }.items():
        kept = by_url(made(tmp_path / name, town, settings))
        assert all(row["text"].startswith(NOTICE) and row["cut_lines"] == 0 for row in kept.values())


def test_the_same_bytes_however_the_lines_are_counted(
    tmp_path: Path, corpus: Corpus, rows: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(one: Corpus) -> list[tuple[object, ...]]:
        return sorted((row["url"], row["text"], row["cut_lines"]) for row in one.documents("en", split=None))

    monkeypatch.setattr(repeated_lines, "PARTITION_RECORDS", 50)
    monkeypatch.setattr(repeated_lines, "GROUP", 1)
    monkeypatch.setattr(repeated_lines, "SMALL", 0)
    monkeypatch.setattr(build, "local", Elsewhere)
    assert told(made(tmp_path, rows[::-1])) == told(corpus)


def test_a_killed_count_goes_on_to_the_same_bytes(
    tmp_path: Path, rows: list[dict[str, str]], corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {"web/a.jsonl": build.jsonl(tmp_path / "a.jsonl", rows)}
    pages = build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", paths))
    whole = build.corpus(tmp_path / "whole", pages, SETTINGS)

    def dies(task: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(repeated_lines, "_repeated", dies)
        with pytest.raises(KeyboardInterrupt):
            build.corpus(tmp_path / "killed", pages, SETTINGS)
    monkeypatch.setattr(repeated_lines, "_spread", dies)  # what is done is not done again
    assert build.contents(build.corpus(tmp_path / "killed", pages, SETTINGS).folder) == build.contents(whole.folder)
    changed = SETTINGS.model_copy(update={"duplicates": DuplicateSettings(lines=RepeatedLineSettings(share=0.5))})
    with monkeypatch.context() as patch:
        patch.setattr(repeated_lines, "_repeated", dies)
        with pytest.raises(KeyboardInterrupt):  # other settings begin anew: at _spread
            build.corpus(tmp_path / "killed", pages, changed)


def test_keys_of_lines() -> None:
    keys, words = line_keys(f"One, two — THREE four five\nshort line\n\n  one two three (four) five!\n{FOOTER}")
    assert words.tolist() == [5, 2, 0, 5, 15]
    assert keys[0] == keys[3] != keys[4]
    assert keys[1] == keys[2] == 0
    assert measure(f"{FOOTER}\nno\n{FOOTER}").lines.tolist() == [keys[4]]
    assert measure("short").lines.size == measure("").lines.size == 0
    assert LEAST_WORDS == 5
    swapped = line_keys("two one three four five")[0]
    assert swapped[0] != keys[0]


@pytest.mark.parametrize("code", sorted(parallel.own_texts()))
def test_what_measuring_finds_are_the_keys_of_the_lines(code: str) -> None:
    """Two kernels make them: one of a page by itself, one on the way through all that is measured."""
    lines = parallel.own_texts()[code]
    text = "\n".join([*lines, lines[0].upper(), "a b", "", *lines[:3]])
    assert measure(text).lines.tolist() == sorted({*line_keys(text)[0].tolist()} - {0})


def test_cutting_leaves_no_hole() -> None:
    text = "first\n\nsecond\n\nthird\nfourth"
    assert cut(text, np.array([2], np.int32)) == "first\n\nthird\nfourth"
    assert cut(text, np.array([0, 5], np.int32)) == "second\n\nthird"
    assert cut(text, np.array([0, 2, 4, 5], np.int32)) == ""
