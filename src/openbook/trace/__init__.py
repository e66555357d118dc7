"""From a place in the training data to the page it came from, and back; and where a document of the corpus went."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openbook.trace.lineage import Place, describe, page_text, place, seen

__all__ = ["Place", "describe", "page_text", "place", "seen"]


def __getattr__(name: str) -> Any:
    """lineage loads training and tokenizer with it: only when it is asked."""
    if name not in __all__:
        raise AttributeError(name)
    from openbook.trace import lineage

    return getattr(lineage, name)
