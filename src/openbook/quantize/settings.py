"""What a recipe may say about quantizing."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from openbook.model.export.settings import Format

VERSION = 2


class QuantizeSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    formats: Annotated[tuple[Format, ...], Field(min_length=1)] = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0")
    calibrated: tuple[Format, ...] = ("Q4_K_M",)
    """Formats also written with an importance matrix."""
    calibration_tokens: Annotated[int, Field(ge=64)] = 2_048
    """Tokens of training text of each language behind the importance matrix: as many of a small one as of a large."""
    measured_bytes: Annotated[int, Field(ge=500)] = 6_000
    """Held-out text of each language that the loss is measured on."""
    document_bytes: Annotated[int, Field(ge=200)] = 1_000
    resamples: Annotated[int, Field(ge=100, le=100_000)] = 1_000
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    gates: dict[str, dict[str, float]] = {}
    """Format -> language code or `"*"` -> largest mean KL divergence in nats."""
