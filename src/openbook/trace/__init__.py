"""From a place in the training data to the page it came from, and back; from a text to the documents that hold it."""

from typing import TYPE_CHECKING, Any

from openbook.trace.settings import VERSION, TraceSettings

if TYPE_CHECKING:
    from openbook.trace.build import run
    from openbook.trace.index import TraceIndex
    from openbook.trace.lineage import Place, describe, page_text, place, seen

_LATER = {
    **dict.fromkeys(("Place", "describe", "page_text", "place", "seen"), "lineage"),
    "TraceIndex": "index",
    "run": "build",
}

__all__ = ["VERSION", "Place", "TraceIndex", "TraceSettings", "describe", "page_text", "place", "run", "seen"]


def __getattr__(name: str) -> Any:
    """lineage loads training and tokenizer with it, the index numba: only when they are asked."""
    if name not in _LATER:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"openbook.trace.{_LATER[name]}"), name)
