"""What a recipe may say about exporting."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from openbook.model.gguf import Provenance

VERSION = 2

Format = Literal["F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_1", "Q5_0", "Q4_K_M", "Q4_1", "Q4_0", "Q3_K_M"]
"""The keys of `openbook.model.formats.FORMATS`."""


class Base(BaseModel):
    """A model that this one was made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    url: str = ""


class ExportSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    formats: Annotated[tuple[Format, ...], Field(min_length=1)] = ("F16", "Q8_0")
    """GGUF files to write, one each."""
    name: str | None = None
    """What the files call the model; the recipe's name where none is given."""
    license: str | None = None
    """SPDX identifier of the license that the weights are given out under."""
    checked_tokens: Annotated[int, Field(ge=8, le=512)] = 64
    """Tokens of each language on which every file's log-probabilities are compared with ours."""
    organization: str | None = None
    """Who provides the model; of this and what follows, what [release] says where nothing is given here."""
    version: str | None = None
    description: str | None = None
    url: str | None = None
    """Where the release is published."""
    license_link: str | None = None
    datasets: tuple[str, ...] = ()
    """What it was trained on, as names or addresses; the recipe's sources where nothing is given."""
    bases: tuple[Base, ...] = ()

    def provenance(self, languages: Sequence[str]) -> "Provenance":
        """What the model files say of themselves."""
        from openbook.model.gguf import Provenance

        return Provenance(
            self.name or "openbook",
            self.license,
            tuple(languages),
            self.datasets,
            tuple((base.name, base.url) for base in self.bases),
            self.organization,
            self.version,
            self.description,
            self.url,
            self.license_link,
        )
