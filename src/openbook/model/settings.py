"""What shape of model a recipe asks for."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from openbook.errors import OpenbookError
from openbook.model import family
from openbook.model.config import TransformerConfig


class ModelSettings(BaseModel):
    """The shape; the vocabulary is the tokenizer's. The defaults are 5.2 million weights beside the embeddings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    size: str | None = None
    """One dial: about so many weights beside the embeddings ("150M"); what is not given follows from it."""
    depth: int | None = Field(None, ge=1, le=family.DEEPEST, strict=True)
    """The same dial in layers."""
    dim: int = Field(256, ge=8, multiple_of=2)
    layers: int = Field(7, ge=1)
    heads: int = Field(4, ge=1)
    kv_heads: int = Field(2, ge=1)
    feed_forward: int = Field(704, ge=8)
    context: int = Field(512, ge=8)
    head_dim: int | None = Field(None, ge=2, multiple_of=2)
    """dim / heads when not given."""
    rope_theta: float = Field(10_000.0, gt=0)
    tied: bool = True

    @model_validator(mode="before")
    @classmethod
    def _one_dial(cls, values: Any) -> Any:
        try:
            return family.complete(values) if isinstance(values, dict) else values
        except OpenbookError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _fits(self) -> "ModelSettings":
        if self.head_dim is None and (self.dim % self.heads or (self.dim // self.heads) % 2):
            raise ValueError(f"dim {self.dim} must be an even multiple of heads {self.heads}")
        if self.heads % self.kv_heads:
            raise ValueError(f"heads {self.heads} must be a multiple of kv_heads {self.kv_heads}")
        return self

    def config(self, vocabulary: int, bos: int) -> TransformerConfig:
        """The whole shape, with what the tokenizer decides; `bos` both starts and ends a document."""
        return TransformerConfig(
            vocabulary=vocabulary,
            dim=self.dim,
            layers=self.layers,
            heads=self.heads,
            kv_heads=self.kv_heads,
            feed_forward=self.feed_forward,
            context=self.context,
            head_dim=self.head_dim or self.dim // self.heads,
            rope_theta=self.rope_theta,
            tied=self.tied,
            bos=bos,
            eos=(bos,),
        )
