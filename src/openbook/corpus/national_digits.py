"""What the checks of national numbers are made of: digits, weighted sums, dates."""

import datetime
from collections.abc import Sequence


def digits_of(text: str, size: int) -> list[int]:
    """The digits, none where there are not as many as asked for."""
    return [ord(one) - 48 for one in text] if len(text) == size and text.isascii() and text.isdigit() else []


def weighted(number: Sequence[int], weights: Sequence[int]) -> int:
    """The sum of digits times weights; digits beyond the weights do not count."""
    return sum(digit * weight for digit, weight in zip(number, weights, strict=False))


def value(number: Sequence[int]) -> int:
    """The digits read as one number."""
    return int("".join(map(str, number)))


def is_day(year: int, month: int, day: int) -> bool:
    """Whether the calendar has the date."""
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True


def is_some_day(two: int, month: int, day: int) -> bool:
    """A date whose century is not known."""
    return is_day(1900 + two, month, day) or is_day(2000 + two, month, day)


def pairs(n: Sequence[int], *starts: int) -> tuple[int, ...]:
    """The numbers of two digits that begin at each of `starts` (from 0)."""
    return tuple(n[at] * 10 + n[at + 1] for at in starts)
