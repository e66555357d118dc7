"""How much of what readers look for the public summary states: score.toml, question by question.

The questions are our own. They follow the fields of the template, so a share of them is no grade that others gave.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from openbook.release.documents.layout import summary_sections
from openbook.release.facts import Facts

_ADDRESS = re.compile(r"https?://\S+|doi:\S+", re.IGNORECASE)


@dataclass(frozen=True)
class Criterion:
    kind: Literal["transparency", "usefulness"]
    asks: str
    facts: tuple[str, ...] = ()
    table: str = ""
    unless: str = ""
    said: bool = False
    """Whether only a person can answer it."""
    plain: bool = False
    """Whether an address in the answer's place is no answer."""

    @property
    def section(self) -> str:
        """Number of the template's section that the question is about; empty where it is about the whole."""
        places = summary_sections()
        return next((places[key] for key in (*self.facts, self.table) if key in places), "")

    def met(self, facts: Facts) -> bool:
        stated = all(facts.facts[key].recorded for key in self.facts)
        if self.plain and any(_ADDRESS.fullmatch(str(facts.facts[key].value).strip()) for key in self.facts):
            return False
        idle = bool(self.unless) and facts.facts[self.unless].value is False
        return stated and (not self.table or idle or bool(facts.tables[self.table].rows))


def criteria() -> list[Criterion]:
    """The criteria that documents are scored by (score.toml), in its order."""
    text = files("openbook.release.documents").joinpath("score.toml").read_text(encoding="utf-8")
    return [Criterion(**{**row, "facts": tuple(row.get("facts", ()))}) for row in tomllib.loads(text)["criterion"]]


def share(asked: Sequence[Criterion], facts: Facts) -> float:
    """Percent of the questions that are answered."""
    return 100 * sum(one.met(facts) for one in asked) / len(asked) if asked else 100.0
