"""Whether a national number without a date of birth passes its state's check: one function a number.

Each takes the number without separators and returns False for what has another length or form.
"""

import re

from openbook.corpus.checksums import mod_11_10
from openbook.corpus.national_digits import digits_of, value, weighted


def austrian(text: str) -> bool:
    """Sozialversicherungsnummer: the fourth digit checks the others."""
    n = digits_of(text, 10)
    return bool(n) and n[0] != 0 and weighted(n, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == n[3]


def german(text: str) -> bool:
    """Steuer-Identifikationsnummer: of the first ten digits one stands twice or three times, no other does."""
    n = digits_of(text, 11)
    counts = sorted(n[:10].count(digit) for digit in set(n[:10]))
    return bool(n) and n[0] != 0 and counts[-1] in (2, 3) and set(counts[:-1]) == {1} and mod_11_10(n)


_SPANISH = "TRWAGMYFPDXBNJZSQVHLCKE"


def spanish(text: str) -> bool:
    """DNI and NIE: the letter is the number's remainder by 23."""
    number = text[:1].translate(str.maketrans("XYZ", "012")) + text[1:-1]
    return len(text) == 9 and number.isascii() and number.isdigit() and _SPANISH[int(number) % 23] == text[-1]


def french(text: str) -> bool:
    """NIR; for the departments of Corsica 2A counts as 19 and 2B as 18."""
    n = digits_of(text.replace("2A", "19", 1).replace("2B", "18", 1) if text[5:7] in ("2A", "2B") else text, 15)
    return bool(n) and n[0] in (1, 2) and 97 - value(n[:13]) % 97 == n[13] * 10 + n[14]


def croatian(text: str) -> bool:
    """OIB."""
    n = digits_of(text, 11)
    return bool(n) and mod_11_10(n)


def hungarian_tax(text: str) -> bool:
    """Adóazonosító jel."""
    n = digits_of(text, 10)
    return bool(n) and n[0] == 8 and weighted(n, range(1, 10)) % 11 == n[9]


def hungarian_social(text: str) -> bool:
    """TAJ."""
    n = digits_of(text, 9)
    return bool(n) and weighted(n, (3, 7, 3, 7, 3, 7, 3, 7)) % 10 == n[8]


def irish(text: str) -> bool:
    """PPS number: seven digits, a check letter, and since 2013 a second letter that counts."""
    found = re.fullmatch(r"(\d{7})([A-W])([A-IW]?)T?", text)
    if not found:
        return False
    extra = 9 * "WABCDEFGHI".index(found[3] or "W")
    return "WABCDEFGHIJKLMNOPQRSTUV"[(weighted(digits_of(found[1], 7), (8, 7, 6, 5, 4, 3, 2)) + extra) % 23] == found[2]


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


def dutch(text: str) -> bool:
    """BSN: the eleven test."""
    n = digits_of(text, 9)
    return len(set(n)) > 1 and weighted(n, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def portuguese(text: str) -> bool:
    """NIF of a natural person."""
    n = digits_of(text, 9)
    return bool(n) and n[0] in (1, 2, 3) and (11 - weighted(n, (9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 11 % 10 == n[8]


def british(text: str) -> bool:
    """NHS number."""
    n = digits_of(text, 10)
    return bool(n) and -weighted(n, (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11 == n[9]


def swiss(text: str) -> bool:
    """AHV number: an EAN-13 that begins with 756."""
    n = digits_of(text, 13)
    return n[:3] == [7, 5, 6] and -weighted(n, (1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3)) % 10 == n[12]


def turkish(text: str) -> bool:
    """T.C. kimlik numarası: the tenth digit checks nine, the eleventh ten."""
    n = digits_of(text, 11)
    if not n or n[0] == 0:
        return False
    tenth = (7 * sum(n[0:9:2]) - sum(n[1:8:2])) % 10
    return (tenth, sum(n[:10]) % 10) == (n[9], n[10])


def ukrainian(text: str) -> bool:
    """РНОКПП."""
    n = digits_of(text, 10)
    return bool(n) and weighted(n, (-1, 5, 7, 9, 4, 6, 10, 5, 7)) % 11 % 10 == n[9]
