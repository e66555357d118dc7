"""What decides the index over the training text."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

VERSION = 1


class TraceSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    index: bool = True
    """False: no index is built, and nothing can be traced."""
    sealed: bool = True
    """Whether sealed documents stand in it. They are named by their id only, but the index holds their words: an index
    that is handed on should leave them out."""
    shard_tokens: Annotated[int, Field(ge=1000, le=200_000_000)] = 33_554_432
    """Tokens of a shard at most, but never less than a document; sorting one takes some 25 bytes of memory a token."""
