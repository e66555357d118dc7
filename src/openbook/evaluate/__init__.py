"""How well a model knows each language: bits per byte on held-out text, information parity on parallel text."""

from typing import TYPE_CHECKING, Any

from openbook.evaluate.gates import Gates
from openbook.evaluate.settings import VERSION, EvaluateSettings

if TYPE_CHECKING:
    from openbook.evaluate.artifact import Evaluation
    from openbook.evaluate.compare import comparison
    from openbook.evaluate.memorized_passages import Trained
    from openbook.evaluate.step import evaluate, run

_LATER = {
    "Evaluation": "artifact",
    "Trained": "memorized_passages",
    "comparison": "compare",
    "evaluate": "step",
    "run": "step",
}

__all__ = ["VERSION", "EvaluateSettings", "Evaluation", "Gates", "Trained", "comparison", "evaluate", "run"]


def __getattr__(name: str) -> Any:
    """What needs NumPy and the like is imported when it is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
