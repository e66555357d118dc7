"""What is to be left out, by name: domains with all below them, addresses, documents, texts wherever they stand."""

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field


class OptOutSettings(BaseModel):
    """Honored exactly, and retroactively: an entry takes effect with the next run of the corpus step."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    domains: tuple[str, ...] = ()
    """`example.org` leaves out that host and every host below it."""
    urls: tuple[str, ...] = ()
    """Addresses; the scheme, a trailing slash and a fragment make no difference."""
    ids: tuple[str, ...] = Field(default=(), description="Ids of documents, 64 hex digits.")
    texts: tuple[str, ...] = Field(default=(), description="XXH3-128 of texts' folded words, 32 hex digits.")

    def joined(self, other: "OptOutSettings") -> "OptOutSettings":
        """These entries, then those of `other` that are new, sorted."""
        both = {}
        for name in type(self).model_fields:
            mine = getattr(self, name)
            both[name] = (*mine, *sorted(set(getattr(other, name)) - set(mine)))
        return OptOutSettings(**both)


def plain(url: str) -> str:
    """An address as it is compared."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return url.strip()
    return urlunsplit(("", parts.netloc.lower(), parts.path.rstrip("/"), parts.query, ""))


@dataclass(frozen=True)
class OptOuts:
    settings: OptOutSettings

    @cached_property
    def _domains(self) -> frozenset[str]:
        return frozenset(one.lower().strip(". ") for one in self.settings.domains)

    @cached_property
    def _urls(self) -> frozenset[str]:
        return frozenset(plain(one) for one in self.settings.urls)

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(one.lower() for one in self.settings.ids)

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
        if self._domains:
            try:
                labels = (urlsplit(url).hostname or "").split(".")
            except ValueError:
                labels = []
            if any(".".join(labels[at:]) in self._domains for at in range(len(labels))):
                return "optout:domain"
        return None
