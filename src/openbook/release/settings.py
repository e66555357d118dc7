"""What the people behind a release must say themselves, because no record can know it."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Origin = Literal["public", "licensed", "third party", "crawled", "interactions", "services", "synthetic", "other"]
"""Sections 2.1 to 2.6 of the public summary, in their order."""
Rate = Annotated[float, Field(gt=0, le=1000)]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OtherModel(_Said):
    """A model that this one was made from or learned from."""

    name: str
    license: str | None = None
    """SPDX id, or the id that model hubs use for a model license: llama3.1, gemma, openrail."""
    url: str | None = None
    """Where it is; for a base model, its public summary of training content."""
    on_the_market: bool = True
    """Whether it is a general-purpose model on the Union market; asked of those that wrote training text."""


class Crawler(_Said):
    name: str
    """As it names itself to the sites."""
    purpose: str | None = None
    behavior: str | None = None
    """What it does about robots.txt, paywalls, captchas."""


class ReleaseSettings(_Said):
    """A value that is not given prints `not recorded` in the documents, and `openbook release --missing` names it."""

    license: str | None = None
    """SPDX id of the license that the weights are given out under."""
    license_policy: Literal["strict", "attribution"] = "attribution"
    """Whether the licenses of texts bind the weights, or ask for credit only; see docs/release.md."""
    version: str | None = None
    previous_version: str | None = None
    """Link to the public summary of the version before; "none" for the first."""
    updated: str | None = None
    """Date of the last update of the documents, YYYY-MM-DD."""
    market_date: str | None = None
    """Date of placing on the Union market, YYYY-MM-DD."""
    provider: str | None = None
    contact: str | None = None
    representative: str | None = None
    """Authorized representative in the Union, with contact; "none" for a provider that is established there."""
    provider_size: Literal["sme", "larger"] | None = None
    """Small and medium-sized providers list 5 % of the domains, at most 1,000; others 10 %."""
    url: str | None = None
    """Where the release is published."""
    distribution: tuple[str, ...] = ()
    """Channels: a hub, a download, an API."""
    intended_use: str | None = None
    acceptable_use: str | None = None
    """The policy, or a link to it; "none" where there is none."""
    integration: str | None = None
    """Kinds of systems that the model can be built into."""
    limits: str | None = None
    """Known limits, in the provider's words; those that the books show are listed beside them."""
    rationale: str | None = None
    """Why the model and its training were designed so."""
    bias_measures: str | None = None
    social_impact: str | None = None
    illegal_content: str | None = None
    """Measures to keep illegal content out of the training data."""
    code_of_practice: bool | None = None
    """Whether the provider has signed the Code of Practice for general-purpose models."""
    copyright_policy: str | None = None
    """The policy, or a link to it."""
    complaints: str | None = None
    """Where rightsholders write to."""
    maintenance: str | None = None
    """Who keeps the release up, how long, how often it is updated."""
    comments: str | None = None
    continuously_trained: bool = False
    inference_benchmark: str | None = None
    """Compute of one use, and how it was measured."""
    technical_report: str | None = None
    """Link; without it the model documentation form and the training report stand in."""
    research_paper: str | None = None
    origins: Mapping[str, Origin] = {}
    """Source of the recipe -> where its content comes from. Without it: packages, Common Crawl and hub datasets are
    public datasets, WARC files are crawled, the rest is other."""
    crawlers: tuple[Crawler, ...] = ()
    base_model: OtherModel | None = None
    teachers: tuple[OtherModel, ...] = ()
    """Models that wrote training text."""
    watts_per_core: Rate = 10.0
    """For the estimate of energy where the machine lets no counter be read: a core under load with its share of memory,
    mainboard and power supply. Server processors have 3 to 8 W of thermal design power a core."""
    auditors: tuple[str, ...] = ()
    """Public keys of age (`age1…`): who can open the sealed documents. Without one, no text of theirs is handed on."""
    sealed_domains: bool = True
    """Whether it is published how many sealed documents each host has."""
