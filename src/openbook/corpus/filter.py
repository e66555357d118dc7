"""Which texts stay: rules with bounds that are data, by profile, language and source, over what was measured before."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict

from openbook.errors import OpenbookError
from openbook.languages import LANGUAGES

THRESHOLDS = "thresholds.json"
"""In the corpus: the bounds that were applied, by language and source."""
PROFILES = ("web", "documentation", "messages")

STAGES: Mapping[str, tuple[str, ...]] = {
    "language": ("language_score", "glotlid_score", "script_share", "main_share"),
    "gopher": (
        "words",
        "word_length",
        "hash_ratio",
        "ellipsis_ratio",
        "bullet_lines",
        "ellipsis_lines",
        "alpha_words",
        "stop_words",
    ),
    "repetition": (
        "duplicate_lines",
        "duplicate_line_characters",
        "duplicate_paragraphs",
        "duplicate_paragraph_characters",
        *(f"top_{n}_gram" for n in (2, 3, 4)),
        *(f"duplicate_{n}_gram" for n in (5, 6, 7, 8, 9, 10)),
    ),
    "fineweb": ("terminal_lines", "short_lines", "repeated_characters", "line_feeds"),
    "c4": ("sentences", "left_lines", "brace_lines", "script_lines", "policy_lines", "lorem_ipsum"),
}
"""In the order in which they are tried: the first rule that a text breaks is the one that is named."""

STAGE_OF = {rule: stage for stage, rules in STAGES.items() for rule in rules}
RULES = tuple(STAGE_OF)


class Bounds(BaseModel):
    """A text whose measure lies below `min` or above `max` is rejected; a rule without bounds is off."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    min: float | None = None
    max: float | None = None


class RuleOverride(Bounds):
    """`[corpus.filter.<rule>]` of a recipe: takes the place of the profile's bounds; then by language, source."""

    language: Mapping[str, Bounds] = {}
    source: Mapping[str, Bounds] = {}


class Derivation(BaseModel):
    """Where bounds come from that nobody has published; decides nothing, and stands in the record."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sample: str
    sha256: str
    texts: int
    tail: float
    """Share of the sample that each bound rejects."""


Thresholds = Mapping[str, Bounds]
"""Rule -> bounds, in the order in which rules are tried."""


@cache
def data(name: str) -> dict[str, Any]:
    """The content of filters/<name>.toml."""
    return tomllib.loads(files("openbook.corpus").joinpath("filters", f"{name}.toml").read_text(encoding="utf-8"))


@cache
def _profile(name: str) -> dict[str, Bounds]:
    return {rule: Bounds.model_validate(bounds) for section in data(name).values() for rule, bounds in section.items()}


def thresholds(
    profile: str, language: str, source: str, overrides: Mapping[str, RuleOverride], score: str = "language_score"
) -> Thresholds:
    """Laid over one another: web, the language's, the profile's, the recipe's (for all, a language, a source).

    `score` names the rule whose cut-off fits the identifier that gave the score.
    """
    merged = dict(_profile("web"))
    if profile != "messages":
        merged |= {rule: Bounds.model_validate(bounds) for rule, bounds in data("languages").get(language, {}).items()}
    if profile != "web":
        merged |= _profile(profile)
    for rule, override in overrides.items():
        if override.min is not None or override.max is not None or not (override.language or override.source):
            merged[rule] = Bounds(min=override.min, max=override.max)
        if language in override.language:
            merged[rule] = override.language[language]
        if source in override.source:
            merged[rule] = override.source[source]
    unused = {"language_score", "glotlid_score"} - {score}
    return {
        rule: merged[rule]
        for rule in RULES
        if rule in merged and rule not in unused and (merged[rule].min is not None or merged[rule].max is not None)
    }


def applied(
    met: Iterable[tuple[str, str, str]], overrides: Mapping[str, RuleOverride], score: str = "language_score"
) -> list[dict[str, Any]]:
    """Bounds for each language, and the sources that they hold for. `met`: (language, source, profile), sorted."""
    rows: list[dict[str, Any]] = []
    for language, source, profile in met:
        if language not in LANGUAGES:
            continue
        found = thresholds(profile, language, source, overrides, score)
        bounds = {rule: one.model_dump(include={"min", "max"}, exclude_none=True) for rule, one in found.items()}
        same = next((row for row in rows if row["language"] == language and row["bounds"] == bounds), None)
        if same is None:
            rows.append({"language": language, "sources": [source], "bounds": bounds})
        else:
            same["sources"].append(source)
    return rows


def check_overrides(overrides: Mapping[str, RuleOverride]) -> None:
    """Raises OpenbookError for a rule or a language that does not exist."""
    for rule, override in overrides.items():
        if rule not in STAGE_OF:
            raise OpenbookError(f"[corpus.filter.{rule}]: there is no such rule. The rules are {', '.join(RULES)}.")
        for language in override.language:
            if language not in LANGUAGES:
                raise OpenbookError(f"[corpus.filter.{rule}.language.{language}]: no such language in the table.")
