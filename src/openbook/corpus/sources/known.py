"""What need not be done again when a recipe gains a source: hashing files that nobody touched, packing what was packed.

Both are notes in the cache folder. A file counts as untouched while its inode, length and times are what they were;
packed files are found by the content that went into them, and taken from the artifact that is about to be replaced.
"""

import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Self

import orjson
from pydantic import BaseModel

from openbook.books.digest import canonical_json, sha256_bytes, sha256_file
from openbook.books.previous import take
from openbook.books.record import FileEntry
from openbook.books.store import write_bytes
from openbook.context import Context
from openbook.corpus.sources.pack import Page
from openbook.corpus.sources.settings import VERSION

SETTLED = 2.0
"""Seconds. A file that was written within them of being read may have changed again under the same times."""


class KnownDigests:
    """SHA-256 of files, by path."""

    def __init__(self, cache: Path) -> None:
        self.path = cache / "digests.json"
        try:
            self.rows: dict[str, list[Any]] = dict(orjson.loads(self.path.read_bytes()))
        except (OSError, ValueError):
            self.rows = {}
        self.began = time.time()

    def of(self, path: Path) -> str | None:
        """None for a file that was never read, or has been touched since."""
        stamp, digest = self.rows.get(str(path.resolve()), (None, None))
        return digest if stamp is not None and stamp == _stamp(path) else None

    def keep(self, digests: dict[Path, str]) -> None:
        for path, digest in digests.items():
            stamp = _stamp(path)
            if max(stamp[2:]) < (self.began - SETTLED) * 1e9:
                self.rows[str(path.resolve())] = [stamp, digest]
        write_bytes(self.path, orjson.dumps(self.rows))


def _stamp(path: Path) -> list[int]:
    facts = path.stat()
    return [facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns]


@dataclass(frozen=True)
class Packed:
    """What earlier runs packed: notes by key, files in the older artifact."""

    notes: Path
    previous: Path | None

    @classmethod
    def before(cls, context: Context) -> Self:
        return cls(context.cache / "packed", context.previous.folder if context.previous else None)

    def recall(self, key: str, work: Path) -> Any:
        """What `remember` was given, with the files in `work` again; None where any of them is not to be had."""
        path = self.notes / f"{key}.json"
        if self.previous is None or not path.is_file():
            return None
        noted = orjson.loads(path.read_bytes())
        entries = {name: FileEntry(**entry) for name, entry in noted["files"].items()}
        taken = all(take(self.previous, name, entry, work) for name, entry in entries.items())
        return noted["note"] if taken else None

    def remember(self, key: str, work: Path, names: Sequence[str], note: Any) -> None:
        files = {name: {"sha256": sha256_file(work / name), "size": (work / name).stat().st_size} for name in names}
        write_bytes(self.notes / f"{key}.json", orjson.dumps({"note": note, "files": files}))


def packing_key(source: BaseModel, content: Any) -> str:
    """Of what is packed by the source's settings out of `content` (JSON)."""
    asked = source.model_dump(mode="json")
    return sha256_bytes(canonical_json([asked, content, VERSION, zlib.ZLIB_RUNTIME_VERSION]))


class Watched:
    """Pages on their way to be packed, and the digest of those that went by."""

    def __init__(self, pages: Iterator[Page]) -> None:
        self._pages = pages
        self._seen: list[str] = []

    def __iter__(self) -> Iterator[Page]:
        for page in self._pages:
            url, body, *rest = astuple(page)
            self._seen.append(sha256_bytes(canonical_json([url, sha256_bytes(body), *rest])))
            yield page

    @property
    def digest(self) -> str:
        return sha256_bytes("".join(self._seen).encode())
