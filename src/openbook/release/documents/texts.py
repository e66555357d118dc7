"""The interface texts of the documents, one TOML file a language, and how figures are written in it."""

import math
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from openbook.release.fact import Fact, Value

LANGUAGES = {
    "en": "English", "fr": "Français", "de": "Deutsch", "es": "Español", "it": "Italiano", "pl": "Polski",
    "cs": "Čeština",
}  # fmt: skip
SEPARATORS = {
    "en": (",", "."), "fr": ("\u202f", ","), "de": (".", ","), "es": ("\u202f", ","), "it": (".", ","),
    "pl": ("\u00a0", ","), "cs": ("\u00a0", ","),
}  # fmt: skip
"""Between thousands, before decimals."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Part:
    """A piece of shown text; with anchors, a figure or statement that stands in a record."""

    text: str
    anchors: tuple[str, ...] = ()
    method: str = ""

    @property
    def title(self) -> str:
        """What the link on it says: the anchors, the first few of many, and how the value follows."""
        shown = " ".join(self.anchors[:6]) + (f" … ({len(self.anchors)})" if len(self.anchors) > 6 else "")
        return f"{shown} ({self.method})" if self.method else shown

    @property
    def file(self) -> str:
        return self.anchors[0].partition("#")[0]


@dataclass(frozen=True)
class Texts:
    language: str
    tables: dict[str, dict[str, str]]

    def __call__(self, table: str, key: str) -> str:
        return self.tables[table][key]

    def number(self, value: int | float) -> str:
        """Thousands apart; about four digits of a fraction; powers of ten from 10^12 on and below 10^-3."""
        thousands, decimal = SEPARATORS[self.language]
        if isinstance(value, float) and (not math.isfinite(value) or (value and not 1e-3 <= abs(value) < 1e12)):
            if not math.isfinite(value):
                return str(value)
            mantissa, exponent = f"{value:.3e}".split("e")
            return f"{mantissa.replace('.', decimal)} × 10{str(int(exponent)).translate(_RAISED)}"
        if isinstance(value, float) and value != int(value):
            text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
        else:
            text = f"{int(value):,}"
        return text.replace(",", "\0").replace(".", decimal).replace("\0", thousands)

    def plain(self, value: Value) -> str:
        if isinstance(value, bool):
            return self("words", "yes" if value else "no")
        if isinstance(value, int | float):
            return self.number(value)
        if isinstance(value, tuple):
            return ", ".join(self.plain(one) for one in value)
        return self.tables["sentences"].get(str(value), str(value))

    def parts(self, fact: Fact) -> list[Part]:
        """What is shown of a fact."""
        if not fact.recorded:
            return [Part(self("words", "not_recorded"))]
        if not fact.text:
            return [Part(self.plain(fact.value), fact.anchors, fact.method)]
        words = self.tables["words"]
        template = words[fact.text] if fact.text in words else self("sentences", fact.text)
        if not fact.words:
            return [Part(template, fact.anchors, fact.method)]
        found: list[Part] = []
        for at, piece in enumerate(_PLACE.split(template)):
            if at % 2:
                found += self.parts(fact.words[piece])
            elif piece:
                found.append(Part(piece))
        return found


@cache
def texts(language: str) -> Texts:
    path = files("openbook.release.documents").joinpath(f"texts/{language}.toml")
    tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    return Texts(language, tables)
