"""Is the answer the right one? Text after normalization, numbers by value.

A unit is part of the answer: `60 %` is not 60, and `5 km` is not 5. What stands around the answer must be told apart by
a marker; a right number somewhere in a long text is no answer.
"""

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from openbook.errors import OpenbookError
from openbook.tune.rewards.completion import Completion, Reward, said
from openbook.tune.rewards.settings import ExactAnswerSettings

_AROUND = " \t\n*_`'\"“”„«»‘’()[]{}.,;:!?¿¡"
_NUMBER = {
    False: re.compile(r"([+-]?)(\d{1,3}(?:[, '_]\d{3})+|\d+)?(?:\.(\d+))?(?:e([+-]?\d{1,3}))?( ?%)?"),
    True: re.compile(r"([+-]?)(\d{1,3}(?:[. '_]\d{3})+|\d+)?(?:,(\d+))?(?:e([+-]?\d{1,3}))?( ?%)?"),
}
"""By whether the comma is the decimal mark: sign, whole part, decimals, exponent, percent."""
_FRACTION = re.compile(r"([+-]?\d{1,30})/(\d{1,30})")
LONGEST = 200
"""Characters of what may be a number."""


def exact(settings: ExactAnswerSettings) -> Reward:
    """1.0 where the completion's answer is one of the row's, else 0.0."""

    def reward(prompts: Sequence[Completion], completions: Sequence[Completion], **columns: Any) -> list[float]:
        answers = columns.get(settings.column)
        if answers is None:
            raise OpenbookError(f"the reward for exact answers needs the column {settings.column!r} in the data.")
        return [
            float(same(said(completion), answer, settings))
            for completion, answer in zip(completions, answers, strict=True)
        ]

    return reward


def same(completion: str, answer: str | float | Sequence[str | float], settings: ExactAnswerSettings) -> bool:
    """Whether the answer that the completion marks equals one of those that are right, within the tolerance."""
    given = extracted(completion, settings.marker)
    if given is None:
        return False
    right = [answer] if isinstance(answer, str | int | float) else answer
    return any(_equal(given, str(one), settings) for one in right)


def extracted(completion: str, marker: str | None) -> str | None:
    """The line after the last marker; None where there is no marker. The whole text where none is asked for."""
    if marker is None:
        return completion
    _, found, after = completion.rpartition(marker)
    if not found:
        return None
    lines = after.strip().splitlines()
    return lines[0] if lines else ""


def _equal(given: str, right: str, settings: ExactAnswerSettings) -> bool:
    if settings.numbers:
        # The data's own answers are written the same way as the model is asked to write them.
        value, expected = (number(one, settings.decimal_comma) for one in (given, right))
        if value is not None and expected is not None:
            return value[1] == expected[1] and abs(value[0] - expected[0]) <= settings.tolerance * abs(expected[0])
    return normalized(given, settings.lower) == normalized(right, settings.lower) != ""


def normalized(text: str, lower: bool = True) -> str:
    """NFKC, one kind of white space, without quotation marks, emphasis and full stops around it."""
    text = " ".join(unicodedata.normalize("NFKC", text).split()).strip(_AROUND)
    return text.casefold() if lower else text


def number(text: str, decimal_comma: bool = False) -> tuple[Fraction, bool] | None:
    """The value of a text that is a number and nothing else, and whether it is a percentage; None for any other."""
    text = unicodedata.normalize("NFKC", text[:LONGEST]).replace("−", "-").strip()
    text = text.strip("*_`$ ").rstrip(".").strip().lower()
    fraction = _FRACTION.fullmatch(text)
    if fraction:
        return (Fraction(int(fraction[1]), int(fraction[2])), False) if int(fraction[2]) else None
    found = _NUMBER[decimal_comma].fullmatch(text)
    if found is None or not (found[2] or found[3]):
        return None
    whole = re.sub(r"\D", "", found[2] or "0")
    value = Decimal(f"{found[1]}{whole}.{found[3] or 0}e{found[4] or 0}")
    return Fraction(value), bool(found[5])
