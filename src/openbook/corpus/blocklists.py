"""Which pages lists of others block: by domain with all below it, or by the beginning of an address.

The lists are compiled once into sorted 128-bit hashes in a file that every worker maps into memory and searches. The
layout read is that of the UT1 lists: a folder a category, in it `domains` and `urls`, plain or gzip.
"""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from openbook.books.digest import sha256_bytes
from openbook.books.store import atomic_path
from openbook.corpus.addresses import above, ascii_host, plain, split
from openbook.errors import OpenbookError

RULE = "blocklist"
VERSION = 1
"""Raised when the same lists would be compiled to other bytes."""
_NAMES = ("domains", "domains.gz", "urls", "urls.gz")
_BATCH = 1 << 18
_ENTRY = np.dtype([("high", "<u8"), ("low", "<u8"), ("category", "<u4")])
_HEAD = 64


class BlocklistSettings(BaseModel):
    """A folder of categories, each a folder with `domains` and `urls`; or such a category itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    path: str
    """Relative to the recipe."""
    categories: tuple[str, ...] = ()
    """Which of them; none named, all."""


@dataclass(frozen=True)
class ListFile:
    category: str
    path: Path

    @property
    def domains(self) -> bool:
        return self.path.name.startswith("domains")


def files(settings: Sequence[BlocklistSettings], base: Path) -> list[ListFile]:
    """Every file of the lists, in the recipe's order, then by name. Raises OpenbookError for what is not there."""
    found: list[ListFile] = []
    for one in settings:
        folder = base / one.path
        if not folder.is_dir():
            raise OpenbookError(f"[corpus] blocklists: there is no folder {folder}.")
        own = [folder] if any((folder / name).is_file() for name in _NAMES) else []
        there = {path.name: path for path in own or sorted(folder.iterdir()) if path.is_dir()}
        there = {name: path for name, path in there.items() if any((path / file).is_file() for file in _NAMES)}
        missing = sorted({*one.categories} - {*there})
        if missing or not there:
            names = ", ".join(sorted(there)) or "none"
            raise OpenbookError(
                f"[corpus] blocklists: {folder} has no {', '.join(missing) or 'lists'}; it has: {names}."
            )
        for name in one.categories or sorted(there):
            found += [ListFile(name, there[name] / file) for file in _NAMES if (there[name] / file).is_file()]
    return found


def _lines(path: Path) -> Iterator[str]:
    """Entries of one file; comments begin with `#`, bytes that are not UTF-8 are read as Latin-1."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            for raw in file:
                line = raw.strip()
                if line and not line.startswith(b"#"):
                    try:
                        yield line.decode()
                    except UnicodeDecodeError:
                        yield line.decode("latin-1")
    except (OSError, EOFError) as error:
        raise OpenbookError(f"the blocklist {path} cannot be read ({error}): fetch it again.") from None


def _domain_key(domain: str) -> bytes:
    return b"d" + domain.encode()


def _url_key(url: str) -> bytes:
    return b"u" + url.encode()


def _key(entry: str, domains: bool) -> bytes:
    if domains:
        return _domain_key(ascii_host(entry.removeprefix("*.")))
    return _url_key(plain(entry))


def compile_lists(lists: Sequence[ListFile], path: Path) -> int:
    """Write the hashes of all entries, sorted; of an entry in two categories the first counts. Returns how many."""
    categories = list(dict.fromkeys(one.category for one in lists))
    pieces: list[NDArray[np.void]] = []
    for one in lists:
        number = categories.index(one.category)
        batch = bytearray()
        for entry in _lines(one.path):
            batch += xxhash.xxh3_128_digest(_key(entry, one.domains))
            if len(batch) >= _BATCH * 16:
                pieces.append(_rows(batch, number))
                batch = bytearray()
        pieces.append(_rows(batch, number))
    rows = np.concatenate(pieces) if pieces else np.empty(0, _ENTRY)
    rows = rows[np.lexsort([rows["category"], rows["low"], rows["high"]])]
    fresh = np.ones(len(rows), bool)
    fresh[1:] = (rows["high"][1:] != rows["high"][:-1]) | (rows["low"][1:] != rows["low"][:-1])
    rows = rows[fresh]
    names = "\n".join(categories).encode()
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(np.array([VERSION, len(rows), len(names)], "<u8").tobytes().ljust(_HEAD, b"\0"))
        for column in ("high", "low", "category"):
            file.write(rows[column].tobytes())
        file.write(names)
    return len(rows)


def _rows(digests: bytes | bytearray, category: int) -> NDArray[np.void]:
    halves = np.frombuffer(bytes(digests), ">u8").reshape(-1, 2)
    rows = np.empty(len(halves), _ENTRY)
    rows["high"], rows["low"], rows["category"] = halves[:, 0], halves[:, 1], category
    return rows


def compiled(lists: Sequence[ListFile], digest: str, cache: Path) -> Path:
    """The compiled file in the cache, made if it is not there. `digest`: of the lists' contents and names."""
    name = sha256_bytes(f"{VERSION}\n{digest}".encode())[:32]
    path = cache / "blocklists" / f"{name}.hashes"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        compile_lists(lists, path)
    return path


