"""Whether a national number that holds a date of birth passes its state's check: one function a number.

Each returns False for what has another length or form; the peer that they agree with is in the tests.
"""

from openbook.corpus.checksums import luhn, verhoeff
from openbook.corpus.national_digits import digits_of, is_day, is_some_day, pairs, value, weighted


def belgian(text: str) -> bool:
    """Rijksregisternummer: two digits over the first nine, with a 2 before them for those born since 2000."""
    n = digits_of(text, 11)
    if not n:
        return False
    first, check = value(n[:9]), n[9] * 10 + n[10]
    year, month, day = pairs(n, 0, 2, 4)
    old, new = check == 97 - first % 97, check == 97 - (2_000_000_000 + first) % 97
    if month == 0 or day == 0:
        return (old or new) and month <= 12
    return (old and is_day(1900 + year, month, day)) or (new and year < 40 and is_day(2000 + year, month, day))


def bulgarian(text: str) -> bool:
    """ЕГН; the month is 20 higher for those born before 1900, 40 higher since 2000."""
    n = digits_of(text, 10)
    if not n:
        return False
    year, month, day = pairs(n, 0, 2, 4)
    century = 2000 if month > 40 else 1800 if month > 20 else 1900
    return is_day(century + year, month % 20, day) and weighted(n, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == n[9]


def czechoslovak(text: str) -> bool:
    """Rodné číslo of ten digits, Czech and Slovak, since 1954."""
    n = digits_of(text, 10)
    if not n:
        return False
    year, month, day = pairs(n, 0, 2, 4)
    century = 1900 if year >= 54 else 2000
    month = month % 50 - (20 if month % 50 > 20 and century == 2000 else 0)
    return is_day(century + year, month, day) and value(n[:9]) % 11 % 10 == n[9]


def danish(text: str) -> bool:
    """CPR: the date; the seventh digit tells the century."""
    n = digits_of(text, 10)
    if not n:
        return False
    day, month, year = pairs(n, 0, 2, 4)
    old = n[6] <= 3 or (n[6] in (4, 9) and year >= 37)
    return is_day((1900 if old else 1800 if 5 <= n[6] <= 8 and year >= 58 else 2000) + year, month, day)


def baltic(text: str) -> bool:
    """Isikukood and asmens kodas: Estonia and Lithuania."""
    n = digits_of(text, 11)
    if not n or not 1 <= n[0] <= 8:
        return False
    year, month, day = pairs(n, 1, 3, 5)
    check = weighted(n, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if check == 10:
        check = weighted(n, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return check == n[10] and is_day(1800 + (n[0] - 1) // 2 * 100 + year, month, day)


_FINNISH = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_FINNISH_CENTURIES = {"+": 1800, **dict.fromkeys("-YXWVU", 1900), **dict.fromkeys("ABCDEF", 2000)}


def finnish(text: str) -> bool:
    """Henkilötunnus, with its sign of the century."""
    if len(text) != 11 or text[6] not in _FINNISH_CENTURIES:
        return False
    n = digits_of(text[:6] + text[7:10], 9)
    if not n:
        return False
    day, month, year = pairs(n, 0, 2, 4)
    return is_day(_FINNISH_CENTURIES[text[6]] + year, month, day) and _FINNISH[value(n) % 31] == text[10]


def greek(text: str) -> bool:
    """AMKA: a date and the check digit of Luhn."""
    n = digits_of(text, 11)
    return bool(n) and is_some_day(*reversed(pairs(n, 0, 2, 4))) and luhn(n)


def hungarian_personal(text: str) -> bool:
    """Személyi azonosító: weights rise for those born before 1997, fall since."""
    n = digits_of(text, 11)
    if not n or not 1 <= n[0] <= 8:
        return False
    year, month, day = pairs(n, 1, 3, 5)
    rising = weighted(n, range(1, 11)) % 11 == n[10]
    falling = weighted(n, range(10, 0, -1)) % 11 == n[10]
    return is_some_day(year, month, day) and (rising or falling)


def latvian(text: str) -> bool:
    """Personas kods; those that begin with 32, given out since 2017, have no check digit and no date."""
    n = digits_of(text, 11)
    if not n:
        return False
    day, month, year = pairs(n, 0, 2, 4)
    check = (1101 - weighted(n, (1, 6, 3, 7, 9, 10, 5, 8, 4, 2))) % 11 % 10
    return day == 32 or (n[6] <= 2 and is_day(1800 + n[6] * 100 + year, month, day) and check == n[10])


def luxembourgish(text: str) -> bool:
    """Matricule: the date, three digits, one by Luhn and one by Verhoeff, each over the first eleven."""
    n = digits_of(text, 13)
    return bool(n) and is_day(value(n[:4]) or 1, *pairs(n, 4, 6)) and luhn(n[:12]) and verhoeff([*n[:11], n[12]])


def norwegian(text: str) -> bool:
    """Fødselsnummer; the day of a D-nummer is 40 higher, the month of other such numbers 40 or 80."""
    n = digits_of(text, 11)
    if not n:
        return False
    first = -weighted(n, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -weighted(n, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    day, month, year = pairs(n, 0, 2, 4)
    return (first, second) == (n[9], n[10]) and is_some_day(year, month % 40, day % 40)


def polish(text: str) -> bool:
    """PESEL; the month tells the century in steps of 20."""
    n = digits_of(text, 11)
    if not n:
        return False
    year, month, day = pairs(n, 0, 2, 4)
    century = (1900, 2000, 2100, 2200, 1800)[month // 20]
    return is_day(century + year, month % 20, day) and -weighted(n, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10 == n[10]


def romanian(text: str) -> bool:
    """CNP: the first digit tells the century, the eighth and ninth the county."""
    n = digits_of(text, 13)
    if not n or n[0] == 0:
        return False
    year, month, day = pairs(n, 1, 3, 5)
    century = {1: 1900, 2: 1900, 3: 1800, 4: 1800, 5: 2000, 6: 2000}.get(n[0], 1900)
    county = n[7] * 10 + n[8]
    check = weighted(n, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11 % 10
    if weighted(n, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11 == 10:
        check = 1
    return (
        is_day(century + year, month, day) and (1 <= county <= 52 or county in (70, 80, 81, 82, 83)) and check == n[12]
    )


def swedish(text: str) -> bool:
    """Personnummer; the day of a samordningsnummer is 60 higher."""
    n = digits_of(text.replace("-", "").replace("+", ""), 12)[2:] or digits_of(
        text.replace("-", "").replace("+", ""), 10
    )
    if not n:
        return False
    year, month, day = pairs(n, 0, 2, 4)
    return is_some_day(year, month, day - 60 if day > 60 else day) and luhn(n)


def yugoslav(text: str) -> bool:
    """EMŠO, JMBG, EMBG: Slovenia and the other successor states."""
    n = digits_of(text, 13)
    if not n:
        return False
    day, month, year = n[0] * 10 + n[1], n[2] * 10 + n[3], value(n[4:7])
    check = -weighted(n, (7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11 % 10
    return n[4] in (9, 0) and is_day(year + (1000 if n[4] else 2000), month, day) and check == n[12]


def icelandic(text: str) -> bool:
    """Kennitala of a person."""
    n = digits_of(text, 10)
    if not n or n[9] not in (8, 9, 0):
        return False
    day, month, year = pairs(n, 0, 2, 4)
    return is_day((2000 if n[9] == 0 else 1000 + 100 * n[9]) + year, month, day) and (
        weighted(n, (3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0
    )
