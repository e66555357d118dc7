"""Which model did this answer come from? Named in every response, so that it can be told later."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

MODEL, ADAPTER, RELEASE = "Openbook-Model-SHA256", "Openbook-Adapter-SHA256", "Openbook-Release"


@dataclass(frozen=True)
class Identity:
    """A model as a response names it; digests are SHA-256 in hex, the release is named by its root."""

    name: str
    sha256: str | None
    release: str | None
    adapter: str | None = None

    @cached_property
    def headers(self) -> Mapping[str, str]:
        known = {MODEL: self.sha256, ADAPTER: self.adapter, RELEASE: self.release}
        return {name: value for name, value in known.items() if value}

    @cached_property
    def fingerprint(self) -> str | None:
        """OpenAI's field for what computed an answer: it changes when the model, or its adapter, does."""
        if self.sha256 is None:
            return None
        return "ob_" + (self.sha256 if self.adapter is None else _sum(f"{self.sha256} {self.adapter}"))[:24]


def digest(path: Path) -> str:
    """Of a file its SHA-256; of a folder that of one line a file, `SHA-256  name`, sorted by name."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    names = sorted(one.name for one in path.iterdir() if one.is_file())
    return _sum("".join(f"{digest(path / name)}  {name}\n" for name in names))


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
