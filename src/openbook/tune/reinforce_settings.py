"""What a recipe may say about reinforcement: the rewards, and how answers are drawn and learned from."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from openbook.tune.rewards.settings import RewardSettings


class GrpoSettings(BaseModel):
    """Group relative policy optimization (Shao et al. 2024, arXiv 2402.03300)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    parts: Annotated[tuple[RewardSettings, ...], Field(min_length=1)]
    """The rewards whose weighted sum is learned from. Paths in them are relative to the folder of the command."""
    steps: Annotated[int, Field(ge=1)] = 100
    prompts: Annotated[int, Field(ge=1)] = 4
    """Prompts of one optimizer step."""
    answers: Annotated[int, Field(ge=2)] = 8
    """Answers drawn for each prompt; each is held against the mean of its group."""
    micro_batch: Annotated[int, Field(ge=1)] | None = None
    """Answers computed at once; all of a step where None."""
    longest_answer: Annotated[int, Field(ge=1)] = 256
    """Tokens."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    schedule: Literal["linear", "cosine", "constant"] = "constant"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the steps."""
    clip: Annotated[float, Field(gt=0)] = 1.0
    beta: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the divergence from the base. With 0 the base is not computed."""
    scale: Literal["group", "batch", "none"] = "group"
    """What an advantage is divided by: the spread of its group, of the batch, or nothing (Liu et al. 2025)."""
    loss: Literal["grpo", "dr_grpo", "dapo", "bnpo"] = "dapo"
    """How tokens of long and short answers weigh against each other."""
    cut_answers: bool = True
    """Answers that were cut at `longest_answer` are learned from too."""
    checkpoint_every: Annotated[int, Field(ge=1)] = 25
    """Steps."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1

    @model_validator(mode="after")
    def _fits(self) -> "GrpoSettings":
        drawn = self.prompts * self.answers
        if self.micro_batch is not None and drawn % self.micro_batch:
            raise ValueError(f"prompts times answers ({drawn}) must be a multiple of micro_batch ({self.micro_batch})")
        return self
