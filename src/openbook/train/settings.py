"""What decides a training run: its length, the mixture, the optimizer, the arithmetic, the seed."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from openbook.train.canaries import CanarySettings
from openbook.train.goldfish import Goldfish

VERSION = 4
"""Raised when the same settings would give other weights, or other files beside them."""
DEFAULT_STEPS = 700
COLDEST = 0.05
"""Least temperature: 1 / 0.05 as an exponent of a corpus' tokens still is a number, and one language has everything
long before."""
Weight = Annotated[float, Field(ge=0, le=1e9)]
Epochs = Annotated[float, Field(gt=0, le=1e9)]


class Stage(BaseModel):
    """A stretch of the run with its own mixture, from `start` (a share of the run) to the next stage's."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    start: float = Field(ge=0, lt=1)
    temperature: float = Field(1.0, ge=COLDEST)
    weights: dict[str, Weight] = Field(default_factory=dict)
    """Factor by language on what the temperature gives; 0 leaves a language out of this stage."""
    sources: dict[str, Weight] = Field(default_factory=dict)
    """Factor by source within its language, in place of `source_weights`; 0 leaves a source out of this stage."""


class QualityWeights(BaseModel):
    """Documents are drawn by their score: `limits` part it, each stretch has its weight."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    score: str
    """Name of a [[corpus.quality]]."""
    limits: tuple[float, ...] = Field((0.5,), min_length=1)
    """Rising; a document at a limit belongs above it."""
    weights: tuple[float, ...] = (0.5, 1.0)
    """One more than limits: below the first, between them, from the last on."""
    unscored: float = Field(1.0, ge=0)
    """Of documents without the score."""

    @model_validator(mode="after")
    def _fits(self) -> "QualityWeights":
        if list(self.limits) != sorted(set(self.limits)):
            raise ValueError("limits must rise")
        if len(self.weights) != len(self.limits) + 1 or min(self.weights) < 0:
            raise ValueError(f"{len(self.limits)} limits need {len(self.limits) + 1} weights, none below 0")
        return self


class TrainSettings(BaseModel):
    """Learning rates hold for a model 256 wide; wider models scale them (`openbook.train.optimizer.rates`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    steps: int | None = Field(None, ge=1)
    """700 when neither steps nor tokens are given."""
    tokens: int | None = Field(None, ge=1)
    """Instead of steps: rounded up to whole steps."""
    tokens_per_parameter: float | None = Field(None, gt=0)
    """Instead of both, in a recipe: `tokens` is this times the weights beside the embeddings."""
    initial: str | None = None
    """Folder of a Llama model in Hugging Face's form whose weights the run starts from; the record holds its digest."""
    batch_rows: int = Field(8, ge=1)
    micro_rows: int | None = Field(None, ge=1)
    """Rows computed at once; gradients are summed over them. Decides the last bits of the weights."""
    sequence: int = Field(512, ge=8)
    """Tokens of a row; at most the model's context, and best equal to it: positions that were never trained on
    are not understood."""
    optimizer: Literal["muon", "adamw"] = "muon"
    matrix_rate: float = Field(0.02, gt=0)
    """Muon's learning rate, for the matrices of the blocks."""
    rate: float | None = Field(None, gt=0)
    """AdamW's: 4e-3 for the rest beside Muon, 3e-3 alone, when not given."""
    warmup: float = Field(0.02, ge=0, le=1)
    """Share of the run in which the rates rise from 0."""
    decay: float = Field(0.6, ge=0, le=1)
    """Share of the run, at its end, in which they fall to 0."""
    weight_decay: float = Field(0.0, ge=0)
    clip: float = Field(1.0, gt=0)
    """Gradients longer than this are shortened to it."""
    temperature: float = Field(2.0, ge=COLDEST)
    """A language's weight is its tokens to the power of 1 / temperature."""
    epochs: float = Field(8.0, gt=0)
    """No language is repeated more often than this."""
    source_weights: dict[str, Weight] = Field(default_factory=dict)
    """Factor by source on its share of the tokens of its language; what languages get stays as it is."""
    source_epochs: dict[str, Epochs] = Field(default_factory=dict)
    """Sources that may be repeated more, or less, often than `epochs` says."""
    quality: QualityWeights | None = None
    """Good documents more often than others, without building the corpus anew."""
    stages: tuple[Stage, ...] = ()
    mask_documents: bool = False
    """No attention across the border of two documents."""
    goldfish: Goldfish | None = None
    """Tokens left out of the loss, so that no passage is learnt whole."""
    canaries: CanarySettings | None = None
    """Random sequences trained on, to measure memorization by."""
    on_spike: Literal["report", "stop", "skip", "roll-back"] = "report"
    """What happens when loss or gradient jump. A loss that is not finite stops the run under `report` too."""
    spike_window: int = Field(64, ge=8, le=4096)
    """Steps that a step's loss and gradient are held against; before so many were run nothing is a jump."""
    spike_deviations: float = Field(12.0, gt=0)
    """A jump is more than so many median absolute deviations above the median of those steps."""
    seed: int = Field(1, ge=0)
    checkpoint_every: int = Field(200, ge=1)
    keep: int = Field(2, ge=1)
    """Published checkpoints that keep their optimizer state, the last ones."""
    compile: bool = True
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    recompute: bool = False
    """Forget the blocks' activations and compute them again: less memory, a third more work."""

    @model_validator(mode="after")
    def _fits(self) -> "TrainSettings":
        if self.tokens is not None and self.steps is not None:
            raise ValueError("give steps or tokens, not both")
        if self.micro_rows is not None and self.batch_rows % self.micro_rows:
            raise ValueError(f"batch_rows {self.batch_rows} must be a multiple of micro_rows {self.micro_rows}")
        if self.warmup + self.decay > 1:
            raise ValueError("warmup and decay are shares of the run and must not exceed 1 together")
        starts = [stage.start for stage in self.stages]
        if starts and (starts[0] != 0 or starts != sorted(set(starts))):
            raise ValueError("stages must start at 0 and rise")
        return self

    @property
    def sources_named(self) -> list[str]:
        """The sources that the mixture speaks of."""
        return sorted(
            {*self.source_weights, *self.source_epochs, *(name for one in self.stages for name in one.sources)}
        )

    @property
    def by_source(self) -> bool:
        """Whether sources are drawn each by itself."""
        return bool(self.sources_named)

    @property
    def total_steps(self) -> int:
        if self.tokens is None:
            return self.steps or DEFAULT_STEPS
        return math.ceil(self.tokens / (self.batch_rows * self.sequence))

    @property
    def resolved_rate(self) -> float:
        return self.rate or (4e-3 if self.optimizer == "muon" else 3e-3)
