"""Which languages the program knows: one table, from BCP 47 code to name, script and standing.

Standings: `official` is one of the 24 official languages of the Union; `candidate` the language of a country that has
applied to join or has begun to; `neighbor` the state language of another European country; `regional` a regional or
minority language with standing in its country.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from openbook.errors import OpenbookError

Standing = Literal["official", "candidate", "neighbor", "regional"]


@dataclass(frozen=True)
class Language:
    code: str
    """BCP 47, with a script subtag only where the language is written in two."""
    name: str
    own_name: str
    script: str
    """ISO 15924: Latn, Cyrl, Grek, Geor, Armn."""
    standing: Standing
    direction: Literal["ltr", "rtl"] = "ltr"


_TABLE = (
    Language("bg", "Bulgarian", "български", "Cyrl", "official"),
    Language("hr", "Croatian", "hrvatski", "Latn", "official"),
    Language("cs", "Czech", "čeština", "Latn", "official"),
    Language("da", "Danish", "dansk", "Latn", "official"),
    Language("nl", "Dutch", "Nederlands", "Latn", "official"),
    Language("en", "English", "English", "Latn", "official"),
    Language("et", "Estonian", "eesti", "Latn", "official"),
    Language("fi", "Finnish", "suomi", "Latn", "official"),
    Language("fr", "French", "français", "Latn", "official"),
    Language("de", "German", "Deutsch", "Latn", "official"),
    Language("el", "Greek", "ελληνικά", "Grek", "official"),
    Language("hu", "Hungarian", "magyar", "Latn", "official"),
    Language("ga", "Irish", "Gaeilge", "Latn", "official"),
    Language("it", "Italian", "italiano", "Latn", "official"),
    Language("lv", "Latvian", "latviešu", "Latn", "official"),
    Language("lt", "Lithuanian", "lietuvių", "Latn", "official"),
    Language("mt", "Maltese", "Malti", "Latn", "official"),
    Language("pl", "Polish", "polski", "Latn", "official"),
    Language("pt", "Portuguese", "português", "Latn", "official"),
    Language("ro", "Romanian", "română", "Latn", "official"),
    Language("sk", "Slovak", "slovenčina", "Latn", "official"),
    Language("sl", "Slovenian", "slovenščina", "Latn", "official"),
    Language("es", "Spanish", "español", "Latn", "official"),
    Language("sv", "Swedish", "svenska", "Latn", "official"),
    Language("sq", "Albanian", "shqip", "Latn", "candidate"),
    Language("bs", "Bosnian", "bosanski", "Latn", "candidate"),
    Language("cnr", "Montenegrin", "crnogorski", "Latn", "candidate"),
    Language("mk", "Macedonian", "македонски", "Cyrl", "candidate"),
    Language("sr-Cyrl", "Serbian (Cyrillic)", "српски", "Cyrl", "candidate"),
    Language("sr-Latn", "Serbian (Latin)", "srpski", "Latn", "candidate"),
    Language("tr", "Turkish", "Türkçe", "Latn", "candidate"),
    Language("uk", "Ukrainian", "українська", "Cyrl", "candidate"),
    Language("ka", "Georgian", "ქართული", "Geor", "candidate"),
    Language("hy", "Armenian", "հայերեն", "Armn", "neighbor"),
    Language("be", "Belarusian", "беларуская", "Cyrl", "neighbor"),
    Language("nb", "Norwegian Bokmål", "norsk bokmål", "Latn", "neighbor"),
    Language("nn", "Norwegian Nynorsk", "norsk nynorsk", "Latn", "neighbor"),
    Language("is", "Icelandic", "íslenska", "Latn", "neighbor"),
    Language("fo", "Faroese", "føroyskt", "Latn", "neighbor"),
    Language("lb", "Luxembourgish", "Lëtzebuergesch", "Latn", "regional"),
    Language("ca", "Catalan", "català", "Latn", "regional"),
    Language("gl", "Galician", "galego", "Latn", "regional"),
    Language("eu", "Basque", "euskara", "Latn", "regional"),
    Language("oc", "Occitan", "occitan", "Latn", "regional"),
    Language("br", "Breton", "brezhoneg", "Latn", "regional"),
    Language("cy", "Welsh", "Cymraeg", "Latn", "regional"),
    Language("se", "Northern Sami", "davvisámegiella", "Latn", "regional"),
)

LANGUAGES: Mapping[str, Language] = MappingProxyType({entry.code: entry for entry in _TABLE})

ALIASES: Mapping[str, str] = MappingProxyType(
    {"sr": "sr-Cyrl", "sr-latin": "sr-Latn", "no": "nb", "me": "cnr", "cnr-Latn": "cnr"}
)
"""Codes in use for a language of the table that is filed under another one."""


def language(code: str) -> Language:
    """The table's row for `code`. Raises OpenbookError, with the nearest codes, when there is none."""
    found = LANGUAGES.get(code)
    if found:
        return found
    names = {entry.name.lower(): entry.code for entry in _TABLE}
    near = [ALIASES[code]] if code in ALIASES else []
    near += [names[name] for name in difflib.get_close_matches(code.lower(), names, 2, 0.7)]
    near += difflib.get_close_matches(code, LANGUAGES, 2, 0.6)
    hint = (
        f"did you mean {' or '.join(repr(one) for one in dict.fromkeys(near) if one in LANGUAGES)}? The"
        if near
        else "the"
    )
    raise OpenbookError(f"no language {code!r} in the table: {hint} codes are {', '.join(sorted(LANGUAGES))}.")
