"""Which numbers are what they look like: check digits of payment cards and bank accounts."""

import re
from collections.abc import Mapping, Sequence

# fmt: off
IBAN_LENGTHS: Mapping[str, int] = {
    "AD": 24, "AL": 28, "AT": 20, "BA": 20, "BE": 16, "BG": 22, "BY": 28, "CH": 21, "CY": 28, "CZ": 24, "DE": 22,
    "DK": 18, "EE": 20, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27,
    "HR": 21, "HU": 28, "IE": 22, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24,
    "ME": 22, "MK": 19, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "RS": 22, "SE": 24, "SI": 19,
    "SK": 24, "SM": 27, "TR": 26, "UA": 29, "VA": 22, "XK": 20,
}
# fmt: on
"""Length of an account number by country (ISO 13616 registry), for the countries of Europe."""

_CARD_GROUPS = re.compile(
    r"\d+|\d{4}(?P<mark>[ \-\u00a0\u202f])(?:\d{4}(?P=mark)\d{4}(?P=mark)\d{1,7}|\d{6}(?P=mark)\d{4,5})"
)
"""How cards are printed: in one, in fours, or 4-6-5 and 4-6-4."""


def digits(text: str) -> list[int]:
    return [int(character) for character in text if character.isdigit()]


def luhn(number: Sequence[int]) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = sum(number[-1::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in number[-2::-2])
    return total % 10 == 0


def card(text: str) -> bool:
    """A payment card number: printed as one, an issuer's range, its length, and the check digit."""
    number = digits(text)
    size = len(number)
    head = int("".join(map(str, number[:4]))) if size >= 13 else 0
    known = (
        (head // 1000 == 4 and size in (13, 16, 19))
        or (51 <= head // 100 <= 55 and size == 16)
        or (2221 <= head <= 2720 and size == 16)
        or (head // 100 in (34, 37) and size == 15)
        or ((head // 100 in (36, 38, 39) or 300 <= head // 10 <= 305) and size == 14)
        or ((head == 6011 or head // 100 in (62, 65) or 644 <= head // 10 <= 649) and 16 <= size <= 19)
        or (3528 <= head <= 3589 and size == 16)
        or (head // 100 in (50, 56, 57, 58, 63, 67) and 12 <= size <= 19)
    )
    return known and luhn(number) and _CARD_GROUPS.fullmatch(text) is not None


def iban(text: str) -> bool:
    """ISO 13616: known country, its length, and 1 as the remainder by 97."""
    compact = "".join(text.split()).upper()
    if IBAN_LENGTHS.get(compact[:2]) != len(compact):
        return False
    turned = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def mod_11_10(n: Sequence[int]) -> bool:
    """ISO/IEC 7064, MOD 11,10: the last digit checks the others."""
    state = 10
    for digit in n[:-1]:
        state = (state + digit) % 10 or 10
        state = state * 2 % 11
    return (11 - state) % 10 == n[-1]


def verhoeff(n: Sequence[int]) -> bool:
    """J. Verhoeff, Error detecting decimal codes, 1969: multiplication in the dihedral group of order ten."""
    check = 0
    for place, digit in enumerate(reversed(n)):
        check = _dihedral(check, _permuted(place % 8, digit))
    return check == 0


def _dihedral(a: int, b: int) -> int:
    if a < 5:
        return (a + b) % 5 + (5 if b >= 5 else 0) if b < 5 else (a + b - 5) % 5 + 5
    return (a - b) % 5 + 5 if b < 5 else (a - b) % 5


def _permuted(times: int, digit: int) -> int:
    for _ in range(times):
        digit = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[digit]
    return digit
