"""Whether a national number passes its state's check: one function a number, over it without separators.

Each returns False for what has another length or form; the peer that they agree with is in the tests.
"""

import datetime
import re
from collections.abc import Sequence

from openbook.corpus.checksums import luhn, mod_11_10, verhoeff


def _n(text: str, size: int) -> list[int]:
    """The digits, none where there are not as many as asked for."""
    return [ord(one) - 48 for one in text] if len(text) == size and text.isascii() and text.isdigit() else []


def _sum(number: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(number, weights, strict=False))


def _value(number: Sequence[int]) -> int:
    return int("".join(map(str, number)))


def _day(year: int, month: int, day: int) -> bool:
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True


def _some_day(two: int, month: int, day: int) -> bool:
    """A date whose century is not known."""
    return _day(1900 + two, month, day) or _day(2000 + two, month, day)


def _pairs(n: Sequence[int], *starts: int) -> tuple[int, ...]:
    return tuple(n[at] * 10 + n[at + 1] for at in starts)


def austrian(text: str) -> bool:
    """Sozialversicherungsnummer: the fourth digit checks the others."""
    n = _n(text, 10)
    return bool(n) and n[0] != 0 and _sum(n, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == n[3]


def belgian(text: str) -> bool:
    """Rijksregisternummer: two digits over the first nine, with a 2 before them for those born since 2000."""
    n = _n(text, 11)
    if not n:
        return False
    first, check = _value(n[:9]), n[9] * 10 + n[10]
    year, month, day = _pairs(n, 0, 2, 4)
    old, new = check == 97 - first % 97, check == 97 - (2_000_000_000 + first) % 97
    if month == 0 or day == 0:
        return (old or new) and month <= 12
    return (old and _day(1900 + year, month, day)) or (new and year < 40 and _day(2000 + year, month, day))


def bulgarian(text: str) -> bool:
    n = _n(text, 10)
    if not n:
        return False
    year, month, day = _pairs(n, 0, 2, 4)
    century = 2000 if month > 40 else 1800 if month > 20 else 1900
    return _day(century + year, month % 20, day) and _sum(n, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == n[9]


def czechoslovak(text: str) -> bool:
    """Rodné číslo of ten digits, Czech and Slovak, since 1954."""
    n = _n(text, 10)
    if not n:
        return False
    year, month, day = _pairs(n, 0, 2, 4)
    century = 1900 if year >= 54 else 2000
    month = month % 50 - (20 if month % 50 > 20 and century == 2000 else 0)
    return _day(century + year, month, day) and _value(n[:9]) % 11 % 10 == n[9]


def german(text: str) -> bool:
    """Steuer-Identifikationsnummer: of the first ten digits one stands twice or three times, no other does."""
    n = _n(text, 11)
    counts = sorted(n[:10].count(digit) for digit in set(n[:10]))
    return bool(n) and n[0] != 0 and counts[-1] in (2, 3) and set(counts[:-1]) == {1} and mod_11_10(n)


def danish(text: str) -> bool:
    """CPR: the date; the seventh digit tells the century."""
    n = _n(text, 10)
    if not n:
        return False
    day, month, year = _pairs(n, 0, 2, 4)
    old = n[6] <= 3 or (n[6] in (4, 9) and year >= 37)
    return _day((1900 if old else 1800 if 5 <= n[6] <= 8 and year >= 58 else 2000) + year, month, day)


def baltic(text: str) -> bool:
    """Isikukood and asmens kodas: Estonia and Lithuania."""
    n = _n(text, 11)
    if not n or not 1 <= n[0] <= 8:
        return False
    year, month, day = _pairs(n, 1, 3, 5)
    check = _sum(n, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if check == 10:
        check = _sum(n, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return check == n[10] and _day(1800 + (n[0] - 1) // 2 * 100 + year, month, day)


_SPANISH = "TRWAGMYFPDXBNJZSQVHLCKE"


def spanish(text: str) -> bool:
    """DNI and NIE: the letter is the number's remainder by 23."""
    number = text[:1].translate(str.maketrans("XYZ", "012")) + text[1:-1]
    return len(text) == 9 and number.isascii() and number.isdigit() and _SPANISH[int(number) % 23] == text[-1]


_FINNISH = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_FINNISH_CENTURIES = {"+": 1800, **dict.fromkeys("-YXWVU", 1900), **dict.fromkeys("ABCDEF", 2000)}


def finnish(text: str) -> bool:
    """Henkilötunnus, with its sign of the century."""
    if len(text) != 11 or text[6] not in _FINNISH_CENTURIES:
        return False
    n = _n(text[:6] + text[7:10], 9)
    if not n:
        return False
    day, month, year = _pairs(n, 0, 2, 4)
    return _day(_FINNISH_CENTURIES[text[6]] + year, month, day) and _FINNISH[_value(n) % 31] == text[10]


def french(text: str) -> bool:
    """NIR; for the departments of Corsica 2A counts as 19 and 2B as 18."""
    n = _n(text.replace("2A", "19", 1).replace("2B", "18", 1) if text[5:7] in ("2A", "2B") else text, 15)
    return bool(n) and n[0] in (1, 2) and 97 - _value(n[:13]) % 97 == n[13] * 10 + n[14]


def greek(text: str) -> bool:
    """AMKA: a date and the check digit of Luhn."""
    n = _n(text, 11)
    return bool(n) and _some_day(*reversed(_pairs(n, 0, 2, 4))) and luhn(n)


def croatian(text: str) -> bool:
    n = _n(text, 11)
    return bool(n) and mod_11_10(n)


def hungarian_personal(text: str) -> bool:
    """Személyi azonosító: weights rise for those born before 1997, fall since."""
    n = _n(text, 11)
    if not n or not 1 <= n[0] <= 8:
        return False
    year, month, day = _pairs(n, 1, 3, 5)
    rising = _sum(n, range(1, 11)) % 11 == n[10]
    falling = _sum(n, range(10, 0, -1)) % 11 == n[10]
    return _some_day(year, month, day) and (rising or falling)


def hungarian_tax(text: str) -> bool:
    """Adóazonosító jel."""
    n = _n(text, 10)
    return bool(n) and n[0] == 8 and _sum(n, range(1, 10)) % 11 == n[9]


def hungarian_social(text: str) -> bool:
    """TAJ."""
    n = _n(text, 9)
    return bool(n) and _sum(n, (3, 7, 3, 7, 3, 7, 3, 7)) % 10 == n[8]


def irish(text: str) -> bool:
    """PPS number: seven digits, a check letter, and since 2013 a second letter that counts."""
    found = re.fullmatch(r"(\d{7})([A-W])([A-IW]?)T?", text)
    if not found:
        return False
    extra = 9 * "WABCDEFGHI".index(found[3] or "W")
    return "WABCDEFGHIJKLMNOPQRSTUV"[(_sum(_n(found[1], 7), (8, 7, 6, 5, 4, 3, 2)) + extra) % 23] == found[2]


_ITALIAN = re.compile(r"[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPR-T][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]")
_ITALIAN_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (
            *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21),
            *(2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        ),
        strict=True,
    )
)


def italian(text: str) -> bool:
    """Codice fiscale: the sixteenth character; days of women are 40 higher."""
    if not _ITALIAN.fullmatch(text):
        return False
    plain = text.translate(str.maketrans("LMNPQRSTUV", "0123456789"))
    day = int(plain[9:11]) if plain[9:11].isdigit() else 0
    even = sum(int(c) if c.isdigit() else ord(c) - 65 for c in text[1:15:2])
    return 1 <= day % 40 <= 31 and chr(65 + (sum(_ITALIAN_ODD[c] for c in text[:15:2]) + even) % 26) == text[15]


def latvian(text: str) -> bool:
    """Personas kods; those that begin with 32, given out since 2017, have no check digit and no date."""
    n = _n(text, 11)
    if not n:
        return False
    day, month, year = _pairs(n, 0, 2, 4)
    check = (1101 - _sum(n, (1, 6, 3, 7, 9, 10, 5, 8, 4, 2))) % 11 % 10
    return day == 32 or (n[6] <= 2 and _day(1800 + n[6] * 100 + year, month, day) and check == n[10])


def luxembourgish(text: str) -> bool:
    """Matricule: the date, three digits, one by Luhn and one by Verhoeff, each over the first eleven."""
    n = _n(text, 13)
    return bool(n) and _day(_value(n[:4]) or 1, *_pairs(n, 4, 6)) and luhn(n[:12]) and verhoeff([*n[:11], n[12]])


def dutch(text: str) -> bool:
    """BSN: the eleven test."""
    n = _n(text, 9)
    return len(set(n)) > 1 and _sum(n, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def norwegian(text: str) -> bool:
    """Fødselsnummer; the day of a D-nummer is 40 higher, the month of other such numbers 40 or 80."""
    n = _n(text, 11)
    if not n:
        return False
    first = -_sum(n, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -_sum(n, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    day, month, year = _pairs(n, 0, 2, 4)
    return (first, second) == (n[9], n[10]) and _some_day(year, month % 40, day % 40)


def polish(text: str) -> bool:
    n = _n(text, 11)
    if not n:
        return False
    year, month, day = _pairs(n, 0, 2, 4)
    century = (1900, 2000, 2100, 2200, 1800)[month // 20]
    return _day(century + year, month % 20, day) and -_sum(n, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10 == n[10]


def portuguese(text: str) -> bool:
    """NIF of a natural person."""
    n = _n(text, 9)
    return bool(n) and n[0] in (1, 2, 3) and (11 - _sum(n, (9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 11 % 10 == n[8]


def romanian(text: str) -> bool:
    n = _n(text, 13)
    if not n or n[0] == 0:
        return False
    year, month, day = _pairs(n, 1, 3, 5)
    century = {1: 1900, 2: 1900, 3: 1800, 4: 1800, 5: 2000, 6: 2000}.get(n[0], 1900)
    county = n[7] * 10 + n[8]
    check = _sum(n, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11 % 10
    if _sum(n, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11 == 10:
        check = 1
    return _day(century + year, month, day) and (1 <= county <= 52 or county in (70, 80, 81, 82, 83)) and check == n[12]


def swedish(text: str) -> bool:
    """Personnummer; the day of a samordningsnummer is 60 higher."""
    n = _n(text.replace("-", "").replace("+", ""), 12)[2:] or _n(text.replace("-", "").replace("+", ""), 10)
    if not n:
        return False
    year, month, day = _pairs(n, 0, 2, 4)
    return _some_day(year, month, day - 60 if day > 60 else day) and luhn(n)


def yugoslav(text: str) -> bool:
    """EMŠO, JMBG, EMBG: Slovenia and the other successor states."""
    n = _n(text, 13)
    if not n:
        return False
    day, month, year = n[0] * 10 + n[1], n[2] * 10 + n[3], _value(n[4:7])
    check = -_sum(n, (7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11 % 10
    return n[4] in (9, 0) and _day(year + (1000 if n[4] else 2000), month, day) and check == n[12]


def british(text: str) -> bool:
    """NHS number."""
    n = _n(text, 10)
    return bool(n) and -_sum(n, (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11 == n[9]


def icelandic(text: str) -> bool:
    """Kennitala of a person."""
    n = _n(text, 10)
    if not n or n[9] not in (8, 9, 0):
        return False
    day, month, year = _pairs(n, 0, 2, 4)
    return _day((2000 if n[9] == 0 else 1000 + 100 * n[9]) + year, month, day) and (
        _sum(n, (3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0
    )


def swiss(text: str) -> bool:
    """AHV number: an EAN-13 that begins with 756."""
    n = _n(text, 13)
    return n[:3] == [7, 5, 6] and -_sum(n, (1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3)) % 10 == n[12]


def turkish(text: str) -> bool:
    n = _n(text, 11)
    if not n or n[0] == 0:
        return False
    tenth = (7 * sum(n[0:9:2]) - sum(n[1:8:2])) % 10
    return (tenth, sum(n[:10]) % 10) == (n[9], n[10])


def ukrainian(text: str) -> bool:
    """РНОКПП."""
    n = _n(text, 10)
    return bool(n) and _sum(n, (-1, 5, 7, 9, 4, 6, 10, 5, 7)) % 11 % 10 == n[9]
