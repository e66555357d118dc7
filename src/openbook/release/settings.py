"""What the people behind a release must say themselves, because no record can know it."""

from pydantic import BaseModel, ConfigDict


class ReleaseSettings(BaseModel):
    """A value that is not given prints `not recorded` in the documents."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    license: str | None = None
    """SPDX id of the license that the weights are given out under."""
    provider: str | None = None
    contact: str | None = None
    intended_use: str | None = None
    limits: str | None = None
    """Known limits, in the provider's words; those that the books show are listed beside them."""
    auditors: tuple[str, ...] = ()
    """Public keys of age (`age1…`): who can open the sealed documents. Without one, no text of theirs is handed on."""
    sealed_domains: bool = True
    """Whether it is published how many sealed documents each host has."""
