"""HTTP as a careful guest: few connections, throttling obeyed, every answer checked for being whole."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from openbook import __version__
from openbook.corpus.sources.remote.backoff import Gate, PassingError, asked_wait
from openbook.errors import OpenbookError

CONNECTIONS = 4
"""To all hosts together. More are answered with 403 or 503 by the hosts that crawls lie on."""
THROTTLED = frozenset({403, 429, 503})
PASSING = THROTTLED | {408, 500, 502, 504}


@dataclass(frozen=True)
class Span:
    """Content-Range of an answer: bytes `start` to `end` (exclusive) of `total`."""

    start: int
    end: int
    total: int | None


def span_of(response: httpx.Response) -> Span | None:
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("content-range", "").strip())
    if found is None:
        return None
    return Span(int(found[1]), int(found[2]) + 1, None if found[3] == "*" else int(found[3]))


@dataclass
class Web:
    """`headers` go to the host first asked only, should they authorize: a redirect elsewhere leaves that out."""

    gate: Gate = field(default_factory=Gate)
    headers: Mapping[str, str] = field(default_factory=dict)
    requests: int = 0

    @cached_property
    def client(self) -> httpx.Client:
        return httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(60, connect=20, pool=None),
            limits=httpx.Limits(max_connections=CONNECTIONS),
            headers={"user-agent": f"openbook/{__version__}", "accept-encoding": "identity", **self.headers},
        )

    def close(self) -> None:
        if "client" in self.__dict__:
            self.client.close()

    @contextmanager
    def answer(
        self, url: str, headers: Mapping[str, str] | None = None, expected: tuple[int, ...] = ()
    ) -> Iterator[httpx.Response]:
        """A streamed answer with status 200, 206 or one of `expected`.

        Raises PassingError for what may pass (inside `gate.retry`), OpenbookError for what will not.
        """
        self.requests += 1
        try:
            with self.client.stream("GET", url, headers=dict(headers or {})) as response:
                _check(url, response, expected)
                yield response
        except (httpx.InvalidURL, httpx.TooManyRedirects, httpx.UnsupportedProtocol) as error:
            raise OpenbookError(f"{url} cannot be asked for: {error}.") from None
        except httpx.TransportError as error:
            raise PassingError(
                f"no whole answer ({type(error).__name__}: {str(error)[:120] or 'no reason given'})"
            ) from None

    def get(self, url: str) -> tuple[bytes, httpx.Headers]:
        """The whole body of a small answer, and its headers."""

        def once() -> tuple[bytes, httpx.Headers]:
            with self.answer(url) as response:
                return response.read(), response.headers

        return self.gate.retry(url, host_of(url), once)

    def json(self, url: str) -> tuple[Any, httpx.Headers]:
        body, headers = self.get(url)
        try:
            return orjson.loads(body), headers
        except orjson.JSONDecodeError:
            raise OpenbookError(f"{url} did not answer with JSON: is this the right address?") from None

    def piece(self, url: str, start: int, end: int) -> tuple[bytes, int]:
        """Bytes `start` to `end` (exclusive), fewer only where the file ends, and the size of the whole file."""

        def once() -> tuple[bytes, int]:
            with self.answer(url, {"range": f"bytes={start}-{end - 1}"}) as response:
                span = span_of(response)
                if response.status_code != 206 or span is None or span.start != start or span.total is None:
                    raise OpenbookError(f"{url}: the server does not hand out parts of files (Range).")
                body = b"".join(response.iter_raw())  # as it lies there, whatever coding the server claims
            if len(body) != min(end, span.total) - start:
                raise PassingError(f"{len(body):,} bytes came instead of {min(end, span.total) - start:,}")
            return body, span.total

        return self.gate.retry(url, host_of(url), once)


def host_of(url: str) -> str:
    return urlsplit(url).netloc


def _check(url: str, response: httpx.Response, expected: tuple[int, ...]) -> None:
    status = response.status_code
    if status in (200, 206, *expected):
        return
    reason = response.headers.get("x-error-message", "")[:200]
    if status in PASSING and not (status == 403 and response.headers.get("x-error-code")):
        throttled = " (too many requests, or not allowed)" if status in THROTTLED else ""
        raise PassingError(f"the server answers {status}{throttled}", asked_wait(response.headers))
    if status in (404, 410):
        raise OpenbookError(f"there is no file at {url} (the server answers {status}); look at the address.")
    if status in (401, 403):
        told = f": {reason}" if reason else ""
        raise OpenbookError(f"{url} is not for everyone (the server answers {status}){told}; it needs a token.")
    raise OpenbookError(f"{url} cannot be had: the server answers {status}{' ' + reason if reason else ''}.")
