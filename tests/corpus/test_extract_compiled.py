"""What the compiled passes do 64 bytes at a time is right wherever in those 64 a thing stands, and as Python has it."""

import html
from html.entities import name2codepoint
from itertools import product

import numpy as np
import pytest

from openbook.corpus.extract import extract
from openbook.corpus.extract.decode import is_utf8
from openbook.corpus.extract.render import plain

from .extraction_pages import PARAGRAPHS, site

EDGES = bytes.fromhex("41 7f 80 8f 90 9f a0 bf c1 c2 df e0 e1 ed ef f0 f4 f5")
ODD = ["R&D", "AT&T;", "&copy2020", "&notit;", "&amp;lt;", "a & b", "&&amp;", "&#38;#65;", "&#34;x", "&#", "&;", "x&lt"]


def decodes(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("ahead", [0, 61, 64])
def test_what_is_utf_8_is_what_python_decodes(ahead: int) -> None:
    for size in (1, 2, 3, 4):
        for bytes_ in product(EDGES, repeat=size):
            body = b"a" * ahead + bytes(bytes_)
            if is_utf8(np.frombuffer(body, np.uint8)) != decodes(body):
                pytest.fail(f"{body!r} is {'' if decodes(body) else 'not '}UTF-8")


def test_named_references_are_decoded_as_python_does() -> None:
    for name in name2codepoint:
        if name not in ("nbsp", "shy"):  # white space and hyphens are folded before
            assert extract(f"<p>one&{name};two</p>".encode()).text == plain(f"one&{name};two"), name


@pytest.mark.parametrize("text", ODD)
def test_odd_references_are_decoded_as_python_does(text: str) -> None:
    assert extract(f"<p>one {text}</p>".encode()).text == f"one {html.unescape(text)}"


@pytest.mark.parametrize("language", ["el", "mt", "ja"])
def test_a_page_reads_the_same_wherever_its_bytes_stand(language: str) -> None:
    words = PARAGRAPHS[language]
    body = f"<h1>Title &amp; more</h1><p class='lead intro'>{words}\n\t {words}</p><script>if (a </b) 'x'</script>"
    page = site(f"{body}<!-- a -- b --><p>{words} The&nbsp;end.</p>", language=language)
    text = extract(page.encode()).text
    assert "Title & more" in text and "The end." in text
    for shift in range(1, 66):
        assert extract((" " * shift + page).encode()).text == text


def test_a_license_is_found_wherever_its_bytes_stand() -> None:
    link = '<a href="https://creativecommons.org/licenses/by/4.0/">licensed under CC BY 4.0</a>'
    page = f"<html><body><p>{PARAGRAPHS['mt']}</p><footer><p>{link}</p></footer>"
    signals = extract(page.encode()).signals
    assert {kind for kind, _ in signals} == {"link creativecommons", "notice license"}
    for shift in range(1, 66):
        assert extract((" " * shift + page).encode()).signals == signals
