"""Which of a few near relatives is it: the second look, by what one of them writes and another does not.

The evidence is data, in varieties.toml: words, beginnings and ends of words, patterns; each with what it is worth.
"""

import math
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

_WORD = re.compile(r"[^\W\d_]+")
COUNTED = 3
"""Occurrences of one word that count."""
DECLARED = 2.5
"""What a declaration is worth, in words."""
COUNTRY = 2.0
"""What the country in the page's address is worth, in words."""
STRENGTH = 0.9
"""Log odds of one word."""
LONGEST = 14
"""Letters of the longest beginning or end that is looked up."""
STEM = 3
"""Letters that must stand before an end."""
REMEMBERED = 100_000
LEAST_SHARE = 0.02
NOTHING: Mapping[str, float] = {}


@dataclass(frozen=True)
class Family:
    labels: tuple[str, ...]
    script: str
    prior: Mapping[str, float]
    label: Mapping[str, tuple[str, ...]]
    """Member -> labels under which a model may know it."""
    silence: Mapping[str, float]
    """Member -> what it loses per 1,000 characters: a text of it would have shown words of its own by then."""
    countries: Mapping[str, str]
    """Top-level domain -> the member that is written there most."""
    trust: float
    """What the model's own shares of the labels are worth."""
    whole: Mapping[str, Mapping[str, float]]
    """Word -> member -> what it adds."""
    beginnings: Mapping[str, Mapping[str, float]]
    ends: Mapping[str, Mapping[str, float]]
    patterns: Sequence[tuple[re.Pattern[str], Mapping[str, float]]]
    seen: dict[str, Mapping[str, float]] = field(default_factory=dict, compare=False)
    """Words looked up before, with what they say: most words of a text are frequent ones."""

    def points(self, text: str) -> dict[str, float]:
        """What `text` says for each member, its prior included."""
        points = dict(self.prior)
        for member, loss in self.silence.items():
            points[member] -= loss * len(text) / 1000
        text = text.lower()
        seen = self.seen
        for word, count in Counter(_WORD.findall(text)).items():
            gains = seen.get(word)
            if gains is None:
                gains = self._remember(word)
            if gains:
                for member, gain in gains.items():
                    points[member] += min(count, COUNTED) * gain
        for pattern, gains in self.patterns:
            found = len(pattern.findall(text))
            for member, gain in gains.items() if found else ():
                points[member] += min(found, COUNTED) * gain
        return points

    def _remember(self, word: str) -> Mapping[str, float]:
        if len(self.seen) >= REMEMBERED:
            self.seen.clear()
        found = self.seen[word] = self._look_up(word)
        return found

    def _look_up(self, word: str) -> Mapping[str, float]:
        """The whole word, else its longest beginning that is known, else its longest end."""
        found = self.whole.get(word)
        if found is not None:
            return found
        for size in range(min(len(word), LONGEST), 0, -1):
            found = self.beginnings.get(word[:size])
            if found is not None:
                return found
        for size in range(min(len(word) - STEM, LONGEST), 0, -1):
            found = self.ends.get(word[-size:])
            if found is not None:
                return found
        return NOTHING

    def member(
        self, text: str, shares: Mapping[str, float], declared: str | None = None, country: str = ""
    ) -> dict[str, float]:
        """Each member's probability inside the family; `shares`: what the model gives its labels; `country`: the
        top-level domain of the page's address."""
        points = self.points(text)
        together = sum(shares.get(label, 0.0) for label in self.labels) or 1.0
        for one, labels in self.label.items():
            share = max(sum(shares.get(label, 0.0) for label in labels) / together, LEAST_SHARE)
            points[one] += self.trust * math.log(share) / STRENGTH
        if declared and declared not in points:  # `sr` alone means Cyrillic: here the letters have spoken
            declared = next((one for one in points if one.split("-")[0] == declared.split("-")[0]), None)
        if declared:
            points[declared] += DECLARED
        if country in self.countries:
            points[self.countries[country]] += COUNTRY
        best = max(points.values())
        odds = {one: math.exp(STRENGTH * (value - best)) for one, value in points.items()}
        total = sum(odds.values())
        return {one: value / total for one, value in odds.items()}


@cache
def families() -> tuple[Family, ...]:
    """From varieties.toml. A word listed in several groups has the sum of what they give."""
    rows = tomllib.loads(files("openbook.corpus").joinpath("varieties.toml").read_text(encoding="utf-8"))["family"]
    return tuple(_family(row) for row in rows)


def _family(row: Mapping[str, Any]) -> Family:
    whole: dict[str, dict[str, float]] = {}
    beginnings: dict[str, dict[str, float]] = {}
    ends: dict[str, dict[str, float]] = {}
    patterns: list[tuple[re.Pattern[str], Mapping[str, float]]] = []
    for group in row["evidence"]:
        weight = float(group.get("weight", 1.0))
        for word in sorted(set(group.get("words", ()))):
            where = beginnings if word.endswith("*") else ends if word.startswith("*") else whole
            entry = where.setdefault(word.strip("*"), {})
            for member in group["for"]:
                entry[member] = entry.get(member, 0.0) + weight
        gains = dict.fromkeys(group["for"], weight)
        patterns += [(re.compile(pattern), gains) for pattern in group.get("patterns", ())]
    return Family(
        labels=tuple(row["labels"]),
        script=row["script"],
        prior=dict(row["prior"]),
        label={member: tuple(labels) for member, labels in row["label"].items()},
        silence=dict(row["silence"]),
        countries=dict(row.get("countries", {})),
        trust=float(row["trust"]),
        whole=whole,
        beginnings=beginnings,
        ends=ends,
        patterns=patterns,
    )
