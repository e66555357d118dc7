"""Minimal pairs: a sentence somebody wrote, and the same sentence with one thing broken. Which does a model prefer?"""

from typing import TYPE_CHECKING, Any

from openbook.evaluate.pairs.settings import PairSource

if TYPE_CHECKING:
    from openbook.evaluate.pairs.collection import collect, files
    from openbook.evaluate.pairs.generation import generate
    from openbook.evaluate.pairs.items import Pair, read_multiblimp, read_pairs, write_pairs
    from openbook.evaluate.pairs.score import score_pairs

_LATER = {
    "Pair": "items",
    "collect": "collection",
    "files": "collection",
    "generate": "generation",
    "read_multiblimp": "items",
    "read_pairs": "items",
    "score_pairs": "score",
    "write_pairs": "items",
}

__all__ = [
    "Pair",
    "PairSource",
    "collect",
    "files",
    "generate",
    "read_multiblimp",
    "read_pairs",
    "score_pairs",
    "write_pairs",
]


def __getattr__(name: str) -> Any:
    """What needs NumPy and the like is imported when it is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
