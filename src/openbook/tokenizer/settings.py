"""What decides a tokenizer and a tokenized corpus; everything here is part of their identity."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

VERSION = 1
"""Raise it when the same settings would give another tokenizer."""
TOKENIZE_VERSION = 2
"""Raise it when the same tokenizer would give other token files."""


class TokenizerGates(BaseModel):
    """What a tokenizer must keep to; the step fails by name of gate and language. None: not asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    worst_ratio: float | None = Field(None, gt=0)
    """Most tokens that any language may need for what English says in one, on the parallel text."""
    gini: float | None = Field(None, ge=0, le=1)
    """Highest Gini coefficient over languages of the tokens for the same content."""
    unreachable: int | None = Field(0, ge=0)
    """Most vocabulary entries that no text is ever encoded to."""


class ExtendSettings(BaseModel):
    """Another model's byte-level vocabulary, and further entries for the languages of this corpus."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str
    """Folder with the tokenizer.json; the record holds a digest of it."""
    entries: int = Field(ge=1, le=1 << 20)


LEARNT = {"vocabulary", "balance", "plain_share", "sharpness", "window", "window_share", "digits", "reserved"}
"""Settings that another's tokenizer has decided already."""


class TokenizerSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    taken: str | None = Field(None, alias="from")
    """Folder of another model whose tokenizer is taken over as it is; the record holds a digest of it."""
    extend: ExtendSettings | None = None
    vocabulary: int = Field(8192, ge=512, le=1 << 20)
    """Entries, special tokens and the 256 bytes included."""
    balance: Literal["temperature", "parity"] = "temperature"
    """`temperature`: one count over a balanced sample. `parity`: who is worse off has more say in every merge."""
    temperature: float = Field(5.0, ge=1)
    """A language's share of the sample is as its bytes^(1/temperature): 1 is as the corpus has it; large is equal."""
    plain_share: float = Field(0.1, ge=0, le=1)
    """With `parity`: the share of the merges that is chosen over all languages before the worst off begins to pick."""
    sharpness: int | None = Field(12, ge=1, le=64)
    """With `parity`: what a pair counts in a language is multiplied by its tokens for the same content, over the mean,
    to this power. None, "published" in a recipe: the worst off alone picks, as published (arXiv 2508.04796)."""
    window: int = Field(100, ge=0)
    """Where the worst off alone picks: no language may pick more than its part of so many merges; 0 sets no limit."""
    window_share: float = Field(2.0, ge=1)
    """A language's part of the window, as a multiple of an equal part."""
    sample_bytes: int = Field(32 << 20, ge=1 << 10, le=4 << 30)
    """Bytes of text that merges are learned from, over all languages."""
    most_repeats: int = Field(4, ge=1)
    """How many times at most the text of a language counts that has less than its share."""
    longest_token: int = Field(48, ge=2)
    """Bytes."""
    digits: Literal["single", "triple"] = "single"
    """`single`: each digit is a token (split pattern `qwen35`). `triple`: up to three together (`llama-bpe`)."""
    reserved: int = Field(12, ge=0, le=1000)
    """Special tokens kept free for later use."""
    seed: int = 0
    gates: TokenizerGates = Field(default_factory=lambda: TokenizerGates.model_validate({}))

    @field_validator("sharpness", mode="before")
    @classmethod
    def _published(cls, value: object) -> object:
        return None if value == "published" else value

    @model_validator(mode="after")
    def _one_origin(self) -> "TokenizerSettings":
        if self.taken is not None and self.extend is not None:
            raise ValueError("give `from` (a tokenizer as it is) or `extend` (one with further entries), not both")
        extra = sorted(name for name in LEARNT & self.model_fields_set if self.foreign)
        if extra and any(getattr(self, name) != type(self).model_fields[name].default for name in extra):
            raise ValueError(f"{', '.join(extra)}: the tokenizer that is taken over has decided that; leave it out")
        return self

    @property
    def foreign(self) -> str | None:
        """The folder of another's tokenizer, or its digest in a record."""
        return self.extend.base if self.extend else self.taken

    @model_validator(mode="after")
    def _holds_more_than_bytes(self) -> "TokenizerSettings":
        least = 4 + self.reserved + 256
        if self.vocabulary <= least:
            raise ValueError(f"vocabulary must be above {least}: special tokens and the 256 bytes alone need as many")
        return self


class TokenizeSettings(BaseModel):
    """Nothing decides how a corpus is encoded but the corpus and the tokenizer."""

    model_config = ConfigDict(frozen=True, extra="forbid")
