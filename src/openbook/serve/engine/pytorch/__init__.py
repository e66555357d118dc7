"""Our own engine for Hugging Face folders of Llamas: static cache, continuous batching, exact log-probabilities."""

from openbook.serve.engine.pytorch.engine import PytorchEngine

__all__ = ["PytorchEngine"]
