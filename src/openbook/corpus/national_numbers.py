"""Which numbers name a person to a state: the national numbers of Europe that can be checked, country by country.

A number is taken where a word before it says what it is; those with a date and a check digit, or letters, also alone.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from openbook.corpus import national_births as births
from openbook.corpus import national_checks as check


@dataclass(frozen=True)
class NationalNumber:
    country: str
    """ISO 3166."""
    name: str
    words: str
    """Pattern of the words that announce one, lower case."""
    check: Callable[[str], bool]
    """Over the number without its separators, letters in upper case."""
    languages: tuple[str, ...] | None = ()
    """In texts of which languages it is taken without a word; None: of all, empty: of none."""


NOT_CHECKABLE = {
    "CY": "the number of the identity card has no check digit",
    "DK": "since 2007 CPR numbers are given out whose check digit does not hold: word and date must do",
    "MT": "the number of the identity card has no check digit",
}
"""States of the Union whose number cannot be verified by itself."""


_IBERIAN = ("es", "ca", "gl", "eu")
TABLE = (
    NationalNumber(
        "AT", "Sozialversicherungsnummer", r"sozialversicherungsnummer|versicherungsnummer|sv-?nr|svnr", check.austrian
    ),
    NationalNumber(
        "BE", "Rijksregisternummer", r"rijksregister\w*|registre national|nationalregister\w*|insz|niss", births.belgian
    ),
    NationalNumber("BG", "ЕГН", r"егн|egn", births.bulgarian),
    NationalNumber("CZ SK", "rodné číslo", r"rodn\w{1,3} čísl\w+|r\. ?č", births.czechoslovak),
    NationalNumber(
        "DE", "Steuer-ID", r"steuer-?id\w*|steuer-identifikationsnummer|idnr|identifikationsnummer", check.german
    ),
    NationalNumber("DK", "CPR", r"cpr|personnummer|p-tal", births.danish),
    NationalNumber("EE LT", "isikukood, asmens kodas", r"isikukood\w*|asmens kod\w+", births.baltic, None),
    NationalNumber("ES", "DNI, NIE", r"dni|nie|nif|d\.n\.i", check.spanish, _IBERIAN),
    NationalNumber("FI", "henkilötunnus", r"hetu|henkilötunnu\w+|personbeteckning\w*", births.finnish, None),
    NationalNumber("FR", "NIR", r"sécurité sociale|nir|insee", check.french, None),
    NationalNumber("GR", "AMKA", r"αμκα|α\.μ\.κ\.α|amka", births.greek),
    NationalNumber("HR", "OIB", r"oib\w*", check.croatian),
    NationalNumber("HU", "személyi azonosító", r"személyi (?:azonosító\w*|szám\w*)", births.hungarian_personal),
    NationalNumber("HU", "adóazonosító jel", r"adóazonosító\w*", check.hungarian_tax),
    NationalNumber("HU", "TAJ", r"taj", check.hungarian_social),
    NationalNumber("IE", "PPS", r"ppsn?|psp|uimhir psp", check.irish, ("en", "ga")),
    NationalNumber("IT", "codice fiscale", r"codice fiscale|cod\. ?fisc|c\.f", check.italian, None),
    NationalNumber(
        "LU", "matricule", r"matricule|matrikel\w*|sozialversécherungsnummer", births.luxembourgish, ("lb",)
    ),
    NationalNumber("LV", "personas kods", r"personas kod\w+", births.latvian),
    NationalNumber("NL", "BSN", r"bsn|burgerservicenummer|sofinummer", check.dutch),
    NationalNumber("PL", "PESEL", r"pesel\w*", births.polish, None),
    NationalNumber("PT", "NIF", r"nif|contribuinte|identificação fiscal", check.portuguese),
    NationalNumber("RO", "CNP", r"cnp|cod(?:ul)? numeric personal", births.romanian, None),
    NationalNumber("SE", "personnummer", r"personnummer|samordningsnummer|pnr", births.swedish),
    NationalNumber(
        "SI HR BA ME MK RS", "EMŠO, JMBG, EMBG", r"emšo|jmbg|јмбг|ембг|embg|matični broj", births.yugoslav, None
    ),
    NationalNumber("CH", "AHV", r"ahv|avs", check.swiss, ("de", "fr", "it")),
    NationalNumber("GB", "NHS number", r"nhs(?: number| no)?", check.british),
    NationalNumber("IS", "kennitala", r"kennital\w+|kt", births.icelandic, ("is",)),
    NationalNumber(
        "NO", "fødselsnummer", r"f[øo]dselsn\w+|personnummer|d-nummer|f\.? ?nr", births.norwegian, ("nb", "nn")
    ),
    NationalNumber("TR", "T.C. kimlik", r"t\.? ?c\.? ?kimlik|tckn|kimlik", check.turkish, ("tr",)),
    NationalNumber("UA", "РНОКПП", r"рнокпп|іпн|ідентифікаційн\w+ (?:номер\w*|код\w*)|rnokpp", check.ukrainian),
)
_WRITTEN = re.compile(r"\d{6}/\d{4}|\d{6}-\d{5}|\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}|\d{6}[-+]\d{4}")
_TESTS = (births.czechoslovak, births.latvian, births.belgian, births.swedish)
"""Those whose usual way of writing nothing else shares."""
_GENERIC = (
    r"national id\w*|identity number|personal (?:identification )?number|personal code|tax id\w*|social security\w*"
)
WORDS = "|".join([*(one.words for one in TABLE), _GENERIC])
"""All words that announce a national number, as a pattern."""

_SEPARATORS = str.maketrans("", "", " .-/\u00a0\u202f")


def compact(text: str) -> str:
    """Without separators, in upper case."""
    return text.translate(_SEPARATORS).upper()


def announced(words: str, text: str) -> bool:
    """Whether the number is one of those that the words before it may speak of."""
    words = words.lower()
    generic = re.search(_GENERIC, words) is not None
    number = compact(text)
    several = len(set(number)) > 2
    return any(
        (generic or re.search(rf"(?<!\w)(?:{one.words})(?!\w)", words)) and _passes(one, text, number, several)
        for one in TABLE
    )


def alone(text: str, language: str | None) -> bool:
    """Whether the number proves itself, in a text of this language (None: not known), or by how it is written."""
    number = compact(text)
    if _WRITTEN.fullmatch(text) and any(test(number) for test in _TESTS):
        return len(set(text)) > 4
    several = len(set(number)) > 2
    return any(_passes(one, text, number, several) for one in _of(language))


@cache
def _of(language: str | None) -> Sequence[NationalNumber]:
    """Those that a text of this language may hold."""
    return [
        one
        for one in TABLE
        if one.languages is None or language in one.languages or (language is None and one.languages)
    ]


def _passes(one: NationalNumber, text: str, number: str, several: bool) -> bool:
    """`number`: the compact text; `several`: whether it has more than two different characters."""
    if one.check is births.finnish:
        return births.finnish(text.strip().upper())
    return several and one.check(number)
