"""Dates as pages write them -> ISO days. Only forms that can be read in one way."""

import re
from datetime import date
from email.utils import parsedate

FIRST_YEAR, LAST_YEAR = 1990, 2099

_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:$|[T\s]|\d{4,6}$)")
_DAY_FIRST = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})(?!\d)")
_IN_URL = re.compile(r"/(\d{4})[/-](\d{1,2})[/-](\d{1,2})(?:/|-|$)")


def _day(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat() if FIRST_YEAR <= year <= LAST_YEAR else None
    except ValueError:
        return None


def iso_date(value: str) -> str | None:
    """`2020-01-31`, for ISO, 2020/1/31, 20200131, 31.1.2020 and mail dates; None for what is none or ambiguous."""
    value = value.strip()
    if found := _YEAR_FIRST.match(value) or _COMPACT.match(value):
        return _day(int(found[1]), int(found[2]), int(found[3]))
    if found := _DAY_FIRST.match(value):
        return _day(int(found[3]), int(found[2]), int(found[1]))
    parts = parsedate(value[:80])
    return _day(*parts[:3]) if parts else None


def url_date(url: str) -> str | None:
    """The date in a path such as /2021/03/14/, as YYYY-MM-DD; None where there is none or no such day."""
    found = _IN_URL.search(url)
    return _day(int(found[1]), int(found[2]), int(found[3])) if found else None
