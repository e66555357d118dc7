"""Which license a sentence of the page names, as footers do (`licensed under CC BY-SA 4.0`), in many languages.

A link to a license, or its short name, states the page's license only if the words around it speak of a license and
not of a picture; the words are handed on as evidence.
"""

import html
import re
from collections.abc import Iterator
from itertools import islice

from openbook.corpus.extract.pointers import equal_64, equal_letter_64, lowest_bit, pointer_bytes
from openbook.corpus.extract.scan import is_letter, is_space, kernel

_LINK = re.compile(
    rb"""<a\b[^>]{0,500}?href\s*=\s*["']?((?:https?:)?//(?:www\.)?(?:creativecommons\.org/(?:licenses|publicdomain)/|"""
    rb"""(?:www\.)?gnu\.org/(?:licenses|copyleft)/|opendatacommons\.org/licenses/|mozilla\.org/)[\w./-]{1,80})""",
    re.I,
)
_NAME = re.compile(
    rb"\bCC[ -]BY(?:-NC)?(?:-SA|-ND)?[ -][1-4]\.[0-9]\b|\bCC0(?:[ -]1\.0)?\b(?![\w-])|"
    rb"Creative Commons (?:Attribution|Namensnennung|Atribuci[^ <]{1,4}n|Attribuzione|Naamsvermelding|"
    rb"Atribui[^ <]{1,6}o|"
    rb"Uznanie autorstwa|Erk\xc3\xa4nnande|Nime\xc3\xa4)[^<>\n]{0,60}?[1-4]\.[0-9]"
)
_STATED = re.compile(
    rb"""<(?:a|link|span|div)\b(?=[^>]{0,800}\b(?:property|itemprop)\s*=\s*["']?(?:\w{1,12}:)?licen[sc]e\b)"""
    rb"""[^>]{0,800}?[\s"']href\s*=\s*["']([^"'>]{1,300})""",
    re.I,
)
"""RDFa and microdata: an element whose property is the license."""
_MAY_STATE = re.compile(rb"prop(?:erty)?\s{0,20}=\s{0,20}[\"']?(?:\w{1,12}:)?licen[sc]e")
_RESERVED = (
    b"rights reserved", b"rechte vorbehalten", b"droits r\xc3\xa9serv\xc3\xa9s", b"derechos reservados",
    b"direitos reservados", b"diritti riservati", b"diritti sono riservati",
)  # fmt: skip
_FOOTER = 1 << 14
"""Bytes at the end of a page in which `all rights reserved` is sought."""
MOST_PLACES = 64
"""Of a page in which a pattern is tried: more of them are no notices."""
_HOSTS = (b"creativecommons.org/", b"gnu.org/", b"opendatacommons.org/", b"mozilla.org/")
_NAMES = (b"CC BY", b"CC-BY", b"CC0", b"Creative Commons ")
"""What the patterns above cannot do without, quickly found: most pages have none of it."""
_WITH_HOST = (b"reative", b"CC", b"licenses/", b"copyleft/")
LICENSE, HOST, NAMED, RESERVES = 1, 2, 4, 8
"""Signs that the page holds what the patterns cannot do without: a property `licen`, a host above, a name above, a word
of reserving."""
_LA, _NU, _NS = (int.from_bytes(ending) for ending in (b"la", b"nu", b"ns"))
_BEFORE, _BEHIND = 1000, 400
"""Bytes around it in which the patterns look."""
_SAYS = re.compile(
    r"licen[csz]|lizen[zs]|licenc|licens|liċenzj|lisens|lisenss|litsents|άδεια|αδεια|лиценз|ліценз|ceadún|leyfi|"
    r"available under|"
    r"käyttölupa|käyttöoikeus",
    re.I,
)
_PICTURE = re.compile(
    r"\b(?:image|photo|picture|icon|logo|foto|bild|imagen|immagine|imagem|zdjęcie|obráz|kép|kuva|pilt|attēl|nuotrauk|slika|"
    r"снимк|фото|εικόνα|φωτογραφ|video|audio|font|map data|data ©)\w*",
    re.I,
)
_TAGS = re.compile(
    rb"<(?:script|style)\b.{0,5000}?</(?:script|style)\s*>|<[^>]{0,2000}>|<[^>]{0,600}$|^[^<>]{0,600}>", re.I | re.S
)
_BREAK = re.compile(rb"</?(?:p|div|li|footer|section|td|tr|h[1-6]|figure|article|ul|table|br)\b", re.I)
_AROUND = 300
MOST = 8
"""Of a page."""

