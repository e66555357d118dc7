"""Smaller files of the same model, and what each language pays for them."""

from typing import TYPE_CHECKING, Any

from openbook.quantize.settings import VERSION, QuantizeSettings

if TYPE_CHECKING:
    from openbook.quantize.artifact import Quantized
    from openbook.quantize.step import OURS, quantize, run

_LATER = {"Quantized": "artifact", "OURS": "step", "quantize": "step", "run": "step"}

__all__ = ["OURS", "VERSION", "QuantizeSettings", "Quantized", "quantize", "run"]


def __getattr__(name: str) -> Any:
    """What needs NumPy and the like is imported when it is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
