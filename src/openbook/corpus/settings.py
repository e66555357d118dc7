"""What a recipe may say about the corpus: how pages are annotated, and what is decided over the annotations."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from openbook.corpus.blocklists import BlocklistSettings
from openbook.corpus.filter import RuleOverride
from openbook.corpus.optouts import OptOutSettings
from openbook.corpus.redact import KINDS
from openbook.corpus.rights import RightsPolicy

ANNOTATE_VERSION = 2
VERSION = 2
"""Raised when the same settings would give other bytes."""

Profile = Literal["web", "documentation", "messages"]
Kind = Literal["email", "phone", "ip", "iban", "card", "national_id"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnnotateSettings(_Settings):
    """What is read off a page. Nothing here keeps or drops one, but for what cannot be held."""

    redact: tuple[Kind, ...] = KINDS  # type: ignore[assignment]
    """Kinds of personal data that are replaced."""
    most_characters: Annotated[int, Field(ge=1000, le=16_000_000)] = 4_000_000
    """A longer text is rejected."""
    signature_values: Annotated[int, Field(ge=8, le=128)] = 112
    """MinHash values of a text."""
    run_of_words: Annotated[int, Field(ge=1, le=20)] = 5
    """Words in a run: the elements whose sets near duplicates share."""


class DuplicateSettings(_Settings):
    exact: bool = True
    near: bool = True
    similarity: Annotated[float, Field(gt=0, le=1)] = 0.75
    """Two texts are near duplicates from this estimated Jaccard similarity of their runs of words on."""
    bands: Annotated[int, Field(ge=1)] = 14
    rows: Annotated[int, Field(ge=1)] = 8
    """Texts of similarity s are compared with probability 1 - (1 - s^rows)^bands: .77 at .75, .92 at .8, .99 at .85."""


class HeldOutSettings(_Settings):
    """Documents that nothing may be trained on; chosen by the hash of their id, in each language."""

    share: Annotated[float, Field(ge=0, lt=0.5)] = 0.02
    at_least: Annotated[int, Field(ge=0)] = 8
    """Documents; a tenth where a language has fewer than ten times as many."""
    most_bytes: Annotated[int, Field(ge=0)] = 1_000_000
    """Of one language; never more than a tenth of its bytes, but at least one document of two."""


class CorpusSettings(_Settings):
    languages: tuple[str, ...] | None = None
    """Codes of the table; None asks for all of them."""
    profile: Profile = "web"
    """Thresholds for sources that `profiles` does not name."""
    profiles: Mapping[str, Profile] = {}
    """Source -> profile."""
    filter: Mapping[str, RuleOverride] = {}
    duplicates: DuplicateSettings = DuplicateSettings()
    rights: RightsPolicy = RightsPolicy()
    optouts: OptOutSettings = OptOutSettings()
    blocklists: tuple[BlocklistSettings, ...] = ()
    """Lists of domains and addresses that others keep; of two that block a page the first is named."""
    held_out: HeldOutSettings = HeldOutSettings()
    most_bytes: Annotated[int, Field(ge=1)] | None = None
    """Of one language, chosen by the hash of their ids; None sets no bound."""
