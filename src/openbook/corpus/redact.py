"""Which parts of a text are somebody's data: mail addresses, phones, machines, bank and identity numbers.

One alternation of google-re2 finds candidates in one pass, in time linear in the text; checks in Python decide. Each is
replaced by its kind in brackets; what is kept is the kind of each and where its placeholder stands, never a value.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from openbook.corpus import checksums, national_numbers, phones

KINDS = ("email", "phone", "ip", "iban", "card", "national_id")
PLACEHOLDERS = {kind: f"[{kind.upper().replace('_', '-')}]" for kind in KINDS}

_EXAMPLE_DOMAINS = ("example.com", "example.org", "example.net", "example.edu")
_EXAMPLE_ENDINGS = (".example", ".test", ".invalid", ".localhost", ".local")
_FILE_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".css", ".js")
"""An @ in the name of a picture (`logo@2x.png`) is no mail."""
_LOCAL = re.compile(r"(?:(?<![\w])[OD]['’])?[\w.%+&-]+$")
_LONGEST_LOCAL = 256
_DOMAIN = re.compile(r"@(?:[\w-]+\.)+[^\W\d_]{2,24}")

_AT = (
    r"at|ät|@|a|arobase|arroba|chiocciola|kukac|zavináč|zavinac|małpa|malpa|snabel-?a|krøllalfa|alfakrøll|apenstaartje|"
    r"afna|παπάκι|маймунско а|кльомба|собака|равлик|et|ett|ät-merkki|miukumauku|eta|manki"
)
_DOT = (
    r"dot|punkt|punto|punt|ponto|point|tečka|bodka|kropka|pont|piste|tačka|točka|punct|punkts|taškas|"
    r"крапка|τελεία|nokta"
)
_HIDDEN = re.compile(
    rf"[\[({{<] ?(?:{_AT}) ?[\])}}>] ?(?:[\w-]+(?:\.| ?[\[({{<] ?(?:\.|{_DOT}) ?[\])}}>] ?))+[^\W\d_]{{2,24}}", re.I
)
_VERSION_WORDS = re.compile(
    r"(?:\b(?:v|ver|vers|version\w*|versi\w*|versão|versión|versjon\w*|verze|verz\w+|verżjoni|versiu\w+|wersj\w+|inačic\w+|"
    r"izdanje|različic\w+|sürüm\w*|верси\w+|верзи\w+|версі\w+|έκδοση\w*|leagan|release|build|firmware|driver|update|"
    r"section|chapter|§|rfc|oid|asn)|[Vv])[ .:#]{0,3}$",
    re.I,
)
_VERSION_BEHIND = re.compile(r"[ -](?:version|verzió\w*|versio\w*|release|build|sürüm\w*|update)\b", re.I)

_W = r"[0-9A-Za-z\x{80}-\x{10ffff}]"
"""A letter or digit, or anything beyond ASCII: a small automaton; what is no letter is cut off afterward."""
_S = r"[ \x{a0}\x{202f}]"
_PATTERN = (
    rf"(?P<email>@{_W}(?:(?:{_W}|[.\-])*{_W})?\.[A-Za-z\x{{80}}-\x{{10ffff}}]{{2,24}})"
    rf"|(?P<hidden>[\[({{<] ?[^ \])}}>\n][^\])}}>\n]{{0,40}}[\])}}>] ?"
    rf"(?:(?:{_W}|-)+(?:\.| ?[\[({{<] ?[^ \])}}>\n]{{1,20}} ?[\])}}>] ?))+"
    r"[A-Za-z\x{80}-\x{10ffff}]{2,24})"
    rf"|(?P<iban>\b[A-Z]{{2}}[0-9]{{2}}(?:{_S}?[A-Z0-9]{{4}}){{2,7}}(?:{_S}?[A-Z0-9]{{1,3}})?\b)"
    r"|(?P<lettered>\b[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPR-T][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]\b"
    r"|\b[0-9]{6}[A-FU-Y+\-][0-9]{3}[0-9A-FHJ-NPR-Y]\b"
    r"|\b(?:[0-9]{8}|[XYZ][0-9]{7})-?[A-HJ-NP-TV-Z]\b"
    r"|\b[0-9]{7}[A-W][A-IW]?\b)"
    r"|(?P<ip>\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b|\b(?:[0-9A-Fa-f]{1,4}:){1,7}(?::?[0-9A-Fa-f]{1,4}){1,7}\b)"
    rf"|(?P<number>(?:\(?\+|\(|\b)[0-9](?:{_S}?[()./\-]?{_S}?[0-9]){{5,22}}(?:[A-Z]\b)?)"
)
_GAP = r"[^\w\n]{1,3}(?:[^\W\d_][^\n0-9,;+(]{0,24})?$"
"""Between a word and its number: a mark, a space, perhaps a word or two."""
_CONTEXT = 64
_GROUPS = re.compile(rb"[0-9]+")
_INSIDE = re.compile(r"\d[^\w\n]{0,2}$")
"""What stands before a piece of a longer number."""
_FRACTION = re.compile(r"\d[.,]$")
_OF_ADDRESSES = ("/", "_", "=", "#", "&")
"""A number behind one of these is part of a path."""


@dataclass(frozen=True, slots=True)
class Span:
    kind: str
    start: int
    end: int
    """Characters (Unicode code points) of the text that it is of, the end not included."""


def _email(domain: str) -> bool:
    domain = domain.lower()
    return not (
        domain in _EXAMPLE_DOMAINS
        or domain.endswith((*_EXAMPLE_ENDINGS, *_FILE_ENDINGS))
        or any(domain.endswith("." + one) for one in _EXAMPLE_DOMAINS)
        or ".." in domain
    )


def _before(data: bytes, at: int, size: int) -> str:
    return data[max(0, at - size) : at].decode("utf-8", "ignore")


def _mail_start(data: bytes, at: int) -> int | None:
    """Where the part before the @ begins."""
    found = _LOCAL.search(_before(data, at, _LONGEST_LOCAL))
    local = found[0].lstrip(".%+-&") if found else ""
    return at - len(local.encode()) if local else None


def _machine(data: bytes, start: int, end: int, text: str) -> bool:
    """A public address, and no version, section or longer run of numbers."""
    if data[start - 1 : start] in (b".", b":") or (data[end : end + 1] == b"." and data[end + 1 : end + 2].isdigit()):
        return False
    try:
        if not ipaddress.ip_address(text).is_global:
            return False
    except ValueError:
        return False
    if ":" in text:
        return True
    ahead, behind = _before(data, start, 48), data[end : end + 32].decode("utf-8", "ignore")
    small = all(int(part) <= 30 for part in text.split("."))
    heading = small and ahead.rpartition("\n")[2].strip() == "" and behind.startswith((" ", "\t"))
    return not (heading or _VERSION_WORDS.search(ahead) or _VERSION_BEHIND.match(behind))


def _cuts(text: str) -> Iterable[str]:
    """The text, then shorter by a group of digits at a time: a pattern may have taken a neighbor with it."""
    yield text
    for at in range(len(text) - 1, 0, -1):
        if not text[at].isalnum() and text[at - 1].isalnum():
            yield text[:at]


def _longest(text: str, test: Callable[[str], bool]) -> int | None:
    """Length, in bytes, of the longest beginning that passes."""
    return next((len(cut.encode()) for cut in _cuts(text) if test(cut)), None)


@cache
def _announcing(words: str) -> re.Pattern[str]:
    """Finds, at the end of a text in lower case, words behind which a number is expected."""
    return re.compile(rf"(?<!\w)(?P<words>{words}){_GAP}")


def _mail(data: bytes, group: str, start: int, text: str) -> tuple[str, int, int] | None:
    if group == "hidden":
        found = _HIDDEN.match(text)
        start -= data[start - 1 : start] == b" "
        skipped = data[start : start + 1] == b" "
    else:
        found, skipped = _DOMAIN.match(text), False
    if not found or (group == "email" and not _email(found[0][1:])):
        return None
    begin = _mail_start(data, start)
    return ("email", begin, start + skipped + len(found[0].encode())) if begin is not None else None


def _number(data: bytes, start: int, text: str, language: str | None) -> tuple[str, int, int] | None:
    """What a run of digits is: by the words before it, by its sign, or by itself."""
    ahead = _before(data, start, _CONTEXT).lower()
    told = _announcing(national_numbers.WORDS).search(ahead)
    bare = text.lstrip("(") if ")" not in text else text
    start += len(text) - len(bare)
    if told:
        words = told["words"]
        if size := _longest(bare, lambda cut: national_numbers.announced(words, cut)):
            return "national_id", start, start + size
    if bare.lstrip("(").startswith(("+", "00")):
        inside = data[max(0, start - 2) : start].strip()[-1:].isdigit()  # the middle of a longer number
        size = None if inside and bare[0] == "0" else _longest(bare, phones.international)
        return ("phone", start, start + size) if size else None
    called = _announcing(phones.WORDS).search(ahead)
    if called and (size := _longest(bare, phones.announced)):
        return "phone", start, start + size
    if _FRACTION.search(ahead):
        return None
    several = len(set(checksums.digits(bare))) > 1
    if several and (size := _longest(bare, lambda cut: cut[-1].isdigit() and checksums.card(cut))):
        return "card", start, start + size
    if size := _longest(bare, lambda cut: national_numbers.alone(cut, language)):
        return "national_id", start, start + size
    if _INSIDE.search(ahead) or ahead.endswith(_OF_ADDRESSES):
        return None
    trunk = bare[:2] == "(0" or (bare[0] == "0" and not bare.isdigit())
    if (trunk or _announcing(phones.VERBS).search(ahead)) and (
        size := _longest(bare, lambda cut: phones.national(cut, language))
    ):
        return "phone", start, start + size
    return None


def _lettered(data: bytes, start: int, end: int, text: str, language: str | None) -> tuple[str, int, int] | None:
    if national_numbers.alone(text, language):
        return "national_id", start, end
    told = _announcing(national_numbers.WORDS).search(_before(data, start, _CONTEXT).lower())
    if told and national_numbers.announced(told["words"], text):
        return "national_id", start, end
    return _number(data, start, text, language) if text[-1].isdigit() else None


@cache
def _compiled() -> tuple[Any, dict[int, str]]:
    """The pattern, and the names of its groups by their numbers."""
    import re2

    pattern = re2.compile(_PATTERN)
    return pattern, {number: name for name, number in pattern.groupindex.items()}


def _span(data: bytes, group: str, start: int, end: int, language: str | None) -> tuple[str, int, int] | None:
    """Kind and place, in bytes, of what a candidate turns out to be."""
    text = data[start:end].decode("utf-8", "replace")
    if group in ("email", "hidden"):
        return _mail(data, group, start, text)
    if group == "iban":
        size = _longest(text, checksums.iban)
        return ("iban", start, start + size) if size else None
    if group == "ip":
        return ("ip", start, end) if _machine(data, start, end, text) else None
    if group == "lettered":
        return _lettered(data, start, end, text, language)
    return _number(data, start, text, language)


def _is_row(candidate: bytes) -> bool:
    """A row of many short numbers, as in a table: not looked at again from each of them."""
    return len(_GROUPS.findall(candidate)) > 6


MOST = 20_000
"""Places in a text: one with more is a list of persons, and takes a worker's memory."""


