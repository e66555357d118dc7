"""Our checks of national numbers agree with python-stdnum's on random numbers, country by country."""

import importlib
import random
from collections.abc import Callable

import pytest

from openbook.corpus import national_births as births
from openbook.corpus import national_checks as check
from openbook.corpus.national_numbers import NOT_CHECKABLE, TABLE

UNION = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("0123456789") for _ in range(count))


def date(chance: random.Random, form: str) -> str:
    """Of the last century, so that no peer takes it for one to come; now and then of no day that is."""
    year, month, day = chance.randint(54, 99), chance.randint(1, 12), chance.randint(1, 31)
    return form.format(y=f"{year:02}", m=f"{month:02}", d=f"{day:02}")


Maker = Callable[[random.Random], str]
PEERS: list[tuple[str, Callable[[str], bool], Maker]] = [
    ("at.vnr", check.austrian, lambda c: str(c.randint(1000, 9999)) + date(c, "{d}{m}{y}")),
    ("be.nn", births.belgian, lambda c: date(c, "{y}{m}{d}") + digits(c, 5)),
    ("bg.egn", births.bulgarian, lambda c: date(c, "{y}{m}{d}") + digits(c, 4)),
    ("cz.rc", births.czechoslovak, lambda c: date(c, "{y}{m}{d}") + digits(c, 4)),
    ("de.idnr", check.german, lambda c: digits(c, 11)),
    ("ee.ik", births.baltic, lambda c: c.choice("34") + date(c, "{y}{m}{d}") + digits(c, 4)),
    ("es.dni", check.spanish, lambda c: digits(c, 8) + c.choice("TRWAGMYFPDXBNJZSQVHLCKE")),
    ("es.nie", check.spanish, lambda c: c.choice("XYZ") + digits(c, 7) + c.choice("TRWAGMYFPDXBNJZSQVHLCKE")),
    (
        "fi.hetu",
        births.finnish,
        lambda c: date(c, "{d}{m}{y}") + f"-{c.randint(2, 899):03}" + c.choice("0123456789ABCDEFHJKLMNPRSTUVWXY"),
    ),
    ("fr.nir", check.french, lambda c: c.choice("12") + date(c, "{y}{m}") + digits(c, 10)),
    ("gb.nhs", check.british, lambda c: digits(c, 10)),
    ("gr.amka", births.greek, lambda c: date(c, "{d}{m}{y}") + digits(c, 5)),
    ("hr.oib", check.croatian, lambda c: digits(c, 11)),
    ("ie.pps", check.irish, lambda c: digits(c, 7) + c.choice(_LETTERS[:23]) + c.choice(["", "A", "B", "W"])),
    (
        "it.codicefiscale",
        check.italian,
        lambda c: (
            "RSSMRA" + date(c, "{y}") + c.choice("ABCDEHLMPRST") + f"{c.randint(1, 28):02}H501" + c.choice(_LETTERS)
        ),
    ),
    ("lt.asmens", births.baltic, lambda c: c.choice("34") + date(c, "{y}{m}{d}") + digits(c, 4)),
    ("nl.bsn", check.dutch, lambda c: digits(c, 9)),
    ("no.fodselsnummer", births.norwegian, lambda c: date(c, "{d}{m}{y}") + f"{c.randint(0, 499):03}" + digits(c, 2)),
    ("pl.pesel", births.polish, lambda c: date(c, "{y}{m}{d}") + digits(c, 5)),
    (
        "ro.cnp",
        births.romanian,
        lambda c: c.choice("12") + date(c, "{y}{m}{d}") + f"{c.randint(1, 46):02}" + digits(c, 4),
    ),
    ("se.personnummer", births.swedish, lambda c: date(c, "{y}{m}{d}") + digits(c, 4)),
    ("si.emso", births.yugoslav, lambda c: date(c, "{d}{m}9{y}") + "50" + digits(c, 4)),
    ("tr.tckimlik", check.turkish, lambda c: digits(c, 11)),
    ("ua.rntrc", check.ukrainian, lambda c: digits(c, 10)),
    ("is_.kennitala", births.icelandic, lambda c: date(c, "{d}{m}{y}") + digits(c, 3) + "9"),
    ("ch.ssn", check.swiss, lambda c: "756" + digits(c, 10)),
]


@pytest.mark.parametrize(("peer", "ours", "maker"), PEERS, ids=[peer for peer, _, _ in PEERS])
def test_random_numbers_are_judged_as_the_peer_judges_them(
    peer: str, ours: Callable[[str], bool], maker: Maker
) -> None:
    theirs = importlib.import_module(f"stdnum.{peer}")
    chance = random.Random(peer)
    numbers = [maker(chance) for _ in range(3000)]
    expected = [bool(theirs.is_valid(number)) for number in numbers]
    assert any(expected) and not all(expected)
    disagreed = [number for number, valid in zip(numbers, expected, strict=True) if ours(number) != valid]
    assert not disagreed, disagreed[:5]


def test_portuguese_numbers_of_persons_agree_with_the_peer() -> None:
    theirs = importlib.import_module("stdnum.pt.nif")
    chance = random.Random(7)
    for _ in range(3000):
        number = chance.choice("123") + digits(chance, 8)
        assert check.portuguese(number) == theirs.is_valid(number), number


def test_luxembourgish_check_digits_agree_with_the_peer() -> None:
    luhn, verhoeff = importlib.import_module("stdnum.luhn"), importlib.import_module("stdnum.verhoeff")
    chance = random.Random(8)
    for _ in range(300):
        first = "19" + date(chance, "{y}{m}") + f"{chance.randint(1, 28):02}" + digits(chance, 3)
        number = first + luhn.calc_check_digit(first) + verhoeff.calc_check_digit(first)
        assert births.luxembourgish(number), number
        assert not births.luxembourgish(number[:-1] + str((int(number[-1]) + 1) % 10))


def test_every_state_of_the_union_is_checked_or_named_as_not_checkable() -> None:
    covered = {country for one in TABLE for country in one.country.split()}
    assert set(UNION) <= covered | set(NOT_CHECKABLE)
    assert {"CY", "MT", "DK"} == set(NOT_CHECKABLE)
