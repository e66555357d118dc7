"""How many people use a language, and who says so: the table speakers.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Speakers:
    thousands: int
    """People who use the language, as their first or a further one."""
    source: str
    year: int
    """In which the source was published."""


@cache
def speakers() -> dict[str, Speakers]:
    """Code -> speakers."""
    data = tomllib.loads(files("openbook.corpus").joinpath("speakers.toml").read_text(encoding="utf-8"))
    sources = data["sources"]
    return {
        code: Speakers(row["thousands"], sources[row["source"]]["name"], sources[row["source"]]["year"])
        for code, row in data["languages"].items()
    }
