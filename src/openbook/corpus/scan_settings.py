"""What a recipe may say about what is sought in annotated texts: quality, and what evaluation sets hold too."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from openbook.corpus.filter import Bounds

PARALLEL = "parallel"
"""In `against`: the run's own parallel text, which information parity is measured on."""
NAME = r"^[a-z][a-z0-9_-]{0,31}$"


class DecontaminateSettings(BaseModel):
    """What texts share with evaluation sets; the method of Brown et al. 2020 (arXiv:2005.14165), appendix C."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    against: tuple[str, ...] = (PARALLEL,)
    """`parallel`, or patterns of JSONL, Parquet and text files, relative to the recipe; empty: nothing is sought."""
    fields: tuple[str, ...] = ()
    """Keys of the rows whose texts are evaluation items; empty: every text in a row, however deep."""
    n: Annotated[int, Field(ge=4, le=50)] = 13
    """Words that a text must share with an item in a row."""
    least: Annotated[int, Field(ge=4, le=50)] = 8
    """Items of fewer than `n` words are sought whole from this many words on; shorter ones are not."""
    action: Literal["cut", "reject"] = "cut"
    """`cut` takes out what is shared, with `window` on both sides; `reject` the whole document."""
    window: Annotated[int, Field(ge=0, le=10_000)] = 200
    """Characters cut on both sides; what is left between two cuts and shorter than this goes too."""
    pieces: Annotated[int, Field(ge=1)] = 10
    """A document that falls into more is rejected."""

    @model_validator(mode="after")
    def _least_fits(self) -> "DecontaminateSettings":
        if self.least > self.n:
            raise ValueError(f"least ({self.least}) is more than n ({self.n})")
        return self


class QualitySettings(Bounds):
    """A classifier of good and bad texts: trained on a labeled sample or on two sources, or a fastText model.

    `min`, `max`: documents whose score lies outside are rejected; without them the score is kept and nothing rejected.
    """

    name: Annotated[str, Field(pattern=NAME)]
    """Key of the score in the documents' `quality`."""
    sample: tuple[str, ...] = ()
    """Patterns, relative to the recipe, of JSONL or Parquet files: `text`, `label` and, if it is known, `language`."""
    good_from: float = 1.0
    """A label that is a number is good from here on; true and "good" are good."""
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    """Sources whose texts are good, and bad, examples."""
    most_texts: Annotated[int, Field(ge=100)] = 5_000
    """Examples of a language and label that are used, chosen by the hash of their text."""
    model: str | None = None
    """A fastText classifier (.bin), relative to the recipe."""
    label: str = "__label__good"
    """The label of that model whose probability is the score."""
    languages: tuple[str, ...] = ()
    """Those whose texts are judged; empty: all that there is a classifier for."""
    language: Mapping[str, Bounds] = {}
    """Bounds of a language in place of those above."""

    @model_validator(mode="after")
    def _one_origin(self) -> "QualitySettings":
        if (bool(self.sample) + bool(self.good or self.bad) + bool(self.model)) != 1:
            raise ValueError("give one of sample, good and bad, or model")
        if bool(self.good) != bool(self.bad):
            raise ValueError("good and bad sources belong together: name both")
        if set(self.good) & set(self.bad):
            raise ValueError(f"{min(set(self.good) & set(self.bad))!r} is named as good and as bad")
        return self

    def bounds(self, language: str) -> Bounds:
        return self.language.get(language, self)
