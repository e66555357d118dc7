"""A download that is not whole yet: its bytes so far, and which version of the file they are of."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from openbook.books.store import write_bytes
from openbook.corpus.sources.remote.backoff import PassingError
from openbook.errors import OpenbookError


@dataclass(frozen=True)
class Version:
    """What tells one version of a remote file from another."""

    tag: str | None
    """ETag, or the store's checksum. A weak one (`W/…`) does not vouch for single bytes."""
    modified: str | None
    size: int | None

    @property
    def validator(self) -> str | None:
        """For If-Range: None when parts cannot be joined safely."""
        return self.tag if self.tag and not self.tag.startswith("W/") else self.modified if not self.tag else None


class Partial:
    """Two files side by side in the cache: `path` and what it is of."""

    def __init__(self, path: Path) -> None:
        self.path, self.facts = path, path.with_suffix(".json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def version(self) -> Version | None:
        try:
            return Version(**orjson.loads(self.facts.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def begin(self, version: Version) -> None:
        """Forget what is there."""
        self.discard()
        write_bytes(self.facts, orjson.dumps(asdict(version)))

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.facts.unlink(missing_ok=True)

    def append(self, what: str, data: Iterable[bytes], before: int) -> None:
        """Raises PassingError when the transfer breaks; what has come by then stays.

        `before`: bytes that were there when this try began. A server that begins anew each time makes no progress.
        """
        try:
            with self.path.open("ab", buffering=0) as file:
                for part in data:
                    _write(what, file, part)
        except PassingError as error:
            raise PassingError(str(error), error.wait, progress=self.size > before) from None

    def checked(self) -> None:
        """Raises PassingError when bytes are missing or too many have come."""
        version = self.version
        if version is not None and version.size is not None and self.size != version.size:
            have, size = self.size, version.size
            if have > size:
                self.discard()
            raise PassingError(f"the download was cut off at {have:,} of {size:,} bytes")


def _write(what: str, file: BinaryIO, data: bytes) -> None:
    try:
        while data:
            data = data[file.write(data) :]
    except OSError as error:
        raise OpenbookError(
            f"the download of {what} cannot be written to the cache ({error.strerror}); what has come is kept: "
            "make room and run again."
        ) from None