@dataclass(frozen=True)
class Blocklist:
    """A compiled file, mapped into memory: pages that are looked at are read, and shared by all workers."""

    path: Path

    @cached_property
    def _head(self) -> NDArray[np.uint64]:
        head = np.fromfile(self.path, "<u8", 3)
        if len(head) < 3 or head[0] != VERSION:
            raise OpenbookError(f"{self.path} is no compiled blocklist of this version: delete it.")
        return head

    def __len__(self) -> int:
        return int(self._head[1])

    def _column(self, type: str, offset: int) -> NDArray[np.uint64]:
        if not len(self):
            return np.empty(0, type)
        return np.memmap(self.path, type, "r", _HEAD + offset * len(self), (len(self),))

    @cached_property
    def _high(self) -> NDArray[np.uint64]:
        return self._column("<u8", 0)

    @cached_property
    def _low(self) -> NDArray[np.uint64]:
        return self._column("<u8", 8)

    @cached_property
    def _category(self) -> NDArray[np.uint64]:
        return self._column("<u4", 16)

    @cached_property
    def categories(self) -> list[str]:
        with self.path.open("rb") as file:
            file.seek(_HEAD + 20 * len(self))
            return file.read().decode().split("\n")

    def find(self, keys: Sequence[bytes]) -> NDArray[np.int64]:
        """Category of each key, -1 where it is on no list. All 128 bits must agree: a chance hit is out of question."""
        if not keys or not len(self):
            return np.full(len(keys), -1, np.int64)
        wanted = (
            np.frombuffer(b"".join(xxhash.xxh3_128_digest(key) for key in keys), ">u8").reshape(-1, 2).astype("<u8")
        )
        at = np.searchsorted(self._high, wanted[:, 0])
        found = np.full(len(keys), -1, np.int64)
        open_ = np.flatnonzero(at < len(self))
        while open_.size:  # entries that share the upper half lie side by side
            open_ = open_[self._high[at[open_]] == wanted[open_, 0]]
            hits = self._low[at[open_]] == wanted[open_, 1]
            found[open_[hits]] = self._category[at[open_[hits]]]
            open_ = open_[~hits]
            at[open_] += 1
            open_ = open_[at[open_] < len(self)]
        return found

    def categories_of(self, urls: Sequence[str]) -> list[str | None]:
        """For each address the category that blocks it; of several the one that stands first in the recipe."""
        keys: list[bytes] = []
        owners: list[int] = []
        for owner, url in enumerate(urls):
            mine = keys_of(url)
            keys += mine
            owners += [owner] * len(mine)
        numbers = self.find(keys)
        best = np.full(len(urls), np.iinfo(np.int64).max)
        hits = numbers >= 0
        np.minimum.at(best, np.array(owners, np.int64)[hits], numbers[hits])
        names = self.categories
        return [names[number] if number < len(names) else None for number in best.tolist()]


def keys_of(url: str) -> list[bytes]:
    """What an address is looked up by: its host and each domain above, and its address at every slash.

    An entry of `urls` holds for the address and for all below it; `www.` before the host makes no difference there.
    """
    host = split(url)[0]
    if not host:
        return []
    keys = [_domain_key(name) for name in above(host)]
    whole = plain(url)
    for form in (whole, whole.removeprefix("www.")) if whole.startswith("www.") else (whole, "www." + whole):
        path, mark, query = form.partition("?")
        keys += [_url_key(form)] if mark and query else []
        at = len(path)
        while at > 0:
            keys.append(_url_key(path[:at].rstrip("/")))
            at = path.rfind("/", 0, at)
    return keys


@lru_cache(2)
def opened(path: Path) -> Blocklist:
    """One mapping a worker."""
    return Blocklist(path)
