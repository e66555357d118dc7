"""The documents of a release, made fit to stand inside another page: without links that would lead nowhere there."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from openbook.errors import OpenbookError
from openbook.release.documents import DOCUMENTS
from openbook.release.documents.texts import LANGUAGES

LARGEST = 4 << 20
"""Bytes of a document that is shown."""
_BAR = re.compile(r'<header class="bar">.*?</header>', re.DOTALL)
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_LINK = re.compile(r'(<a\b[^>]*?)\shref="[^"]*"')


@dataclass(frozen=True)
class Shown:
    name: str
    title: str
    html: str
    link: str
    """Where the file lies, seen from the page; empty where that is not beside or below it."""


def documents_of(release: Path, language: str, page: Path) -> list[Shown]:
    """The HTML documents of one language, as they lie in the release. Raises OpenbookError for a language it lacks."""
    folder = release / "documents" / language
    there = [code for code in LANGUAGES if (release / "documents" / code).is_dir()]
    if there and language not in there:
        raise OpenbookError(f"the documents of {release} are in {', '.join(there)}, not in {language!r}.")
    found = []
    for name in DOCUMENTS:
        path = folder / f"{name}.html"
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST:
            html = path.read_text(encoding="utf-8", errors="replace")
            title = _TITLE.search(html)
            said = title[1].split(" · ")[0].strip() if title else name
            found.append(Shown(name, said, within(html), link_to(path, page)))
    return found


def within(html: str) -> str:
    """The document without its own navigation; what a figure is made from stays in its title."""
    return _LINK.sub(r"\1", _BAR.sub("", html, count=1))


def link_to(path: Path, page: Path) -> str:
    """The relative address of a file, unless it would name folders above the page's own."""
    relative = os.path.relpath(path.resolve(), page.resolve().parent)
    return "" if relative.startswith("..") else relative.replace(os.sep, "/")


def links(release: Path, page: Path) -> Mapping[str, str]:
    """Other things to look at in the release: reports as they were made."""
    paths = sorted((release / "reports").glob("*.html"))
    return {path.stem: link_to(path, page) for path in paths if link_to(path, page)}
