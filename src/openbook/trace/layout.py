"""A text laid out for comparison, with each of its words and where it stands in the text as it was given."""

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
    """Characters that UTF-8 cannot hold count as question marks."""
    points = np.frombuffer(text.encode("utf-32-le", "replace"), np.dtype("<u4"))
    out = np.empty(5 * len(points) + 1, np.uint8)
    words = np.empty((len(points) + 1, 4), np.int32)
    size, count = kernel.lay_out(points, classes(), out, words)
    return Layout(text, out[:size].copy(), words[:count].copy())


def plain(laid: NDArray[Any]) -> str:
    """A piece of a layout to read: without its marks, white space as single spaces, cut characters left out."""
    return bytes(laid[laid != kernel.JOINED]).decode("utf-8", "ignore")
