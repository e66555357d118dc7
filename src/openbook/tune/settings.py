"""What a tuning recipe may say: base, data, method, the languages that must not suffer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from openbook.errors import OpenbookError
from openbook.languages import language
from openbook.model.export.settings import Format

if TYPE_CHECKING:
    from openbook.tune.reinforce_settings import GrpoSettings

VERSION = 2

Kind = Literal["auto", "text", "messages", "completion", "judged", "preference", "alpaca", "sharegpt", "prompt"]
Targets = tuple[
    Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], ...
]  # the matrices of a Llama block, as Hugging Face and PEFT name them
Share = Annotated[float, Field(gt=0, lt=1)]


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OriginSettings(Table):
    """What is known of a base that is not ours; what is left out is read from its files, or `not recorded`."""

    name: str | None = None
    license: str | None = None
    """SPDX identifier."""
    link: str | None = None
    training_flops: Annotated[float, Field(gt=0)] | None = None
    """Operations that the base was trained with, where its makers publish them."""


class DataSettings(Table):
    files: Annotated[tuple[str, ...], Field(min_length=1)]
    """JSON Lines, JSON or Parquet, relative to the recipe."""
    kind: Kind = "auto"
    """`auto` takes each row by the keys that it has."""
    validation: Share | str | None = 0.05
    """A share of the examples, or a file."""
    description: str | None = None
    """What the examples are and where they come from: a sentence for the documents."""
    license: str | None = None
    """SPDX identifier, or a few words."""
    template: str = "base"
    """`base`: that of the base; `chatml`; or the path of a Jinja file."""


class MethodSettings(Table):
    kind: Literal["sft", "dpo", "grpo"] = "sft"
    adapter: Literal["lora", "qlora", "dora", "none"] = "lora"
    rank: Annotated[int, Field(ge=1)] = 16
    alpha: Annotated[int, Field(ge=1)] = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: Annotated[Targets, Field(min_length=1)] = (
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    )
    epochs: Annotated[float, Field(gt=0)] | None = None
    steps: Annotated[int, Field(ge=1)] | None = None
    batch: Annotated[int, Field(ge=1)] = 8
    """Examples (packed: rows) of one optimizer step."""
    micro_batch: Annotated[int, Field(ge=1)] | None = None
    """Examples computed at once; all of the batch where None."""
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    """2e-4 for adapters, 2e-5 for whole models; a tenth of it for DPO and GRPO."""
    schedule: Literal["linear", "cosine", "constant"] = "cosine"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of the steps."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Annotated[float, Field(gt=0)] = 1.0
    sequence: Annotated[int, Field(ge=8)] | None = None
    """Tokens of the longest example; the base's context, 2,048 at most, where None."""
    packing: bool = False
    """Several examples in a row, none seeing another."""
    beta: Annotated[float, Field(gt=0)] = 0.1
    """DPO: how strongly the tuned model is held to its base."""
    evaluate_every: Annotated[int, Field(ge=1)] = 50
    checkpoint_every: Annotated[int, Field(ge=1)] = 50
    recompute: bool = False
    """Activations are computed again instead of kept: less memory, a third more time."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1

    @model_validator(mode="after")
    def _fits(self) -> "MethodSettings":
        if self.epochs is not None and self.steps is not None:
            raise ValueError("give epochs or steps, not both")
        if self.micro_batch is not None and self.batch % self.micro_batch:
            raise ValueError(f"batch ({self.batch}) must be a multiple of micro_batch ({self.micro_batch})")
        if self.packing and self.kind != "sft":
            raise ValueError(f'packing is for kind = "sft", not for {self.kind!r}')
        return self

    @property
    def rate(self) -> float:
        usual = 2e-5 if self.adapter == "none" else 2e-4
        return self.learning_rate or (usual if self.kind == "sft" else usual / 10)


class ForgettingSettings(Table):
    """Languages are measured before and after; one that falls beyond its interval fails the step."""

    on: str | None = None
    """A run whose held-out and parallel text is taken; the base's own run, or the text that the program brings."""
    files: dict[str, str] = {}
    """Language -> a file of texts of it (paragraphs, or JSON lines with `text`), relative to the recipe; instead."""
    languages: tuple[str, ...] | None = None
    """All that there are texts of where None; empty: nothing is measured, and the record says so."""
    accepted: tuple[str, ...] = ()
    """Languages that may become worse."""
    bytes: Annotated[int, Field(ge=1)] = 12_000
    """Of each language."""

    @model_validator(mode="after")
    def _known(self) -> "ForgettingSettings":
        for code in (*self.accepted, *(self.languages or ()), *self.files):
            try:
                language(code)
            except OpenbookError as error:
                raise ValueError(str(error)) from None
        return self


class TuneExportSettings(Table):
    formats: tuple[Format, ...] = ("F16",)
    """GGUF files of the whole tuned model; the adapter's own is always written."""


class TuneRecipe(Table):
    """One tuning, whole. Paths in it are relative to the recipe's own folder."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    description: str = ""
    license: str | None = None
    """SPDX identifier of the license that the tuned model is given out under."""
    provider: str | None = None
    base: str
    """A Hugging Face folder of a Llama model, a GGUF file of one, or a run's folder."""
    origin: OriginSettings = OriginSettings()
    data: DataSettings
    method: MethodSettings = MethodSettings()
    rewards: dict[str, Any] = {}
    """Settings of GRPO and its rewards (`openbook.tune.reinforce_settings.GrpoSettings`)."""
    forgetting: ForgettingSettings = ForgettingSettings()
    export: TuneExportSettings = TuneExportSettings()

    @model_validator(mode="after")
    def _fits(self) -> "TuneRecipe":
        if self.rewards and self.method.kind != "grpo":
            raise ValueError(f'[rewards] is for method.kind = "grpo", not for {self.method.kind!r}')
        if self.method.kind == "grpo" and self.method.epochs is not None:
            raise ValueError("GRPO draws its own answers: give method.steps, not epochs")
        if self.method.kind == "dpo" and self.data.kind not in ("auto", "preference", "judged"):
            raise ValueError(f'DPO takes data of kind "preference" or "judged", not {self.data.kind!r}')
        return self


def load(path: Path) -> TuneRecipe:
    """Raises OpenbookError with one sentence a mistake, each with its line."""
    from openbook.recipe import complaint, parse

    recipe = parse(path, TuneRecipe)
    if recipe.method.kind == "grpo":
        from openbook.tune.reinforce_settings import GrpoSettings

        try:
            reinforcement(recipe)
        except ValidationError as error:
            raise complaint(path, GrpoSettings, error, ("rewards",)) from None
    return recipe


def reinforcement(recipe: TuneRecipe) -> "GrpoSettings":
    """What [rewards] asks for; steps, rate and the like are those of [method] where it does not say its own."""
    from openbook.tune.reinforce_settings import GrpoSettings

    method = recipe.method.model_dump(exclude_unset=True)
    shared = ("steps", "learning_rate", "micro_batch", "schedule", "warmup", "clip", "checkpoint_every", "seed")
    found: GrpoSettings = GrpoSettings.model_validate(
        {name: method[name] for name in shared if name in method} | recipe.rewards
    )
    return found
