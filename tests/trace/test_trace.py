"""Tracing finds what a naive search finds, in any script; names sealed documents by id only; knows who read what."""

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.trace.small_index import document, index_of

from openbook.errors import OpenbookError
from openbook.trace import TraceIndex
from openbook.trace.layout import lay_out, plain
from openbook.trace.lookup import trace
from openbook.trace.spans import longest, matches

VOCABULARY = [
    *"the sea THE Sea see don't don’t l’aigua col·legi 3.14 3 14 1,000 a b ab".split(),
    *"море Море морето θάλασσα Θάλασσα חלום ח׳ל بحر البحر 海 海洋 ทะเล ทะ ծով ზღვა naïve nai\u0308ve I İ ß ss".split(),
    *"foo_bar x² ½ ḃ 🙂 👩‍🚀 e\u0301".split(),
]
BETWEEN = [" ", " ", " ", "\n", "\t ", ", ", ". ", " (", ") ", "-", "'", ".", "\u00a0", "\u00ad", "\u200f", "/", ""]


def naive_words(text: str) -> list[tuple[str, str]]:
    """(what stands before it: space, signs or nothing; the word) of each word, by Unicode's categories alone."""
    hidden = {"\u00ad", "\u200f"}
    letters = [one for one in unicodedata.normalize("NFC", text) if one not in hidden]
    found: list[list[str]] = []
    gap, signs = "", True
    for at, one in enumerate(letters):
        kind = unicodedata.category(one)
        near = letters[at + 1] if at + 1 < len(letters) else " "
        alone = "\u4e00" <= one <= "\u9fff" or ("\u0e00" <= one <= "\u0eff" and kind[0] == "L")
        after = found[-1][1][-1] if found and not signs and not gap else " "
        after_alone = "\u4e00" <= after <= "\u9fff" or "\u0e00" <= after <= "\u0eff"
        near_alone = "\u4e00" <= near <= "\u9fff" or "\u0e00" <= near <= "\u0eff"
        near_word = unicodedata.category(near) in ("Lu", "Ll", "Lt", "Lm", "Lo", "No", "Nl", "Pc") and not near_alone
        after_word = unicodedata.category(after)[0] in "LM" or unicodedata.category(after) in ("No", "Nl", "Pc", "Cf")
        joins = (one in "'’·" and after_word and not after_alone and near_word) or (
            one in ".," and unicodedata.category(after) == "Nd" and unicodedata.category(near) == "Nd"
        )
        if kind[0] == "Z" or kind == "Cc":
            gap = gap + " " if not gap.endswith(" ") else gap
            signs = False if gap == " " and not signs else signs
        elif joins or (kind in ("Mn", "Mc", "Me", "Cf") and found and not signs and not gap):
            found[-1][1] += one
        elif kind[0] in "LNM" or kind in ("Pc", "Cf"):
            if found and not signs and not gap and not alone and not after_alone:
                found[-1][1] += one
            else:
                found.append([gap, one])
            gap, signs = "", False
        else:
            gap, signs = gap + one, True
    return [(before, word) for before, word in found]


def naive(texts: Sequence[str], text: str, least: int) -> list[tuple[int, int]]:
    """All longest runs of words of `text` that stand in one of the texts, by trying every one."""
    asked = naive_words(text)
    held = [naive_words(one) for one in texts]

    def stands(first: int, last: int) -> bool:
        wanted = asked[first : last + 1]
        for words in held:
            for at in range(len(words) - len(wanted) + 1):
                part = words[at : at + len(wanted)]
                if part[0][1] == wanted[0][1] and part[1:] == wanted[1:]:
                    return True
        return False

    found: list[tuple[int, int]] = []
    for first in range(len(asked)):
        last = first - 1
        while last + 1 < len(asked) and stands(first, last + 1):
            last += 1
        if last - first + 1 >= least and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


TEXT = st.lists(st.tuples(st.sampled_from(VOCABULARY), st.sampled_from(BETWEEN)), min_size=1, max_size=12).map(
    lambda pairs: "".join(word + between for word, between in pairs)
)


@settings(max_examples=30, deadline=None)
@given(texts=st.lists(TEXT, min_size=1, max_size=6), asked=TEXT, taken=st.data())
def test_the_spans_are_those_of_a_naive_search(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], asked: str, taken: st.DataObject
) -> None:
    source = taken.draw(st.sampled_from(texts))
    start = taken.draw(st.integers(0, len(source)))
    asked = asked + source[start : start + taken.draw(st.integers(0, 60))]
    index = index_of(tmp_path_factory.mktemp("naive"), texts)
    laid = lay_out(asked)
    assert [word for _, word in naive_words(asked)] == [plain(laid.bytes[one[0] : one[1]]) for one in laid.words]
    assert longest(index.shards, laid, 1) == naive(texts, asked, 1)
    for match in matches(index, laid, 1, 100):
        wanted = naive_words(asked)[match.first : match.last + 1]
        held = [naive_words(one) for one in texts]
        count = sum(
            words[at][1] == wanted[0][1] and words[at + 1 : at + len(wanted)] == wanted[1:]
            for words in held
            for at in range(len(words) - len(wanted) + 1)
        )
        assert match.occurrences == count


