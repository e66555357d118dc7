"""Make a model yours: supervised fine-tuning, preferences, rewards; checked data, one template, no language forgotten.

TRL and PEFT train (extra `tune`); data, masks, checks, records and gates are here.
"""

from typing import TYPE_CHECKING, Any

from openbook.tune.settings import VERSION, TuneRecipe, load

if TYPE_CHECKING:
    from openbook.tune.artifact import Tuned
    from openbook.tune.base import Base, open_base
    from openbook.tune.step import run

_LATER = {"Tuned": "artifact", "Base": "base", "open_base": "base", "run": "step"}

__all__ = ["VERSION", "Base", "TuneRecipe", "Tuned", "load", "open_base", "run"]


def __getattr__(name: str) -> Any:
    """What needs NumPy and the like is imported when it is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