class TooManyError(Exception):
    """The text holds more than `MOST` places of personal data."""


def _found(data: bytes, kinds: Iterable[str], language: str | None) -> list[tuple[str, int, int]]:
    """(kind, start, end) in bytes of the UTF-8 text, in order, none inside another."""
    wanted = frozenset(kinds)
    found: list[tuple[str, int, int]] = []
    position, (pattern, names) = 0, _compiled()
    while match := pattern.search(data, position):
        group = names[match.lastindex]
        start, end = match.span()
        span = _span(data, group, start, end, language)
        if span and span[0] in wanted and (not found or span[1] >= found[-1][2]):
            if len(found) == MOST:
                raise TooManyError(f"more than {MOST:,} places of personal data")
            found.append(span)
            position = span[2]
        else:
            position = end if group == "email" or _is_row(data[start:end]) else start + 1
            # A candidate that failed may hide another one inside: look again from the next word on.
            while 0 < position < end and (data[position - 1 : position].isalnum() or data[position - 1] >= 0x80):
                position += 1
    return found


def redact(text: str, kinds: Iterable[str] = KINDS, language: str | None = None) -> tuple[str, list[Span]]:
    """The text with placeholders, and where those stand in it.

    `language`: code of the table; how its countries write their numbers is looked for as well. Raises TooManyError.
    """
    data = text.encode()
    found = _found(data, kinds, language)
    if not found:
        return text, []
    parts: list[str] = []
    spans: list[Span] = []
    position = length = 0
    for kind, start, end in found:
        between = data[position:start].decode()
        parts += [between, PLACEHOLDERS[kind]]
        length += len(between)
        spans.append(Span(kind, length, length + len(PLACEHOLDERS[kind])))
        length, position = spans[-1].end, end
    return "".join([*parts, data[position:].decode()]), spans


def find(text: str, kinds: Iterable[str] = KINDS, language: str | None = None) -> list[Span]:
    """Where the personal data stands in a text that still holds it."""
    data = text.encode()
    return [
        Span(kind, len(data[:start].decode()), len(data[:end].decode()))
        for kind, start, end in _found(data, kinds, language)
    ]


def counts(spans: Sequence[Span]) -> dict[str, int]:
    """How many of each kind; kinds that there are none of are left out."""
    return {kind: number for kind in KINDS if (number := sum(one.kind == kind for one in spans))}
