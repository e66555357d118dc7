"""Several rewards and their weights: what the trainer is handed, and the sum with each of its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbook.corpus.identify import DEFAULT
from openbook.errors import OpenbookError
from openbook.tune.rewards.completion import Completion, Reward
from openbook.tune.rewards.settings import (
    CodeSettings,
    ExactAnswerSettings,
    FormatSettings,
    LanguageSettings,
    RewardSettings,
)


@dataclass(frozen=True)
class Part:
    name: str
    weight: float
    reward: Reward
    """Its `__name__` is the part's name: the trainer logs it as `rewards/NAME/mean`."""
    needs: tuple[str, ...] = ()
    """Columns that every row must have."""


@dataclass(frozen=True)
class Sum:
    total: list[float]
    """One for each completion."""
    parts: Mapping[str, list[float]]
    """Name -> what each completion got, before the weight."""

    def means(self) -> dict[str, float]:
        """For a log: `reward`, and `rewards/NAME` of each part."""
        named = {"reward": self.total, **{f"rewards/{name}": values for name, values in self.parts.items()}}
        return {name: sum(values) / len(values) for name, values in named.items() if values}


def parts(settings: Sequence[RewardSettings], base: Path = Path()) -> list[Part]:
    """Each reward made ready. `base`: the folder that paths are relative to.

    Raises OpenbookError for names that stand twice, and where a reward cannot work on this machine.
    """
    names = [one.name or one.kind for one in settings]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OpenbookError(f"two rewards are named {twice[0]!r}: give each a name of its own.")
    if not settings:
        raise OpenbookError("there is no reward: name at least one.")
    return [_part(name, one, base) for name, one in zip(names, settings, strict=True)]


def _part(name: str, settings: RewardSettings, base: Path) -> Part:
    reward, needs = _made(settings, base)
    reward.__name__ = name
    return Part(name, settings.weight, reward, needs)


def _made(settings: RewardSettings, base: Path) -> tuple[Reward, tuple[str, ...]]:
    if isinstance(settings, ExactAnswerSettings):
        from openbook.tune.rewards.exact import exact

        return exact(settings), (settings.column,)
    if isinstance(settings, FormatSettings):
        from openbook.tune.rewards.form import form

        return form(settings), ()
    if isinstance(settings, CodeSettings):
        from openbook.tune.rewards.code import code

        return code(settings), ()
    assert isinstance(settings, LanguageSettings)
    from openbook.tune.rewards.language import consistency

    if settings.identifier != DEFAULT:
        settings = settings.model_copy(update={"identifier": str((base / settings.identifier).absolute())})
    return consistency(settings), ()


def check_rows(parts: Sequence[Part], rows: Sequence[Mapping[str, Any]]) -> None:
    """Raises OpenbookError that names the first rows which lack what a reward needs, before anything is computed."""
    for part in parts:
        for column in part.needs:
            lacking = [index for index, row in enumerate(rows, 1) if row.get(column) is None]
            if lacking:
                named = ", ".join(str(one) for one in lacking[:5])
                raise OpenbookError(
                    f"the reward {part.name!r} needs {column!r} in every row; {len(lacking)} of {len(rows)} rows lack "
                    f"it (row {named}{', ...' if len(lacking) > 5 else ''})."
                )


def total(
    parts: Sequence[Part], prompts: Sequence[Completion], completions: Sequence[Completion], **columns: Any
) -> Sum:
    """What the trainer computes, for use outside of it: the weighted sum, and each part."""
    found = {part.name: part.reward(prompts, completions, **columns) for part in parts}
    sums = [sum(part.weight * found[part.name][index] for part in parts) for index in range(len(completions))]
    return Sum(sums, found)
