"""Which license a sentence of the page names, as footers do (`licensed under CC BY-SA 4.0`), in many languages.

A link to a license, or its short name, states the page's license only if the words around it speak of a license and
not of a picture; the words are handed on as evidence.
"""

import html
import re
from collections.abc import Iterator
from itertools import islice

import numpy as np

from openbook.corpus.extract.scan import kernel, type_bytes

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
_EMPTY = re.compile(
    rb"""<meta\b(?=[^>]{0,300}\bcontent\s{0,20}=\s{0,20}(?:""|''|["']\s{1,20}["']|[\s/]{0,20}>))[^>]{0,300}tdm-reservation""",
    re.I,
)
"""A reservation without a value, which says neither yes nor no."""
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
_LICENSE, _COMMONS, _HOST, _NAMED, _RESERVES = 1, 2, 4, 8, 16
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


def notices(raw: bytes) -> list[tuple[str, str]]:
    """Signals `notice license` -> `<link or short name> in: <the sentence>`, `property license` -> link."""
    found: list[tuple[str, str]] = []
    signs = _signs(np.frombuffer(raw, np.uint8))
    if signs & _RESERVES:
        if (b"tdm-reservation" in raw or b"TDM-Reservation" in raw) and _EMPTY.search(raw):
            found.append(("meta tdm-reservation", ""))
        footer = raw[-_FOOTER:].lower()
        if any(words in footer for words in _RESERVED):
            found.append(("notice rights", "All rights reserved"))
    if signs & _LICENSE and (b"property" in raw or b"itemprop" in raw):
        found += [("property license", html.unescape(link)) for link in _stated(raw)]
    if not signs & _COMMONS or not signs & (_HOST | _NAMED):
        return found
    if b"reative" not in raw and b"CC" not in raw and b"licenses/" not in raw and b"copyleft/" not in raw:
        return found
    for pattern, sign, marks in ((_LINK, _HOST, _HOSTS), (_NAME, _NAMED, _NAMES)):
        text = b"" if not signs & sign else raw.lower() if pattern is _LINK else raw
        for match in (match for start, end in _around(text, marks) for match in pattern.finditer(raw, start, end)):
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


def _around(text: bytes, marks: tuple[bytes, ...]) -> Iterator[tuple[int, int]]:
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
def _signs(raw: type_bytes) -> int:
    """Which of the words without which there is no notice stand in the page, in any case. In one pass, by their c, g
    and v: most pages have none of them, and looking for each by itself takes as long as reading the page."""
    signs = 0
    for i in range(1, raw.size - 2):
        letter = raw[i] | 32
        if letter == 99:
            before, behind = raw[i - 1] | 32, raw[i + 1] | 32
            if (
                behind == 101 and before == 105 and i > 2 and (raw[i - 2] | 32) == 108 and (raw[i + 2] | 32) == 110
            ):  # licen
                signs |= _LICENSE | _COMMONS
            elif behind == 114 or behind == 111:  # cr(eative), co(pyleft, mmons)
                signs |= _COMMONS
                if i + 8 < raw.size and behind == 114 and (raw[i + 2] | 32) == 101 and raw[i + 8] == 32:
                    signs |= _NAMED
            elif before == 99:
                signs |= _COMMONS
                if raw[i + 1] == 32 or raw[i + 1] == 45 or raw[i + 1] == 48:
                    signs |= _NAMED
        elif letter == 103 and raw[i + 1] == 47 and i > 5 and (raw[i - 1] | 32) == 114 and (raw[i - 2] | 32) == 111:
            ending = (raw[i - 5] | 32) << 8 | raw[i - 4] | 32
            if raw[i - 3] == 46 and (ending == _LA or ending == _NU or ending == _NS):  # mozilla, gnu, commons
                signs |= _HOST
        elif letter == 118 and i > 3 and i + 4 < raw.size:
            behind, after = raw[i + 1] | 32, raw[i + 2] | 32
            if raw[i - 1] | 32 == 114 and raw[i - 2] | 32 == 101 and raw[i - 3] | 32 == 115:  # serv
                first = raw[i - 4] | 32
                if first == 101 or first == 105 or first == 169:  # reserv, riserv, réserv
                    signs |= _RESERVES
            elif behind == 111 and after == 114 and raw[i + 3] | 32 == 98 and raw[i + 4] | 32 == 101:  # vorbe
                signs |= _RESERVES
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
