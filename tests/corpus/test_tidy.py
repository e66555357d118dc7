"""A text that is said to be tidy is what cleaning makes of it, in every kind of white space and script."""

import itertools
import re
import unicodedata

import pytest

from openbook.corpus.annotation import clean
from openbook.corpus.tidy import is_tidy

PIECES = (
    "a",
    "\n",
    " ",
    "\t",
    "\u00a0",
    "\u0085",
    "\u2028",
    "\u200b",
    "\u3000",
    "\ufeff",
    "\ud800",
    "…",
    "é",
    "𝔸",
    "\x0b",
)
SPACES = [chr(point) for point in range(0x10000) if chr(point).isspace() and point != 10]


def by_hand(text: str) -> str:
    text = re.sub("\r\n?", "\n", text)
    text = "".join(one for one in text if one in "\t\n" or not (ord(one) < 32 or one in "\x7f\ufeff"))
    text = "".join(one for one in text if not 0xD800 <= ord(one) <= 0xDFFF)
    lines = [line.rstrip() for line in unicodedata.normalize("NFC", text).split("\n")]
    return re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def test_all_short_texts_are_tidy_exactly_where_cleaning_changes_nothing() -> None:
    for size in range(5):
        for pieces in itertools.product(PIECES, repeat=size):
            text = "".join(pieces)
            assert clean(text) == by_hand(text), ascii(text)
            assert is_tidy(text) == (by_hand(text) == text), ascii(text)


@pytest.mark.parametrize("space", SPACES, ids=ascii)
def test_white_space_at_the_end_of_a_line_is_seen(space: str) -> None:
    for text in (f"one{space}\ntwo", f"one\ntwo{space}"):
        assert is_tidy(text) is False
        assert clean(text) == "one\ntwo"


def test_a_text_that_is_tidy_but_not_composed_is_composed() -> None:
    assert clean("cafe\u0301\nau lait") == "caf\u00e9\nau lait"
