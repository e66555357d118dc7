"""Verifiable rewards: figures for a completion that a program can check, for GRPO and for measuring."""

from typing import TYPE_CHECKING, Any

from openbook.tune.rewards.settings import (
    CodeSettings,
    ExactAnswerSettings,
    FormatSettings,
    LanguageSettings,
    RewardSettings,
)

if TYPE_CHECKING:
    from openbook.tune.rewards.weighted import Part, Sum, check_rows, parts, total

_LATER = {"Part", "Sum", "check_rows", "parts", "total"}

__all__ = [
    "CodeSettings",
    "ExactAnswerSettings",
    "FormatSettings",
    "LanguageSettings",
    "Part",
    "RewardSettings",
    "Sum",
    "check_rows",
    "parts",
    "total",
]


def __getattr__(name: str) -> Any:
    """What needs the identifier and the sandbox is imported when it is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from openbook.tune.rewards import weighted

    return getattr(weighted, name)
