"""A text laid out for comparison, with each of its words and where it stands in the text as it was given."""

import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbook.trace import kernel
from openbook.trace.characters import classes

FIRST, BEHIND, FROM, UNTIL = range(4)
"""Columns of `words`: first byte and the byte behind in the layout, first code point and the one behind in the text."""


@dataclass(frozen=True)
class Layout:
    text: str
    bytes: NDArray[np.uint8]
    words: NDArray[np.int32]
    """[words, 4]"""

    def __len__(self) -> int:
        return len(self.words)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """The layout's bytes [start, end) of words `first` to `last`."""
        return int(self.words[first, FIRST]), int(self.words[last, BEHIND])

    def place(self, first: int, last: int) -> tuple[int, int]:
        """The text's code points [start, end) of words `first` to `last`."""
        return int(self.words[first, FROM]), int(self.words[last, UNTIL])


def lay_out(text: str) -> Layout:
    """Composed characters and their parts are the same (Unicode's form C); what UTF-8 cannot hold is a `?`."""
    if unicodedata.is_normalized("NFC", text):
        return _laid_out(text)
    composed, starts, ends = _composed(text)
    laid = _laid_out(composed)
    words = laid.words.copy()
    words[:, FROM] = starts[laid.words[:, FROM]]
    words[:, UNTIL] = ends[laid.words[:, UNTIL] - 1]
    return Layout(text, laid.bytes, words)


def _laid_out(text: str) -> Layout:
    points = np.frombuffer(text.encode("utf-32-le", "replace"), np.dtype("<u4"))
    out = np.empty(5 * len(points) + 1, np.uint8)
    words = np.empty((len(points) + 1, 4), np.int32)
    size, count = kernel.lay_out(points, classes(), out, words)
    return Layout(text, out[:size].copy(), words[:count].copy())


def _composed(text: str) -> tuple[str, NDArray[np.int32], NDArray[np.int32]]:
    """The text in form C, and for each of its characters where what it was made of begins and ends in the text."""
    pieces, starts, ends = [], [], []
    first = 0
    for at in range(1, len(text) + 1):
        if at < len(text) and _joins(text[at]) and not text[at - 1].isspace():
            continue
        piece = unicodedata.normalize("NFC", text[first:at])
        pieces.append(piece)
        starts += [first] * len(piece)
        ends += [at] * len(piece)
        first = at
    return "".join(pieces), np.array(starts, np.int32), np.array(ends, np.int32)


def _joins(character: str) -> bool:
    """Whether a character may become one with what stands before it: a mark, or a vowel or end of a Hangul syllable."""
    return unicodedata.category(character)[0] == "M" or "\u1160" <= character <= "\u11ff"


def plain(laid: NDArray[Any]) -> str:
    """A piece of a layout to read: without its marks, white space as single spaces, cut characters left out."""
    return bytes(laid[laid != kernel.JOINED]).decode("utf-8", "ignore")
