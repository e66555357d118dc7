"""Which runs of digits are telephone numbers: with a country code, behind a word, or as a country writes its own."""

import re
from collections.abc import Mapping

WORDS = (
    r"tel|tél|tel[eéè]f\w*|teléf\w*|telefoon\w*|phone|fon|fón|ffôn|mobi\w*|móvil|telemóvel|gsm|fax|facs|handy|cell|"
    r"cell?ulare|portable|mob|puh\w*|matkapuhelin|tlf|tālr\w*|tālrunis|tel\w{0,2}fon\w*|kom|komórka|cep|mowbajl|teil|hívó|"
    r"τηλ\w*|κιν\w*|тел\w*|моб\w*|факс|тэл\w*|ტელ\w*|հեռ\w*|sími|gsm-nummer|whatsapp|signal|hotline|helpline"
)
"""Words that announce a number, as a pattern in lower case; whatever stands behind them is one if its length is."""
VERBS = (
    r"call|ring|phone|dial|appele[rz]|bel|soita|helista\w*|zvaniet|skambinkite|dzwonić|zadzwoń|volejte|volajte|pokličite|"
    r"nazovite|pozovite|hívja|sunați|обадете|καλέστε|llame|llamar|ligue|telefoni|telefonare|ċempel|телефонуйте|зовите|"
    r"glao|arayın|anrufen|rufen"
)
"""Verbs: what stands behind them must be a number of a country in which the language is spoken."""

REGIONS: Mapping[str, tuple[str, ...]] = {
    **{code: (code.upper(),) for code in "bg hr fi hu it lv lt mt pl pt ro sk es tr is fo".split()},
    "cs": ("CZ",),
    "da": ("DK",),
    "nl": ("NL", "BE"),
    "en": ("IE", "GB", "MT"),
    "et": ("EE",),
    "fr": ("FR", "BE", "LU", "CH"),
    "de": ("DE", "AT", "CH"),
    "el": ("GR", "CY"),
    "ga": ("IE",),
    "sl": ("SI",),
    "sv": ("SE", "FI"),
    "sq": ("AL", "XK"),
    "bs": ("BA",),
    "cnr": ("ME",),
    "mk": ("MK",),
    "sr-Cyrl": ("RS",),
    "sr-Latn": ("RS",),
    "uk": ("UA",),
    "ka": ("GE",),
    "hy": ("AM",),
    "be": ("BY",),
    "nb": ("NO",),
    "nn": ("NO",),
    "lb": ("LU",),
    **dict.fromkeys(("ca", "gl", "eu"), ("ES",)),
    **dict.fromkeys(("oc", "br"), ("FR",)),
    "cy": ("GB",),
    "se": ("NO", "SE", "FI"),
}
"""Language -> countries whose national way of writing numbers is looked for in it."""

_YEARS = re.compile(r"(?:1[5-9]|20)\d\d ?[-/.] ?(?:1[5-9]|20)\d\d")
_DATE = re.compile(r"\d{1,2}[./-] ?\d{1,2}[./-] ?(?:19|20)\d\d|(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2}")
_PLAIN_DATE = re.compile(r"(?:0[1-9]|[12]\d|3[01])\.? (?:0[1-9]|1[0-2])\.? (?:19|20)\d\d")


def international(text: str) -> bool:
    """Begins with + or 00: the country code exists and the length is one of that country's."""
    import phonenumbers

    text = text.strip()
    try:
        number = phonenumbers.parse("+" + text[2:] if text.startswith("00") else text, None)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_possible_number(number))


def announced(text: str) -> bool:
    """Behind a word for telephone: 6 to 15 digits (E.164, 6.1) that are no date and no span of years."""
    count = sum(character.isdigit() for character in text)
    return 6 <= count <= 15 and not is_date(text)


def national(text: str, language: str | None) -> bool:
    """A valid number of a country in which the language is spoken, as that country writes it."""
    import phonenumbers

    if is_date(text):
        return False
    for region in REGIONS.get(language or "", ()):
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number_for_region(number, region):
            return True
    return False


def is_date(text: str) -> bool:
    """Whether what looks like a telephone number is a date or a range of years."""
    text = text.strip("() ")
    return any(pattern.fullmatch(text) for pattern in (_YEARS, _DATE, _PLAIN_DATE))