_ELEMENTS = (
    (
        "NC",
        re.compile(
            r"non.?commer|nicht.?kommer|no.?comerc|não.?comerc|niet.?comm|"
            r"użycie niekomer|icke.?kommer|pas d.utilisation com",
            re.I,
        ),
    ),
    (
        "SA",
        re.compile(
            r"share.?alike|gleichen bedingungen|partage|compartirigual|condividi|"
            r"gelijkdelen|compartilha|na tych samych|dela ?lika",
            re.I,
        ),
    ),
    (
        "ND",
        re.compile(
            r"no.?deriv|keine bearbeit|pas de modif|sin.?obras?.?deriv|non opere|"
            r"geen ?afgeleide|sem derivaç|bez utworów|inga ?bearb",
            re.I,
        ),
    ),
)


def notices(raw: bytes, signs: int) -> list[tuple[str, str]]:
    """Signals `notice license` -> `<link or short name> in: <the sentence>`, `property license` -> link; `signs` as
    signs_of gives them."""
    found: list[tuple[str, str]] = []
    if signs & RESERVES:
        footer = raw[-_FOOTER:].lower()
        if any(words in footer for words in _RESERVED):
            found.append(("notice rights", "All rights reserved"))
    if signs & LICENSE and (b"property" in raw or b"itemprop" in raw):
        found += [("property license", html.unescape(link)) for link in _stated(raw)]
    if not signs & NAMED and not (signs & HOST and any(word in raw for word in _WITH_HOST)):
        return found
    for pattern, sign, marks in ((_LINK, HOST, _HOSTS), (_NAME, NAMED, _NAMES)):
        text = b"" if not signs & sign else raw.lower() if pattern is _LINK else raw
        for match in (match for start, end in around(text, marks) for match in pattern.finditer(raw, start, end)):
            sentence = _sentence(raw, match.start(), match.end())
            if _SAYS.search(sentence) and not _PICTURE.search(sentence):
                stated = match[1].decode("ascii", "replace") if pattern is _LINK else _short(match[0])
                found.append(("notice license", f"{stated} in: {sentence[:160]}"))
            if len(found) >= MOST:
                return list(dict.fromkeys(found))
    return list(dict.fromkeys(found))


def _stated(raw: bytes) -> list[str]:
    """Addresses of elements whose property is the license."""
    found: list[str] = []
    end = 0
    for place in islice(_MAY_STATE.finditer(raw.lower()), MOST_PLACES):
        start = max(end, place.start() - _BEFORE)  # a tag may begin long before its property
        match = _STATED.search(raw, start, place.end() + _BEFORE)
        if match:
            end = match.end()
            found.append(match[1].decode("utf-8", "replace"))
    return found[:MOST]


def around(text: bytes, marks: tuple[bytes, ...]) -> Iterator[tuple[int, int]]:
    """The stretches of the text in which one of the marks stands, in order; those that meet are one."""
    places: list[int] = []
    for mark in marks:
        at = text.find(mark)
        while at >= 0 and len(places) < MOST_PLACES:
            places.append(at)
            at = text.find(mark, at + 1)
    start = end = -1
    for at in sorted(places):
        if at - _BEFORE > end:
            if end > 0:
                yield start, end
            start = max(0, at - _BEFORE)
        end = at + _BEHIND
    if end > 0:
        yield start, end


@kernel
def is_value(raw: pointer_bytes, at: int) -> bool:
    """Whether `property=`, `itemprop=` or a like name seems to stand before the word at a place, with or without a
    prefix (`cc:`)."""
    least = max(at - 14, 0)
    at -= 1
    while at > least and (is_letter(raw[at]) or 48 <= raw[at] <= 58 or raw[at] == 95):
        at -= 1
    if at > 0 and (raw[at] == 34 or raw[at] == 39):
        at -= 1
    while at > 0 and is_space(raw[at]):
        at -= 1
    if at <= 0 or raw[at] != 61:
        return False
    at -= 1
    while at > 0 and is_space(raw[at]):
        at -= 1
    return raw[at] | 32 == 112 or raw[at] | 32 == 121


