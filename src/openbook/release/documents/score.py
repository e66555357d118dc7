"""How much of what readers look for the public summary states: score.toml, question by question."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from openbook.release.facts import Facts


@dataclass(frozen=True)
class Criterion:
    kind: Literal["transparency", "usefulness"]
    asks: str
    facts: tuple[str, ...] = ()
    table: str = ""
    unless: str = ""
    said: bool = False
    """Whether only a person can answer it."""

    def met(self, facts: Facts) -> bool:
        stated = all(facts.facts[key].recorded for key in self.facts)
        idle = bool(self.unless) and facts.facts[self.unless].value is False
        return stated and (not self.table or idle or bool(facts.tables[self.table].rows))


def criteria() -> list[Criterion]:
    text = files("openbook.release.documents").joinpath("score.toml").read_text(encoding="utf-8")
    return [Criterion(**{**row, "facts": tuple(row.get("facts", ()))}) for row in tomllib.loads(text)["criterion"]]


def share(asked: Sequence[Criterion], facts: Facts) -> float:
    """Percent of the questions that are answered."""
    return 100 * sum(one.met(facts) for one in asked) / len(asked) if asked else 100.0
