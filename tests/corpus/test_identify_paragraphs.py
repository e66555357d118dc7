"""Pages in more than one language: each paragraph's language, the shares in the row, and what a recipe may do with them."""

from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openbook.corpus import AnnotateSettings, CorpusSettings
from openbook.corpus.filter import RuleOverride
from openbook.corpus.identify import identifier
from openbook.corpus.paragraphs import LEAST_PIECE, MOST_PIECES, MOST_WINDOWS, SPACING, akin, mixture, split, windows
from tests.corpus.build import annotated, corpus, jsonl, sources

# ruff: noqa: E501
# Written for this test.
MALTESE = [
    "Il-kunsill lokali se jiftaħ il-librerija l-ġdida nhar it-Tnejn filgħodu, u kulħadd huwa mistieden għall-ftuħ.",
    "It-tfal tal-iskola se jkantaw fil-pjazza u s-sindku se jagħmel diskors qasir dwar l-importanza tal-qari.",
    "Wara ċ-ċerimonja jkun hemm ikel u xorb b'xejn, u l-kotba jistgħu jissellfu mill-istess ġurnata.",
    "Min irid jgħin bħala voluntier għandu jċempel lill-uffiċċju jew jibgħat ittra qabel tmiem ix-xahar.",
    "Il-librerija se tkun miftuħa kuljum ħlief il-Ħadd, u fis-sajf il-ħinijiet ikunu itwal minn tas-soltu.",
    "F'każ ta' xita l-attività ssir fis-sala l-kbira, fejn hemm post biżżejjed għal mitejn ruħ bilqiegħda.",
    "Nies akbar fl-età jistgħu jitolbu trasport mid-dar tagħhom billi jagħmlu rikjesta ġimgħa qabel.",
    "Il-ktieb tal-istorja tar-raħal, miktub minn għalliem irtirat, se jitqassam lil kull familja.",
]
ENGLISH = [
    "The local council will open the new library on Monday morning, and everybody is invited to the ceremony.",
    "Children from the school will sing in the square and the mayor will give a short speech about reading.",
    "After the ceremony there will be free food and drinks, and books can be borrowed from the very same day.",
    "Anyone who would like to help as a volunteer should call the office or write a letter before the month ends.",
]
CROATIAN = (
    "Tijekom tjedna svatko tko sudjeluje može doći u općinu i preuzeti obrazac koji vrijedi tisuću dana od danas."
)
SERBIAN = "Tokom nedelje svako ko učestvuje može da dođe u opštinu i preuzme obrazac koji vredi hiljadu dana od danas."
TRUTH = round(sum(map(len, MALTESE)) / sum(map(len, [*MALTESE, *ENGLISH])), 4)


def look(lines: list[str], declared: str | None = None) -> tuple[str, dict[str, float], str]:
    text = "\n".join(lines)
    who = identifier()
    found = mixture(text, who.identify(text, declared), who)
    return found.language, dict(found.shares), found.main


@pytest.mark.parametrize("first", [MALTESE, ENGLISH])
def test_a_page_in_two_languages_has_the_share_of_each(first: list[str]) -> None:
    lines = [*first, *(ENGLISH if first is MALTESE else MALTESE)]
    language, shares, main = look(lines)
    truth = sum(map(len, MALTESE)) / sum(map(len, lines))
    assert language == "mt"
    assert shares["mt"] == pytest.approx(truth, abs=0.02)
    assert shares["en"] == pytest.approx(1 - truth, abs=0.02)
    assert main == "\n".join(MALTESE)


def test_a_page_in_one_language_is_not_cut() -> None:
    language, shares, main = look(MALTESE)
    assert (language, shares, main) == ("mt", {"mt": 1.0}, "\n".join(MALTESE))


def test_the_language_is_that_of_most_of_the_text_not_of_its_beginning() -> None:
    language, shares, _ = look([*ENGLISH * 6, *MALTESE * 9])
    assert language == "mt"
    assert shares["mt"] > shares["en"] > 0.2


