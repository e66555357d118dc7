"""What a recipe may say about the measurement of memorization."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class MemorizationSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    passages: Annotated[int, Field(ge=0, le=10_000)] = 2
    """Of each language, trained on and held out each; 0 leaves the measurement out. The interval says how little few
    passages tell of a language; over all languages they tell more."""
    prefixes: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (32, 64, 128)
    """Tokens of the passage that the model is given; those too long for its context are left out."""
    continuation: Annotated[int, Field(ge=1, le=1000)] = 32
    """Tokens that it must then give back."""
    alternatives: Annotated[int, Field(ge=1, le=100_000)] = 127
    """Random sequences that each canary is ranked among; exposure is at most the binary logarithm of one more."""