@kernel
def signs_of(raw: pointer_bytes, size: int) -> int:
    """LICENSE, HOST and NAMED as far as they may hold, 64 bytes at a time: most pages have none, and looking for each
    by itself takes as long as reading the page."""
    signs = 0
    for i in range(0, size, 64):
        licen = equal_letter_64(raw, i + 2, 99) & equal_letter_64(raw, i + 3, 101) & equal_letter_64(raw, i + 4, 110)
        if licen != 0:
            licen &= equal_letter_64(raw, i, 108) & equal_letter_64(raw, i + 1, 105)
        while licen != 0:
            if is_value(raw, i + lowest_bit(licen)):
                signs |= LICENSE
            licen &= licen - 1
        hosts = equal_letter_64(raw, i + 2, 103) & equal_64(raw, i + 3, 47)
        if hosts != 0:
            hosts &= equal_letter_64(raw, i, 111) & equal_letter_64(raw, i + 1, 114)
        while hosts != 0:
            at = i + lowest_bit(hosts)
            hosts &= hosts - 1
            if at > 2 and raw[at - 1] == 46:
                ending = (raw[at - 3] | 32) << 8 | raw[at - 2] | 32
                if ending == _LA or ending == _NU or ending == _NS:  # mozilla, gnu, commons
                    signs |= HOST
        reserving = equal_letter_64(raw, i + 3, 118) & equal_letter_64(raw, i + 2, 114)
        if reserving != 0:
            reserving &= equal_letter_64(raw, i + 1, 101) & equal_letter_64(raw, i, 115)
        while reserving != 0:  # reserv, riserv, réserv
            at = i + lowest_bit(reserving)
            reserving &= reserving - 1
            if at > 0 and (raw[at - 1] | 32 == 101 or raw[at - 1] | 32 == 105 or raw[at - 1] == 169):
                signs |= RESERVES
        forbehold = equal_letter_64(raw, i, 118) & equal_letter_64(raw, i + 3, 98)
        if forbehold != 0:
            forbehold &= equal_letter_64(raw, i + 1, 111) & equal_letter_64(raw, i + 2, 114)
            if forbehold & equal_letter_64(raw, i + 4, 101) != 0:  # vorbe
                signs |= RESERVES
        names = equal_64(raw, i, 67)
        if names != 0:
            names &= equal_64(raw, i + 1, 67) | equal_64(raw, i + 1, 114)
        while names != 0:
            at = i + lowest_bit(names)
            names &= names - 1
            if raw[at + 1] == 67:
                between = raw[at + 2] == 32 or raw[at + 2] == 45
                if raw[at + 2] == 48 or between and raw[at + 3] == 66 and raw[at + 4] == 89:
                    signs |= NAMED
            elif raw[at + 2] == 101 and raw[at + 8] == 32 and raw[at + 9] == 67:  # Creative C
                signs |= NAMED
    return signs


def _sentence(raw: bytes, start: int, end: int) -> str:
    """The text around a place, up to the edges of its block."""
    ahead, behind = raw[max(0, start - _AROUND) : start], raw[end : end + _AROUND]
    breaks = list(_BREAK.finditer(ahead))
    if breaks:
        ahead = ahead[breaks[-1].start() :]
    edge = _BREAK.search(behind)
    behind = behind[: edge.start()] if edge else behind
    text = _TAGS.sub(b" ", ahead + raw[start:end] + behind).decode("utf-8", "ignore")
    return " ".join(html.unescape(text).split())


def _short(name: bytes) -> str:
    """`CC BY-SA 4.0` from the short or the long name."""
    text = name.decode("utf-8", "replace")
    if not text.lower().startswith("creative"):
        return re.sub(r"^CC[ -]BY", "CC BY", text)
    parts = [short for short, pattern in _ELEMENTS if pattern.search(text)]
    return " ".join(["CC", "-".join(["BY", *parts]), text[-3:]])