def test_a_span_is_whole_words_and_ends_where_the_documents_differ(tmp_path: Path) -> None:
    texts = ["Il-baħar hu kbir u blu ħafna.", "Il-baħar hu kbir u blugranha.", "xil-baħar hu kbir u blu"]
    index = index_of(tmp_path, texts)
    text = "Qal: «Il-baħar hu  kbir\nu blu»!"
    (span,) = trace(index, text, least=3)
    assert span.text == "Il-baħar hu  kbir\nu blu" == text[span.start : span.end]
    assert (span.words, span.occurrences) == (6, 1)
    assert [one.source.id for one in span.holders] == [document(0)]
    assert (span.holders[0].before, span.holders[0].after) == ("", " ħafna.")
    assert trace(index, "il-baħar hu kbir u blu", least=6) == []  # other case; and in the third, only part of a word


def test_a_killed_build_goes_on_to_the_same_bytes_and_shards_do_not_change_the_answer(tmp_path: Path) -> None:
    texts = [f"Dokument {n} b'xi kliem ieħor {n * n}" for n in range(20)]
    one = index_of(tmp_path / "one", texts)
    files = {path.name + path.parent.name: path.read_bytes() for path in one.folder.rglob("*") if path.is_file()}
    assert len(one.shards) > 3
    (one.folder / "00001" / "documents.arrow").unlink()
    (one.folder / "00001" / "text.bin").write_bytes(b"half")
    again = index_of(tmp_path / "one", texts)
    assert files == {p.name + p.parent.name: p.read_bytes() for p in again.folder.rglob("*") if p.is_file()}
    whole = index_of(tmp_path / "whole", texts, most=10**6)
    asked = "u Dokument 7 b'xi kliem ieħor 49 u Dokument 8 b'xi kliem ieħor 49"
    told = [[(s.text, s.occurrences, [h.source.id for h in s.holders]) for s in trace(i, asked)] for i in (one, whole)]
    assert told[0] == told[1] and len(told[0]) == 2


def test_a_sealed_document_is_named_by_its_id_only(tmp_path: Path) -> None:
    texts = ["dan it-test hu sigriet għal kulħadd", "dan it-test hu miftuħ għal kulħadd"]
    index = index_of(tmp_path / "with", texts, rights=["sealed", "open"])
    (span,) = trace(index, texts[0])
    (holder,) = span.holders
    assert holder.as_dict() == {
        "id": document(0), "language": "mt", "rights": "sealed", "url": None, "title": None, "license": None,
        "license_evidence": None, "reservations": (), "before": None, "after": None, "steps": None,
    }  # fmt: skip
    without = index_of(tmp_path / "without", texts, rights=["sealed", "open"], sealed=False)
    assert trace(without, "hu sigriet għal kulħadd", least=3) == []
    assert b"sigriet" not in b"".join(path.read_bytes() for path in without.folder.rglob("*") if path.is_file())


def test_the_rarest_spans_are_kept(tmp_path: Path) -> None:
    common = "wieħed tnejn tlieta erbgħa ħamsa"
    texts = [common] * 30 + ["kelma rari ferm ferm stramba"]
    index = index_of(tmp_path, texts)
    (kept,) = matches(index, lay_out(f"{common}. U wkoll: kelma rari ferm ferm stramba."), most=1)
    laid = lay_out(f"{common}. U wkoll: kelma rari ferm ferm stramba.")
    assert plain(laid.bytes[slice(*laid.span(kept.first, kept.last))]) == "kelma rari ferm ferm stramba"
    total, seen = 30 * 5 + 5, {"kelma": 1, "rari": 1, "ferm": 2, "stramba": 1}
    words = "kelma rari ferm ferm stramba".split()
    assert kept.surprise == pytest.approx(sum(np.log2(total / seen[word]) for word in words))


def test_documents_that_training_read_are_named_first_then_those_that_hold_more_spans(tmp_path: Path) -> None:
    said, other = "wieħed tnejn tlieta erbgħa ħamsa", "sitta sebgħa tmienja disgħa għaxra"
    index = index_of(tmp_path, [said] * 4 + [f"{said} u {other}"] + [said] * 4)
    asked = f"{said}, {other}"
    (one, _) = trace(index, asked, documents=3)
    assert [holder.source.id for holder in one.holders] == [document(at) for at in (4, 0, 1)]
    read = document(7)
    (one, _) = trace(index, asked, documents=3, steps=lambda source, start, end: (5,) if source.id == read else ())
    assert [holder.source.id for holder in one.holders] == [document(at) for at in (7, 4, 0)]
    assert [holder.steps for holder in one.holders] == [(5,), (), ()]


@given(
    st.lists(
        st.sampled_from("a e\u0301 é \u0301 ü u\u0308\u0304 \u1100\u1161\u11a8 각 ก\u0e33 i\u0307 \u2126".split(" ")),
        max_size=9,
    )
)
def test_composed_and_decomposed_letters_are_the_same(pieces: list[str]) -> None:
    text = " ".join(["", *pieces]) + "".join(pieces)
    composed = unicodedata.normalize("NFC", text)
    laid, same = lay_out(text), lay_out(composed)
    assert laid.bytes.tobytes() == same.bytes.tobytes()
    for one, other in zip(laid.words.tolist(), same.words.tolist(), strict=True):
        assert unicodedata.normalize("NFC", text[one[2] : one[3]]) == composed[other[2] : other[3]]


def test_an_empty_text_and_no_index(tmp_path: Path) -> None:
    index = index_of(tmp_path, ["kliem"])
    assert trace(index, "") == trace(index, " \n…!") == trace(index, "xejn") == []
    with pytest.raises(OpenbookError, match="no index to trace in"):
        TraceIndex.open(tmp_path / "corpus")
    (index.folder / "index.json").write_text(json.dumps({**index.facts, "shards": []}))
    with pytest.raises(OpenbookError, match="index = false"):
        TraceIndex.open(tmp_path / "trace")
