"""Files from elsewhere in the cache, by the SHA-256 of their content: whole and checked, or not there.

https:// goes through httpx, which shows status, ETag and Retry-After; anything else through fsspec.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import orjson

from openbook.books.digest import sha256_bytes, sha256_file
from openbook.books.store import sync, write_bytes
from openbook.corpus.sources.remote.backoff import PassingError
from openbook.corpus.sources.remote.objects import Objects
from openbook.corpus.sources.remote.partial import Partial, Version
from openbook.corpus.sources.remote.web import Web, host_of, span_of
from openbook.errors import OpenbookError


@dataclass(frozen=True)
class Downloaded:
    path: Path
    sha256: str
    size: int


@dataclass(frozen=True)
class _Known:
    """What an address held when it was last asked."""

    sha256: str
    version: Version


class Downloads:
    """The cache of one machine. Two runs may share it."""

    def __init__(self, cache: Path, web: Web) -> None:
        self.folder, self.web = cache / "downloads", web
        self.objects = Objects(self._arriving)
        self.arrived: Callable[[int], None] = lambda count: None
        """Told of bytes as they come, from whatever thread."""
        for name in ("objects", "partial", "known"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def expand(self, pattern: str) -> list[str]:
        """The addresses that a glob names, in order; only of protocols that can list."""
        return self.web.gate.retry(pattern, host_of(pattern), lambda: self.objects.expand(pattern))

    def held(self, sha256: str, size: int | None = None) -> Downloaded | None:
        """The file of this digest, if it is in the cache as long as it should be."""
        path = self.folder / "objects" / sha256[:2] / sha256
        if not path.is_file() or (size is not None and path.stat().st_size != size):
            return None
        return Downloaded(path, sha256, path.stat().st_size)

    def fetch(self, url: str, sha256: str | None = None, size: int | None = None) -> Downloaded:
        """The whole file. With `sha256` nothing is asked where the cache holds it, and nothing else is taken.

        Raises OpenbookError when the file cannot be had, or is not the one wanted.
        """
        found = self.held(sha256, size) if sha256 else None
        if found is not None:
            return found
        with self._alone(url):
            return self._fetch(url, sha256)

    def _fetch(self, url: str, sha256: str | None) -> Downloaded:
        name = sha256_bytes(url.encode())[:32]
        partial, known_path = Partial(self.folder / "partial" / name), self.folder / "known" / f"{name}.json"
        known = None if sha256 else _read_known(known_path)
        held = self.held(known.sha256, known.version.size) if known else None
        transfer = self._web if url.startswith(("https://", "http://")) else self._object
        current = transfer(url, partial, known.version if known and held else None)
        if not current:
            assert held is not None
            return held
        digest = sha256_file(partial.path)
        if sha256 and digest != sha256:
            partial.discard()
            raise OpenbookError(
                f"{url} does not hold the file any more that it held: its SHA-256 is {digest}, not {sha256}; "
                "build the sources again."
            )
        size = partial.size
        path = self.folder / "objects" / digest[:2] / digest
        path.parent.mkdir(exist_ok=True)
        sync(partial.path)
        partial.path.replace(path)
        sync(path.parent)
        version = partial.version or Version(None, None, None)
        known = _Known(digest, Version(version.tag, version.modified, size))
        write_bytes(known_path, orjson.dumps(asdict(known)))
        partial.discard()
        return Downloaded(path, digest, size)

    def _web(self, url: str, partial: Partial, held: Version | None) -> bool:
        """Bring the partial file to its end; False when the version held is still the one there."""
        return self.web.gate.retry(url, host_of(url), lambda: self._web_once(url, partial, held))

    def _web_once(self, url: str, partial: Partial, held: Version | None) -> bool:
        headers: dict[str, str] = {}
        start, version = partial.size, partial.version
        if start and version and version.validator:
            headers = {"range": f"bytes={start}-", "if-range": version.validator}
        elif held is not None and held.tag:
            headers = {"if-none-match": held.tag}
        elif held is not None and held.modified:
            headers = {"if-modified-since": held.modified}
        with self.web.answer(url, headers, (304, 416)) as response:
            if response.status_code == 304:
                return False
            if response.status_code == 416:  # nothing follows what is there: it is whole, or of another file
                total = response.headers.get("content-range", "").rpartition("/")[2]
                if version is not None and total == str(start) and version.size in (None, start):
                    return True
                partial.discard()
                raise PassingError("the file became shorter while it was downloaded")
            span = span_of(response)
            if response.status_code == 206 and (span is None or span.start != start or not version):
                partial.discard()
                raise PassingError("the server sent another part of the file than was asked for")
            if response.status_code == 206 and version and span and not _same(version, span.total, response):
                partial.discard()
                raise PassingError("the file changed while it was downloaded")
            if response.status_code == 200:
                partial.begin(_version_of(url, response))
            partial.append(url, self._arriving(_parts(response)), start)
        partial.checked()
        return True

    def _arriving(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        for part in parts:
            self.web.gate.check()
            self.arrived(len(part))
            yield part

    def _object(self, url: str, partial: Partial, held: Version | None) -> bool:
        return self.web.gate.retry(url, host_of(url), lambda: self.objects.transfer(url, partial, held))

    @contextmanager
    def _alone(self, url: str) -> Iterator[None]:
        """Two runs do not write the same partial file."""
        path = self.folder / "partial" / f"{sha256_bytes(url.encode())[:32]}.lock"
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _same(version: Version, total: int | None, response: httpx.Response) -> bool:
    """Whether a part is of the version that is held; some caches overlook If-Range."""
    sizes_fit = None in (total, version.size) or total == version.size
    return sizes_fit and response.headers.get("etag", version.tag) == version.tag


def _parts(response: httpx.Response) -> Iterator[bytes]:
    """The file's own bytes: a content coding is part of it here, and readers look at the content."""
    try:
        yield from response.iter_raw()  # whatever came: a larger piece would be lost when the line breaks
    except httpx.TransportError as error:
        raise PassingError(f"the connection broke ({type(error).__name__})") from None


def _version_of(url: str, response: httpx.Response) -> Version:
    """Of a whole answer, which must say how long it is: else one that was cut off would pass as whole."""
    length = response.headers.get("content-length", "")
    if not length.isdecimal() and "chunked" not in response.headers.get("transfer-encoding", ""):
        raise OpenbookError(f"{url}: the server does not say how long the file is, so it cannot be known to be whole.")
    tag, modified = response.headers.get("etag"), response.headers.get("last-modified")
    return Version(tag, modified, int(length) if length.isdecimal() else None)


def _read_known(path: Path) -> _Known | None:
    try:
        row = orjson.loads(path.read_bytes())
        return _Known(row["sha256"], Version(**row["version"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
