"""Object stores and whatever else fsspec speaks: listing, and one file in pieces that can be resumed."""

import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from openbook.corpus.sources.remote.backoff import PassingError
from openbook.corpus.sources.remote.partial import Partial, Version
from openbook.errors import OpenbookError

_PIECE = 16 << 20
_TAGS = ("ETag", "etag", "md5Hash", "content_md5", "checksum")
_TIMES = ("LastModified", "last_modified", "mtime", "created")


class Objects:
    """Endpoints, regions and keys come from the environment (`AWS_…`, `FSSPEC_…`), never from the recipe."""

    def __init__(self, arriving: Callable[[Iterator[bytes]], Iterator[bytes]]) -> None:
        """What comes goes through `arriving`."""
        self.arriving = arriving
        self._own = threading.local()

    @property
    def _systems(self) -> dict[tuple[str, str], Any]:
        """Protocol and host -> its file system. Each thread has its own: one FTP connection cannot serve two."""
        if not hasattr(self._own, "systems"):
            self._own.systems = {}
        return self._own.systems

    def _open(self, url: str, **options: Any) -> tuple[Any, str]:
        """File system and path in it; some protocols have one for each host. Raises PassingError or OpenbookError."""
        key = (urlsplit(url).scheme, urlsplit(url).netloc)
        try:
            from fsspec.core import url_to_fs

            if key not in self._systems or options:
                self._systems[key] = noting(url_to_fs(url, skip_instance_cache=True, **options)[0])
            return self._systems[key], self._systems[key]._strip_protocol(url)
        except (ImportError, ValueError, TypeError) as error:
            raise OpenbookError(
                f"{url}: files of {key[0]}:// cannot be read here ({error}). "
                "Run `pip install 'openbook[remote]'` for s3://, or install the fsspec package of this protocol."
            ) from None
        except Exception as error:  # a host that does not answer, in the words of each protocol's library
            raise PassingError(f"{type(error).__name__}: {str(error)[:200]}") from None

    def _ask(self, url: str, name: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of the file system. Raises PassingError or OpenbookError for whatever goes wrong."""
        system, path = self._open(url)
        try:
            return getattr(system, name)(path, *arguments, **options)
        except FileNotFoundError:
            raise OpenbookError(f"there is no file at {url}; look at the address.") from None
        except PermissionError as error:
            raise OpenbookError(
                f"{url} is not for everyone ({str(error)[:200]}); keys come from the environment."
            ) from None
        except Exception as error:  # each protocol's library has errors of its own
            if type(error).__name__ == "NoCredentialsError":
                self._open(url, anon=True)  # for what everyone may read in a store of the S3 kind
                return self._ask(url, name, *arguments, **options)
            self._systems.clear()  # a connection that broke off stays broken: the next try makes a new one
            raise PassingError(f"{type(error).__name__}: {str(error)[:200]}") from None

    def expand(self, pattern: str) -> list[str]:
        """The addresses that a glob names, in order."""
        system, own = self._open(pattern)
        scheme, host = urlsplit(pattern).scheme, urlsplit(pattern).netloc
        paths = self._ask(pattern, "listed")
        if not paths:  # or an old FTP connection that the server has ended: fsspec reads that as an empty folder
            self._systems.clear()
            paths = self._ask(pattern, "listed")
        if host and host not in own:  # the path is one on that host alone
            return sorted(f"{scheme}://{host}/{path.lstrip('/')}" for path in paths)
        return sorted(system.unstrip_protocol(path) for path in paths)

    def _version(self, url: str) -> Version:
        info = self._ask(url, "info", **({"refresh": True} if urlsplit(url).scheme in ("s3", "s3a") else {}))
        if info.get("type") == "directory":
            raise OpenbookError(f"{url} is a folder; name its files, or end the address with /*.")
        tag = next((info[key] for key in ("ETag", "etag", "md5Hash", "content_md5", "checksum") if info.get(key)), None)
        modified = next(
            (info[key] for key in ("LastModified", "last_modified", "mtime", "created") if info.get(key)), ""
        )
        if info.get("size") is None:
            raise OpenbookError(
                f"{url}: the store does not say how long the file is, so it cannot be known to be whole."
            )
        return Version(None if tag is None else str(tag), str(modified) or None, int(info["size"]))

    def transfer(self, url: str, partial: Partial, held: Version | None) -> bool:
        """Bring the partial file to its end; False when the version held is still the one there."""
        version, before = self._version(url), partial.size
        if held is not None and version.tag is not None and version == held:
            return False
        if partial.version != version:
            partial.begin(version)
        assert version.size is not None
        partial.append(url, self.arriving(self._pieces(url, partial.size, version.size)), before)
        partial.path.touch()
        partial.checked()
        if self._version(url) != version:
            partial.discard()
            raise PassingError("the file changed while it was downloaded")
        return True

    def _pieces(self, url: str, start: int, size: int) -> Iterator[bytes]:
        while start < size:
            piece = self._ask(url, "cat_file", start=start, end=min(start + _PIECE, size))
            if not piece:
                raise PassingError(f"nothing came at byte {start:,} of {size:,}")
            yield piece
            start += len(piece)


def noting(system: Any) -> Any:
    """The file system with a method `listed`: a glob that fails where fsspec leaves out what it cannot list."""
    failed: list[OSError] = []
    inner = "_ls" if system.async_impl else "ls"
    list_folder, glob = getattr(system, inner), system.glob

    def noted(*arguments: Any, **options: Any) -> Any:
        try:
            return list_folder(*arguments, **options)
        except OSError as error:
            failed.append(error)
            raise

    async def noted_later(*arguments: Any, **options: Any) -> Any:
        try:
            return await list_folder(*arguments, **options)
        except OSError as error:
            failed.append(error)
            raise

    def listed(pattern: str) -> list[str]:
        failed.clear()
        found = glob(pattern)
        for error in failed:
            if not isinstance(error, FileNotFoundError):
                raise error
        return list(found)

    setattr(system, inner, noted_later if system.async_impl else noted)
    system.listed = listed
    return system
