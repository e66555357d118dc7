"""What a recipe may say about rewards: one table for each part of the sum, told apart by `kind`."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

VERSION = 1


class _Reward(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")] | None = None
    """Under which the part is logged; its kind where None. Two parts of one kind need names."""
    weight: float = 1.0
    """In the sum. A negative weight is a penalty."""


class ExactAnswerSettings(_Reward):
    """1 where the completion's answer is the row's, else 0."""

    kind: Literal["exact"] = "exact"
    column: str = "answer"
    """Of the data: the right answer, or a list of right answers."""
    marker: str | None = None
    """The answer is what follows the last marker, on its line (`####`, `Answer:`). None: the whole completion."""
    numbers: bool = True
    """Numbers are compared by value: `1,234.50` is 1234.5, `7 %` is 7 % and not 7."""
    decimal_comma: bool = False
    """`1.234,50` is 1234.5: how most languages of Europe write it."""
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Relative: how far from the value a number may be."""
    lower: bool = True
    """Case makes no difference."""


class FormatSettings(_Reward):
    """1 where the completion has the form asked for, else 0. One of `pattern` and `json_schema`."""

    kind: Literal["format"] = "format"
    pattern: str | None = None
    """A regular expression (RE2 syntax: linear time, no look-around, no back-references) that the whole completion,
    without white space around it, must match."""
    json_schema: dict[str, Any] | None = None
    """The completion must be one JSON text that is valid by this schema (Draft 2020-12)."""
    fenced: bool = False
    """The JSON text may stand in a Markdown fence."""

    @model_validator(mode="after")
    def _one(self) -> "FormatSettings":
        if (self.pattern is None) == (self.json_schema is None):
            raise ValueError("a format reward needs one of pattern and json_schema")
        return self


class CodeSettings(_Reward):
    """The share of the row's tests that the completion's Python code passes, in a sandbox."""

    kind: Literal["code"] = "code"
    tests: str = "tests"
    """Column: a list of Python statements, run after the code in the same process; one passes if it raises nothing."""
    cases: str = "cases"
    """Column: a list of {"input", "output"}: the code runs with the input; what it prints is judged outside."""
    all_or_nothing: bool = True
    """1 where every test passes, else 0; false gives the share that passes."""
    sandbox: Literal["namespaces", "process"] = "namespaces"
    """`process`: limits on resources alone; the code can reach your network and your files."""
    cpu_seconds: Annotated[int, Field(ge=1, le=600)] = 2
    """Of each process."""
    wall_seconds: Annotated[float, Field(gt=0, le=3600)] = 10.0
    """Of the whole run. Only a stop for code that sleeps: far above `cpu_seconds`, so that a busy machine decides
    nothing."""
    memory_mb: Annotated[int, Field(ge=32)] = 256
    """Address space of each process."""
    file_mb: Annotated[int, Field(ge=1)] = 8
    """Of each file, printed output included, and of all files together."""
    processes: Annotated[int, Field(ge=1, le=1000)] = 8
    """Processes and threads at once."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Sandboxes at once. Decides nothing but time."""


class LanguageSettings(_Reward):
    """The share of the completion's text that is in the language asked for."""

    kind: Literal["language"] = "language"
    language: str | None = None
    """A code of the table. None: the row's column, or else the language of the prompt."""
    column: str = "language"
    """Of the data: the language of each row's answer; used where the data has it and `language` is None."""
    least_letters: Annotated[int, Field(ge=1)] = 20
    """A text with fewer is not judged by its words: only its script can be wrong."""
    identifier: str = "py3langid"
    """Or the path of a fastText model."""


RewardSettings = Annotated[
    ExactAnswerSettings | FormatSettings | CodeSettings | LanguageSettings, Field(discriminator="kind")
]
