"""Body of one page in, main text and declarations out. Never raises for bad input: `error` says what was wrong."""

import re
from dataclasses import dataclass

import numpy as np

from openbook.corpus.extract.choose import ENOUGH
from openbook.corpus.extract.decode import MOST_BYTES, to_utf8
from openbook.corpus.extract.forest import judge
from openbook.corpus.extract.head import read_head
from openbook.corpus.extract.main_text import HAS_ARTICLE, HAS_ARTICLE_BODY, HAS_MAIN, Page, main_text
from openbook.corpus.extract.reader import CONVENTIONS
from openbook.corpus.extract.render import finish, plain

_BINARY = {
    b"%PDF-": "a PDF",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "gzip data",
}
_STRUCTURE = {HAS_ARTICLE: "article", HAS_MAIN: "main", HAS_ARTICLE_BODY: "itemprop articleBody"}
MOST_SCRIPTS = 100
_WRAPPED = re.compile(rb"<script\b[^>]{0,200}text/(?:x-)?template[^>]{0,200}>(.{0,1000000}?)</script\s*>", re.I | re.S)
_BLANK_LINE = re.compile(rb"\n[ \t\r]*\n\s*")
_SET_ASIDE = re.compile(rb"<(/?)(?:noscript|template)\b", re.I)
_MARKUP = re.compile(r"<(?:p|br|div|h\d|li)\b[^>]*>", re.I)


@dataclass(frozen=True, slots=True)
class Extracted:
    """`date` is an ISO day, `language` a BCP 47 tag, both as declared; `signals`: (where, value) pairs about rights."""

    text: str
    title: str | None = None
    date: str | None = None
    language: str | None = None
    hints: tuple[str, ...] = ()
    signals: tuple[tuple[str, str], ...] = ()
    error: str | None = None


def read_again(raw: bytes) -> bytes:
    """The page with what it sets aside for browsers without scripts, or for its own scripts, put in place."""
    if raw.count(b"<script") <= MOST_SCRIPTS:
        raw = _WRAPPED.sub(rb"\1", raw)
    return _SET_ASIDE.sub(rb"<\1div", raw)


def body_text(body: str) -> str:
    """The articleBody of JSON-LD as paragraphs."""
    lines = (plain(" ".join(line.split())) for line in _MARKUP.sub("\n", body).splitlines())
    return "\n\n".join(line for line in lines if line)


def read_page(raw: bytes) -> Page:
    trees = judge()
    return main_text(np.frombuffer(raw, np.uint8), CONVENTIONS, trees.first.trees, trees.second.trees)


def extract(body: bytes, charset: str | None = None, url: str = "") -> Extracted:
    """Main text and declarations of an HTML page; `charset` is the one of its HTTP header, if any.

    Time and memory are linear in the first MOST_BYTES of the body; what lies behind is not read (hint `cut`)."""
    if not body.strip(b" \t\r\n\x00"):
        return Extracted("", error="the page is empty")
    for start, what in _BINARY.items():
        if body.startswith(start):
            return Extracted("", error=f"the page is {what}, not HTML")
    raw = to_utf8(body, charset)
    if b"<" not in raw:
        raw = _BLANK_LINE.sub(b"<p>", raw)
    page = read_page(raw)
    head = read_head(raw, page.spans, page.signs, url)
    if page.running < ENOUGH and (b"noscript" in raw or b"template" in raw):
        page = read_page(read_again(raw))
    hints = head.hints + [name for bit, name in _STRUCTURE.items() if page.structure & bit]
    text = finish(page.text, page.references)
    if head.article_body and len(head.article_body) > max(2 * len(text), ENOUGH):
        text = body_text(head.article_body)
        hints.append("json-ld articleBody")
    if len(body) > MOST_BYTES:
        hints.append("cut")
    error = None if text else "the page holds no text"
    return Extracted(text, head.title, head.date, head.language, tuple(hints), tuple(head.signals), error)
