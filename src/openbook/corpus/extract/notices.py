"""Which license a sentence of the page names, as footers do (`licensed under CC BY-SA 4.0`), in many languages.

A link to a license, or its short name, states the page's license only if the words around it speak of a license and
not of a picture; the words are handed on as evidence.
"""

import html
import re

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
_MAY_STATE = re.compile(rb"prop(?:erty)?\s*=\s*[\"']?(?:\w{1,12}:)?licen[sc]e")
_HOSTS = (b"creativecommons.org/", b"gnu.org/", b"opendatacommons.org/", b"mozilla.org/")
_NAMES = (b"CC BY", b"CC-BY", b"CC0", b"Creative Commons ")
"""What the patterns above cannot do without, quickly found: most pages have none of it."""
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
    low = raw.lower()
    if (b"property" in raw or b"itemprop" in raw) and _MAY_STATE.search(low):
        links = [match[1].decode("utf-8", "replace") for match in _STATED.finditer(raw)]
        found += [("property license", html.unescape(link)) for link in links[:MOST]]
    if b"reative" not in raw and b"CC" not in raw and b"licenses/" not in raw and b"copyleft/" not in raw:
        return found
    linked, named = any(host in low for host in _HOSTS), any(name in raw for name in _NAMES)
    for pattern in (*((_LINK,) if linked else ()), *((_NAME,) if named else ())):
        for match in pattern.finditer(raw):
            sentence = _sentence(raw, match.start(), match.end())
            if _SAYS.search(sentence) and not _PICTURE.search(sentence):
                stated = match[1].decode("ascii", "replace") if pattern is _LINK else _short(match[0])
                found.append(("notice license", f"{stated} in: {sentence[:160]}"))
            if len(found) >= MOST:
                return list(dict.fromkeys(found))
    return list(dict.fromkeys(found))


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
