"""What kind of character is this: one table over code points, for every script, made from the Unicode character data.

The statistics' kernel reads it in place of Python's string methods, so that no rule knows a language or an alphabet.
"""

import sys
import unicodedata
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TABLES = "characters.npz"
"""Written by `python -m openbook.corpus.characters PATH`, with Python 3.11: Unicode 14."""

WORD, ALPHA, DIGIT, SPACE, TERMINAL, JOINER, SINGLE, QUAD = (1 << bit for bit in range(8))
"""WORD: letter, mark or number. JOINER: stands inside a word (hyphen, apostrophe). SINGLE: a word by itself (Han,
kana, Yi). QUAD: of scripts without spaces whose words only a dictionary knows (Thai, Lao, Burmese, Khmer, Tai Le, Tai
Lue, Tai Tham, Balinese, Javanese): four are one."""

TABLE_SIZE = 0x20000
"""Planes 0 and 1. Code points above are ideographs up to U+3FFFF, symbols beyond."""

TERMINAL_MARKS = ".!?…։؟۔؞।॥။።፧፨។៕᙮᠃᠉‼‽⁇⁈⁉。﹒﹖﹗！．？｡⸮჻՞՜᱾᱿꯫᥄᥅꧉܀܁܂\u037e"
GREEK_QUESTION_MARK = ";"
"""Ends a sentence behind a Greek letter: what NFC makes of U+037E, and what Greeks type."""
GREEK = ((0x0370, 0x03FF), (0x1F00, 0x1FFF))
WIDE_TERMINAL_MARKS = "。！？｡"
"""End a sentence without a space after them."""
CLOSERS = "\"'”’“»«›‹)]}"
"""May stand between the mark that ends a sentence and the end of the line."""
JOINERS = "'’-‐‑·\u00ad\u200c\u200d"
NUMBER_JOINERS = ".,:"
"""Join digits only: 3.14, 12:30."""
BULLETS = "•-*‣◦▪●–"
ELLIPSIS = "…"

_SINGLE = (
    *((0x3005, 0x3007), (0x3041, 0x30FF), (0x3105, 0x312F), (0x31A0, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF)),
    *((0x4E00, 0x9FFF), (0xA000, 0xA48F), (0xF900, 0xFAFF), (0xFF66, 0xFF9D), (0x1B000, 0x1B16F)),
)
_QUAD = (
    *((0x0E01, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0x1B00, 0x1B7F)),
    *((0xA980, 0xA9DF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F)),
)


def classify(character: str) -> int:
    """The bits of one character."""
    point, category = ord(character), unicodedata.category(character)
    bits = 0
    if category[0] in "LMN":
        bits |= WORD
        if any(first <= point <= last for first, last in _SINGLE):
            bits |= SINGLE
        if any(first <= point <= last for first, last in _QUAD):
            bits |= QUAD
    if category[0] == "L":
        bits |= ALPHA
    if category[0] == "N":
        bits |= DIGIT
    if character.isspace() or category in ("Cc", "Zs", "Zl", "Zp"):
        bits |= SPACE
    if character in TERMINAL_MARKS:
        bits |= TERMINAL
    if character in JOINERS:
        bits |= JOINER
    return bits


@cache
def classes() -> NDArray[np.uint8]:
    """Bits of each code point below TABLE_SIZE."""
    return _shipped()[0]


@cache
def lower() -> NDArray[np.int32]:
    """Simple lower case of each code point below TABLE_SIZE: the first code point of its lower case."""
    return _shipped()[1]


@cache
def _shipped() -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Both from the package: made anew they take a second of each process, and would follow its Python."""
    with files("openbook.corpus").joinpath(TABLES).open("rb") as file, np.load(file) as tables:
        return tables["classes"], np.arange(TABLE_SIZE, dtype=np.int32) + tables["lower"]


def derive() -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Both tables as this Python's character data have them."""
    bits, small = np.zeros(TABLE_SIZE, np.uint8), np.arange(TABLE_SIZE, dtype=np.int32)
    for point in range(TABLE_SIZE):
        character = chr(point)
        bits[point] = classify(character)
        if character.isupper() or character.istitle():
            small[point] = ord(character.lower()[0])
    return bits, small


def fold(text: str) -> str:
    """Lower case as the kernel makes it: one code point for one."""
    table = lower()
    return "".join(chr(table[ord(c)]) if ord(c) < TABLE_SIZE else c for c in text)


def write(path: Path) -> None:
    """The package's data; `lower` as what is added to a code point."""
    bits, small = derive()
    with path.open("wb") as file:
        np.savez_compressed(file, classes=bits, lower=small - np.arange(TABLE_SIZE, dtype=np.int32))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
