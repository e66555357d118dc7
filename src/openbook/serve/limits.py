"""How much may one client ask, and how many may ask at once? Bodies are read up to a bound; the queue has an end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from openbook.serve import requests
from openbook.serve.errors import ApiError
from openbook.serve.settings import Limits

TEXTS = ("prompt", "messages", "input", "tokens", "tools")
"""Fields whose length a tokenizer would feel: some megabytes keep it busy for half a minute."""
Body = TypeVar("Body", bound=BaseModel)


class Gate:
    """Lets `parallel` answers be computed at once, first come first served; turns requests away when too many wait."""

    def __init__(self, parallel: int, waiting: int) -> None:
        self._slots = asyncio.Semaphore(parallel)
        self._capacity = parallel + waiting
        self.requests = 0  # in the house: being computed or waiting
        self.computing = 0

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """A place for one request, or 429."""
        if self.requests >= self._capacity:
            text = "Too many requests are waiting; try again in a few seconds."
            raise ApiError(429, text, code="queue_full", headers={"Retry-After": "5"})
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """One of the places where answers are computed; waits for it."""
        async with self._slots:
            self.computing += 1
            try:
                yield
            finally:
                self.computing -= 1


async def body(request: Request, shape: type[Body], limits: Limits) -> Body:
    """The request's body, whole, within the bounds and of the right shape; ApiError otherwise."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # also keeps other sites' forms out: a browser sends JSON only where CORS allows it
        raise ApiError(415, "The body must be JSON: send it with Content-Type: application/json.")
    raw = await _read(request, limits)
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError as trouble:
        raise ApiError(400, f"The body is not valid JSON: {trouble}.", code="invalid_json") from None
    if not isinstance(content, dict):
        raise ApiError(400, "The body must be a JSON object.", code="invalid_json")
    for name in TEXTS:
        if (length := _length(content.get(name))) > limits.characters:
            text = f"{name} holds {length:,} characters or tokens; a request may hold {limits.characters:,}."
            raise ApiError(422, text, param=name, code="text_too_long")
    try:
        return shape.model_validate(content)
    except ValidationError as trouble:
        raise requests.refusal(trouble) from None


def _length(value: object) -> int:
    """Characters of all texts in a value, and one for each number."""
    found, left = 0, [value]
    while left:
        one = left.pop()
        if isinstance(one, list):
            left += one
        elif isinstance(one, dict):
            left += one.values()
        elif one is not None:
            found += len(one) if isinstance(one, str) else 1
    return found


async def _read(request: Request, limits: Limits) -> bytes:
    too_large = ApiError(413, f"The body is larger than {limits.body_bytes} bytes.", code="body_too_large")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.body_bytes:
        raise too_large
    pieces, size = [], 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for piece in request.stream():
                size += len(piece)
                if size > limits.body_bytes:
                    raise too_large
                pieces.append(piece)
    except ClientDisconnect:
        raise ApiError(499, "The client closed the connection.") from None
    except TimeoutError:
        raise ApiError(408, f"The body did not arrive within {limits.body_seconds:g} seconds.") from None
    return b"".join(pieces)
