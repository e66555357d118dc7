"""What is to be left out, by name: domains with all below them, addresses, documents, texts wherever they stand."""

import re
from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field, field_validator

from openbook.corpus.addresses import above, ascii_host, plain, split, with_authority


class OptOutSettings(BaseModel):
    """Honored exactly, and retroactively: an entry takes effect with the next run of the corpus step."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    domains: tuple[str, ...] = ()
    """`example.org` leaves out that host and every host below it; Unicode and `xn--` spellings are one."""
    urls: tuple[str, ...] = ()
    """Addresses; scheme, fragment, a slash at the end and how characters are escaped make no difference."""
    ids: tuple[str, ...] = Field(default=(), description="Ids of documents, 64 hex digits.")
    texts: tuple[str, ...] = Field(default=(), description="XXH3-128 of texts' folded words, 32 hex digits.")

    def joined(self, other: "OptOutSettings") -> "OptOutSettings":
        """These entries, then those of `other` that are new, sorted."""
        both = {}
        for name in type(self).model_fields:
            mine = getattr(self, name)
            both[name] = (*mine, *sorted(set(getattr(other, name)) - set(mine)))
        return OptOutSettings(**both)

    @field_validator("domains")
    @classmethod
    def _are_domains(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            if not re.fullmatch(r"[^\s/:@?#]+", entry.strip().strip(".")):
                raise ValueError(f"{entry!r} is no domain: write `example.org`, and whole addresses under `urls`")
        return entries

    @field_validator("urls")
    @classmethod
    def _are_urls(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            # Pages of a folder have addresses without a host: `html:<source>/<path>`.
            if not split(with_authority(entry))[0] and not re.match(r"[A-Za-z][\w+.-]*:[^/\s]", entry):
                raise ValueError(f"{entry!r} is no address: it names no host")
        return entries

    @field_validator("ids")
    @classmethod
    def _are_ids(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            if not re.fullmatch(r"[0-9a-fA-F]{64}", entry.strip()):
                raise ValueError(f"{entry!r} is no id of a document: those are 64 hex digits")
        return entries


@dataclass(frozen=True)
class OptOuts:
    settings: OptOutSettings

    @cached_property
    def _domains(self) -> frozenset[str]:
        return frozenset(ascii_host(one) for one in self.settings.domains)

    @cached_property
    def _urls(self) -> frozenset[str]:
        return frozenset(plain(one) for one in self.settings.urls)

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(one.strip().lower() for one in self.settings.ids)

    @cached_property
    def _texts(self) -> frozenset[bytes]:
        return frozenset(bytes.fromhex(one) for one in self.settings.texts)

    def reason(self, id: str, url: str, exact: bytes | None = None) -> str | None:
        """Under which rule a document is left out; None for one that is not. `exact`: hash of its folded words."""
        if id in self._ids:
            return "optout:id"
        if exact is not None and exact in self._texts:
            return "optout:text"
        if self._urls and plain(url) in self._urls:
            return "optout:url"
        if self._domains and any(name in self._domains for name in above(split(url)[0])):
            return "optout:domain"
        return None
