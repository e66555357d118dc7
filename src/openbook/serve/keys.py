"""Who may ask, for what, and how much? API keys from a TOML file that holds only their digests."""

import hashlib
import hmac
import secrets
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from openbook.errors import OpenbookError

Scope = Literal["generate", "read", "metrics", "admin"]
EXAMPLE = """[[key]]
name = "{name}"
sha256 = "{digest}"
scopes = ["generate", "read"]      # also: "metrics", "admin"
requests_per_minute = 60           # leave out for no bound
tokens_per_minute = 20000          # read and written
"""


class Key(BaseModel):
    """One key as the file describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: tuple[Scope, ...] = ("generate", "read")
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = None


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Annotated[tuple[Key, ...], Field(min_length=1)]


class Allowance:
    """A minute's worth of something, refilled steadily; what is taken beyond it is owed and waited for."""

    def __init__(self, per_minute: float | None) -> None:
        self._per_minute = per_minute
        self._left = per_minute or 0.0
        self._seen = time.monotonic()

    def wait(self) -> float:
        """Seconds until something is left; 0 when something is."""
        if self._per_minute is None:
            return 0.0
        now = time.monotonic()
        self._left = min(self._per_minute, self._left + (now - self._seen) * self._per_minute / 60)
        self._seen = now
        missing = min(1.0, self._per_minute) - self._left
        return max(0.0, missing * 60 / self._per_minute)

    def take(self, amount: float) -> None:
        self._left -= amount


class Caller:
    """Somebody who showed a key (or nobody in particular, where no keys are set), with what is left to them."""

    def __init__(
        self, name: str, scopes: Sequence[str], requests: float | None = None, tokens: float | None = None
    ) -> None:
        self.name = name
        self.scopes = frozenset(scopes)
        self.requests = Allowance(requests)
        self.tokens = Allowance(tokens)

    def wait(self) -> float:
        """Seconds until another request may be made."""
        return max(self.requests.wait(), self.tokens.wait())


ANYONE = Caller("anyone", ("generate", "read", "metrics", "admin"))


class Keyring:
    """The keys of a file; compared by digest, in constant time."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._callers = [
            (key.sha256, Caller(key.name, key.scopes, key.requests_per_minute, key.tokens_per_minute)) for key in keys
        ]

    def caller(self, key: str) -> Caller | None:
        """Whose key this is; None when it is nobody's."""
        digest = digest_of(key)
        found = None
        for known, caller in self._callers:
            if hmac.compare_digest(known, digest):
                found = caller
        return found


def read_keys(path: Path) -> Keyring:
    """The keyring in a file; OpenbookError names what is wrong with it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        keys = _File.model_validate(content).key
    except OSError as trouble:
        raise OpenbookError(f"The key file {path} cannot be read: {trouble.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as trouble:
        raise OpenbookError(f"The key file {path} is not valid TOML: {trouble}.") from None
    except ValidationError as trouble:
        first = trouble.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise OpenbookError(f"The key file {path} is wrong at {place}: {first['msg']}.") from None
    names = [key.name for key in keys]
    if len(set(names)) < len(names) or len({key.sha256 for key in keys}) < len(keys):
        raise OpenbookError(f"The key file {path} holds a name or a key twice.")
    return Keyring(keys)


def new_key(name: str) -> tuple[str, str]:
    """A fresh key, to be shown once, and the lines for the key file that let it in."""
    key = "ob-" + secrets.token_urlsafe(32)
    return key, EXAMPLE.format(name=name, digest=digest_of(key))


def digest_of(key: str) -> str:
    """SHA-256 (hex) of a key, as the key file keeps it."""
    return hashlib.sha256(key.encode()).hexdigest()
