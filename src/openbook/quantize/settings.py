"""What a recipe may say about quantizing."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from openbook.model.export.settings import Format

VERSION = 2

PyTorch = Literal["INT8", "INT4"]
"""Weights that torchao quantizes, in a folder that transformers loads."""
AnyFormat = Format | PyTorch


class QuantizeSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    formats: tuple[AnyFormat, ...] = ("Q6_K", "Q4_K_M")
    """Files to write beside the export's own; those are measured too."""
    calibrated: tuple[Format, ...] = ("Q4_K_M",)
    """Formats also written with an importance matrix."""
    calibration_tokens: Annotated[int, Field(ge=64)] = 1_024
    """Tokens of training text of each language behind the importance matrix: as many of a small one as of a large."""
    measured_bytes: Annotated[int, Field(ge=500)] = 3_000
    """Held-out text of each language that the loss is measured on."""
    document_bytes: Annotated[int, Field(ge=200, le=4_000)] = 1_000
    """Longest text that is measured in one piece."""
    checked_tokens: Annotated[int, Field(ge=8, le=512)] = 64
    """Tokens of each language on which a file must stay within its format's limits before anything is measured."""
    reference: str = "en"
    """The language that the others are set against."""
    resamples: Annotated[int, Field(ge=100, le=100_000)] = 1_000
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    gates: dict[AnyFormat, dict[str, float]] = {}
    """Format -> language code or `"*"` -> largest mean KL divergence in nats."""
    serve: Format | None = None
    """The format that the release serves, calibrated where it is; its F16 where none is named."""

    @model_validator(mode="after")
    def _once(self) -> "QuantizeSettings":
        for name in ("formats", "calibrated"):
            asked = getattr(self, name)
            doubled = sorted({kind for kind in asked if asked.count(kind) > 1})
            if doubled:
                raise ValueError(f"{name}: {doubled[0]} stands there twice")
        useless = sorted({"F32", "F16", "BF16"} & set(self.calibrated))
        if useless:
            raise ValueError(f"calibrated: {useless[0]} has no use for an importance matrix; it is not quantized")
        return self
