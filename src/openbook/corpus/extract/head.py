"""What a page declares about itself: title, published date, language, rights signals, structured-data hints."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from openbook.corpus.directives import directive_names
from openbook.corpus.extract.dates import iso_date, url_date
from openbook.corpus.extract.linked_data import LinkedData
from openbook.corpus.extract.notices import HOST, around, notices
from openbook.corpus.extract.reader import SPAN_JSON, SPAN_TITLE
from openbook.corpus.extract.scan import type_ints

LONGEST_VALUE = 500

_ATTRIBUTE = re.compile(rb"""([^\s=/>"']+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""")
_TAG_NAME = re.compile(rb"<([a-zA-Z]+)")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|[0-9]{3}))?(?:$|[-_,;. @])")
_COMMONS = re.compile(rb"""https?://(?:www\.)?creativecommons\.org/(?:licenses|publicdomain)/[\w./-]{1,60}""")
_NO_LANGUAGE = frozenset({"und", "mul", "zxx", "mis", "xx"})
_OLD_LANGUAGE = {"iw": "he", "in": "id", "ji": "yi", "jp": "ja", "cz": "cs", "gr": "el", "dk": "da", "se": "sv"}

# Declared dates of publication, the surest first.
_DATES = (
    "article:published_time og:published_time og:article:published_time datepublished dcterms.issued dc.date.issued "
    "citation_publication_date citation_date parsely-pub-date sailthru.date article.published publishdate publish-date "
    "publish_date pubdate publication_date cxenseparse:recs:publishtime dc.date.created dcterms.created dcterms.date "
    "dc.date date date_published article_date_original datecreated"
).split()
_TITLES = ("og:title", "twitter:title", "dc.title", "dcterms.title", "citation_title")
_LANGUAGES = ("content-language", "og:locale", "dc.language", "dcterms.language", "language", "inlanguage")

_RIGHTS = frozenset(
    "tdm-policy tdm-license copyright rights license licence dc.rights dcterms.rights "
    "dcterms.license dc.license cc:license og:license dcterms.accessrights usageterms".split()
)


_NAMING = ("name", "property", "http-equiv", "itemprop")
_META_NAME = re.compile(
    rb"""[\s"'/](?:name|property|http-equiv|itemprop)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.I
)
_WANTED = frozenset([*_DATES, *_TITLES, *_LANGUAGES, *_RIGHTS])


def is_wanted(meta: bytes) -> bool:
    """Whether a meta element is one that is read; a look at its names, much quicker than reading all attributes."""
    return any(_is_name(double or single or bare) for double, single, bare in _META_NAME.findall(meta))


@lru_cache(4096)
def _is_name(value: bytes) -> bool:
    name = clean(value[:LONGEST_VALUE].decode("utf-8", "replace")).lower()
    return name in _WANTED or bool(directive_names(name))


def _said_of_rights(found: dict[str, str], name: str, content: str) -> Iterator[tuple[str, str]]:
    """Signals of a meta element: by each of its names that is one, also without a value."""
    if name in _RIGHTS and content:
        yield f"meta {name}", content
    value = content or clean(found.get("value", ""))
    for one in dict.fromkeys(found[by] for by in _NAMING if found.get(by)):
        for directive in directive_names(clean(one)):
            yield f"meta {directive}", value.lower()


@dataclass(slots=True)
class Head:
    title: str | None = None
    date: str | None = None
    language: str | None = None
    signals: list[tuple[str, str]] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    article_body: str | None = None


def clean(value: str) -> str:
    return " ".join((html.unescape(value) if "&" in value else value).split())[:LONGEST_VALUE]


def attributes(tag: bytes) -> dict[str, str]:
    """Attributes of a start tag, names in lower case; the first of a name counts."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(tag):
        found.setdefault(name.decode("ascii", "replace").lower(), (double or single or bare).decode("utf-8", "replace"))
    return found


def language_tag(value: str) -> str | None:
    """BCP 47 from what pages write (`de_DE`, `EN-us`, `sr-latn`, `fr, en`), None for anything that is no language."""
    found = _LANGUAGE.match(value.strip())
    if not found:
        return None
    language, script, region = found.groups()
    language = _OLD_LANGUAGE.get(language.lower(), language.lower())
    if language in _NO_LANGUAGE:
        return None
    return "-".join(filter(None, (language, script and script.title(), region and region.upper())))


def _first(values: dict[str, str], names: Sequence[str]) -> Iterator[str]:
    return (values[name] for name in names if values.get(name))


def read_head(raw: bytes, spans: type_ints, signs: int, url: str) -> Head:
    """`spans` as `reader.read` gives them, `signs` as `notices.signs_of` does."""
    head = Head()
    values: dict[str, str] = {}
    times: list[str] = []
    page_title = page_language = ""
    linked = LinkedData()
    for kind, start, end in spans.tolist():
        span = raw[start:end]
        if kind == SPAN_TITLE:
            page_title = clean(span.decode("utf-8", "replace"))
            continue
        if kind == SPAN_JSON:
            linked.add(span)
            continue
        name_found = _TAG_NAME.match(span)
        tag = name_found[1].lower() if name_found else b""
        if tag == b"meta" and not is_wanted(span):
            continue
        found = attributes(span)
        if tag == b"meta":
            name = next((found[by] for by in _NAMING if found.get(by)), "").strip().lower()
            content = clean(found.get("content", ""))
            if name and content:
                values.setdefault(name, content)
            head.signals += _said_of_rights(found, name, content)
        elif tag == b"html":
            page_language = page_language or found.get("lang") or found.get("xml:lang") or ""
        elif tag == b"time":
            moment = found.get("datetime") or found.get("content") or ""
            marked = "publish" in (found.get("itemprop", "") + found.get("class", "")).lower() or "pubdate" in found
            if moment:
                times.insert(0, moment) if marked else times.append(moment)
        elif "href" in found:
            relation = found.get("rel", "").lower().split()
            for wanted in ("license", "licence", "tdm-policy", "tdm-reservation"):
                if wanted in relation:
                    head.signals.append((f"rel={wanted}", clean(found["href"])))
    if signs & HOST:
        places = around(raw, (b"creativecommons.org/",))
        links = dict.fromkeys(link for start, end in places for link in _COMMONS.findall(raw, start, end))
        head.signals += [("link creativecommons", link.decode()) for link in links][:8]
    head.signals += [*linked.signals, *notices(raw, signs)]
    head.signals = list(dict.fromkeys(head.signals))
    head.title = next(_first(values, _TITLES), None) or linked.headline or page_title or None
    dates = [*_first(values, _DATES[:4]), *([linked.date] if linked.date else []), *_first(values, _DATES[4:]), *times]
    head.date = next(filter(None, map(iso_date, dates)), None) or url_date(url)
    languages = [page_language, *_first(values, _LANGUAGES), linked.language or ""]
    head.language = next(filter(None, map(language_tag, languages)), None)
    head.article_body = linked.body
    if "og:title" in values or "og:locale" in values:
        head.hints.append("og")
    if linked.seen:
        head.hints.append("json-ld")
    return head
