"""Where a recipe takes minimal pairs from."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class PairSource(BaseModel):
    """Files of one language: treebanks that pairs are made of, MultiBLiMP's tables, or pairs written before."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    language: str
    kind: Literal["treebank", "multiblimp", "pairs"] = "treebank"
    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    """Relative to the recipe; patterns may hold `*`."""
    license: str | None = None
    """SPDX identifier of the treebank's license: it stands beside every pair."""
    most: Annotated[int, Field(ge=1)] = 500
    """Pairs of each phenomenon made of a treebank."""
