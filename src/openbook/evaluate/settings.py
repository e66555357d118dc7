"""What a recipe may say about evaluation."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from openbook.evaluate.gates import Gates
from openbook.evaluate.memorized_settings import MemorizationSettings
from openbook.evaluate.pairs.settings import PairSource

VERSION = 2


class EvaluateSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    """Of the resampling behind the intervals."""
    held_out_bytes: Annotated[int, Field(ge=1000)] = 24_000
    """Of each language so much held-out text is scored, whole documents in the order of their ids."""
    document_bytes: Annotated[int, Field(ge=200)] = 2_000
    """Of each document at most so much, its beginning, so that the text scored comes from many."""
    parallel_bytes: Annotated[int, Field(ge=1000)] = 6_000
    """Of the parallel text so many bytes of English, and the same lines of every other language."""
    overlap: Annotated[float, Field(ge=0, le=0.9)] = 0.25
    """Share of a window that repeats the one before as context, where a text is longer than the model's context."""
    resamples: Annotated[int, Field(ge=100, le=100_000)] = 2_000
    """Bootstrap samples behind an interval."""
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    reference: str = "en"
    """The language that the others' parity is stated relative to."""
    memorization: MemorizationSettings = MemorizationSettings()
    pairs: tuple[PairSource, ...] = ()
    """Sentences, and the same with one thing broken, that the model is to tell apart."""
    gates: Gates = Gates()
    """What every language must reach for the run to go on."""
