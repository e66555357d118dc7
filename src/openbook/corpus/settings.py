"""What a recipe may say about the corpus: how pages are annotated, and what is decided over the annotations."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from openbook.corpus.blocklists import BlocklistSettings
from openbook.corpus.filter import Derivation, RuleOverride
from openbook.corpus.optouts import OptOutSettings
from openbook.corpus.redact import KINDS
from openbook.corpus.rights import RightsPolicy
from openbook.corpus.scan_settings import DecontaminateSettings, QualitySettings

ANNOTATE_VERSION = 6
VERSION = 5
"""Raised when the same settings would give other bytes."""

Profile = Literal["web", "documentation", "messages"]
Kind = Literal["email", "phone", "ip", "iban", "card", "national_id"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnnotateSettings(_Settings):
    """What is read off a page. Nothing here keeps or drops one, but for what cannot be held."""

    identifier: Annotated[str, Field(min_length=1)] = "py3langid"
    """py3langid, or the path of a fastText classifier of languages; in the books its digest stands for the path."""
    mixed: Literal["keep", "cut"] = "keep"
    """Paragraphs in another language than most of their text: kept, or cut out before anything is measured."""
    redact: tuple[Kind, ...] = KINDS  # type: ignore[assignment]
    """Kinds of personal data that are replaced."""
    most_characters: Annotated[int, Field(ge=1000, le=16_000_000)] = 4_000_000
    """A longer text is rejected."""
    signature_values: Annotated[int, Field(ge=8, le=128)] = 112
    """MinHash values of a text."""
    run_of_words: Annotated[int, Field(ge=1, le=20)] = 5
    """Words in a run: the elements whose sets near duplicates share."""


class RepeatedLineSettings(_Settings):
    """A line that stands on many pages of a site is cut from all but the best of them."""

    on: bool = True
    profiles: tuple[Profile, ...] = ("web",)
    """Sources of these profiles; manuals and catalogs repeat lines for a reason."""
    pages: Annotated[int, Field(ge=2)] = 8
    """Of one host, at least."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Of the pages of that host, at least."""


class DuplicateSettings(_Settings):
    exact: bool = True
    near: bool = True
    similarity: Annotated[float, Field(gt=0, le=1)] = 0.75
    """Two texts are near duplicates from this estimated Jaccard similarity of their runs of words on."""
    recall: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """Two texts of just that similarity are compared with at least this probability; bands and rows follow from it."""
    bands: Annotated[int, Field(ge=1)] | None = None
    rows: Annotated[int, Field(ge=1)] | None = None
    """Both or neither: said here, they take the place of `recall`."""
    lines: RepeatedLineSettings = RepeatedLineSettings()

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.bands is None) != (self.rows is None):
            raise ValueError("bands and rows belong together: give both, or neither and let recall decide")
        return self


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
    derived: Mapping[str, Derivation] = {}
    """Language -> what its bounds in `filter` were derived from (`openbook thresholds`)."""
    quality: tuple[QualitySettings, ...] = ()
    decontaminate: DecontaminateSettings = DecontaminateSettings()
    duplicates: DuplicateSettings = DuplicateSettings()
    rights: RightsPolicy = RightsPolicy()
    optouts: OptOutSettings = OptOutSettings()
    blocklists: tuple[BlocklistSettings, ...] = ()
    """Lists of domains and addresses that others keep; of two that block a page the first is named."""
    held_out: HeldOutSettings = HeldOutSettings()
    most_bytes: Annotated[int, Field(ge=1)] | None = None
    """Of one language, chosen by the hash of their ids; None sets no bound."""