@pytest.mark.parametrize("before", [0, 12, 20, 28, 40])
@pytest.mark.parametrize(("main", "block"), [(MALTESE, ENGLISH), (ENGLISH, MALTESE)])
def test_a_block_in_another_language_is_found_wherever_it_stands(
    main: list[str], block: list[str], before: int
) -> None:
    """Also behind the first characters, which alone the identifier reads, and with nothing else to tell of it."""
    many, foreign = (main * 10)[:40], (block * 3)[:12]
    language, shares, kept = look([*many[:before], *foreign, *many[before:]])
    truth = sum(map(len, foreign)) / sum(map(len, [*many, *foreign]))
    assert language == ("mt" if main is MALTESE else "en")
    assert 1 - shares[language] == pytest.approx(truth, abs=0.06)
    assert sum(line in kept.split("\n") for line in many) >= 36


@pytest.mark.parametrize("lines", [MALTESE, ENGLISH])
@pytest.mark.parametrize("times", [2, 6, 15])
def test_a_long_page_in_one_language_is_not_mixed(lines: list[str], times: int) -> None:
    assert len(look(lines * times)[1]) == 1


@given(st.integers(0, 40_000), st.sampled_from(["x", "word ", "line of a page\n"]))
@settings(max_examples=60, deadline=None)
def test_no_more_than_a_tenth_of_a_text_lies_between_windows(size: int, unit: str) -> None:
    text = (unit * (size // len(unit) + 1))[:size]
    found = list(windows(text))
    assert found == sorted(found)
    assert len(found) <= MOST_WINDOWS
    apart = [after - before for before, after in pairwise([0, *found, size])]
    assert max(apart) <= max(2 * SPACING, size // 10 + 30)


def test_near_relatives_are_one_language_within_a_page() -> None:
    assert look([CROATIAN, SERBIAN] * 6)[1].keys() <= {"hr", "sr-Latn", "bs"}
    assert len(look([CROATIAN, SERBIAN] * 6)[1]) == 1
    assert akin("hr", "sr-Cyrl")
    assert akin("nb", "nn")
    assert not akin("nb", "da")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=3000))
@settings(max_examples=60, deadline=None)
def test_every_line_is_in_one_piece_and_pieces_are_few(text: str) -> None:
    pieces = split(text)
    assert [line for lines, _ in pieces for line in lines] == text.split("\n")
    assert len(pieces) <= MOST_PIECES + 1
    assert all(size >= LEAST_PIECE for _, size in pieces) or len(pieces) == 1


def pages(folder: Path, mixed: str) -> list[dict[str, object]]:
    rows = [
        {"text": "\n".join([*MALTESE, *ENGLISH]), "url": "https://a.example/mixed", "language": "mt"},
        {"text": "\n".join(MALTESE), "url": "https://a.example/alone", "language": "mt"},
    ]
    found = sources(folder / "sources", {"a/a.jsonl": jsonl(folder / "in" / "a.jsonl", rows)})
    made = annotated(folder / "annotated", found, settings=AnnotateSettings(mixed=mixed))  # type: ignore[arg-type]
    return [row for part in made.parts for row in pq.read_table(part).to_pylist()]


def test_the_row_carries_the_shares_and_cut_leaves_the_main_language(tmp_path: Path) -> None:
    kept, alone = pages(tmp_path / "keep", "keep")
    assert kept["languages"] == [{"language": "mt", "share": TRUTH}, {"language": "en", "share": round(1 - TRUTH, 4)}]
    assert kept["scores"]["main_share"] == TRUTH  # type: ignore[index]
    assert (alone["languages"], alone["scores"]["main_share"]) == (None, 1.0)  # type: ignore[index]
    cut, same = pages(tmp_path / "cut", "cut")
    assert cut["text"] == "\n".join(MALTESE)
    assert cut["bytes"] == len("\n".join(MALTESE).encode())
    assert cut["languages"] == kept["languages"]  # what the page was
    assert same["text"] == alone["text"]


def test_a_recipe_rejects_mixed_pages_after_annotation(tmp_path: Path) -> None:
    pages(tmp_path, "keep")
    from openbook.corpus import Annotated

    found = Annotated.open(tmp_path / "annotated")
    both = corpus(tmp_path / "both", found, CorpusSettings(profile="messages"))
    assert [row["url"] for row in both.documents("mt", None)] != []
    asked = CorpusSettings(profile="messages", filter={"main_share": RuleOverride(min=0.9)})
    strict = corpus(tmp_path / "strict", found, asked)
    rejected = {row["url"]: row for row in strict.rejected("mt")}
    assert rejected["https://a.example/mixed"]["rejected_by"] == "language:main_share"
    assert rejected["https://a.example/mixed"]["measure"] == TRUTH
    assert rejected["https://a.example/mixed"]["languages"][1]["language"] == "en"
