"""Questions to one of llama.cpp's processes over its private socket, answered whole or as a stream of lines.

The little of HTTP that its server speaks here is read by hand: a general client costs more a token than all the rest of
this server together, on the cores that the model computes with.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import orjson

from openbook.serve.engine import wire
from openbook.serve.engine.connection import Connection, Rhythm
from openbook.serve.engine.interface import EngineGoneError, RefusedError
from openbook.serve.engine.process import WorkerProcess

LONGEST_HEAD = 65_536


class Channel:
    """A process and the connections to it; each question has its own, so that closing it ends the work.

    A connection that is kept would hold a thread of llama.cpp's, which closes it when it likes, perhaps just as the
    next question is sent.
    """

    def __init__(self, wish: dict[str, Any]) -> None:
        self._process = WorkerProcess(wish)
        self._rhythm: Rhythm | None = None

    @property
    def alive(self) -> bool:
        return self._process.alive

    async def start(self) -> None:
        """Load the model; OpenbookError when llama.cpp cannot."""
        await self._process.start()

    async def close(self) -> None:
        await self._process.close()
        if self._rhythm is not None:
            self._rhythm.close()

    async def ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one question; RefusedError or EngineGoneError when there is none."""
        return await self._whole("POST", path, orjson.dumps(body))

    async def look(self, path: str) -> dict[str, Any]:
        """What the process tells of itself; nothing when it does not."""
        try:
            return await self._whole("GET", path, b"")
        except (EngineGoneError, RefusedError):
            return {}

    async def _whole(self, method: str, path: str, content: bytes) -> dict[str, Any]:
        async with self._asked(method, path, content) as answer:
            raw = b"".join([piece async for piece in answer.pieces()])
            found = _json(raw)
            if answer.status != 200:
                raise wire.refusal(found)
            return found

    async def lines(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[list[bytes], None]:
        """The lines of a streamed answer, as many together as have come.

        Closing this ends the connection, and with it the work.
        """
        async with self._asked("POST", path, orjson.dumps(body)) as answer:
            if answer.status != 200:
                raise wire.refusal(_json(b"".join([piece async for piece in answer.pieces()])))
            rest = b""
            async for piece in answer.pieces(held=True):
                *lines, rest = (rest + piece).split(b"\n")
                yield lines

    @contextlib.asynccontextmanager
    async def _asked(self, method: str, path: str, content: bytes) -> "AsyncIterator[_Answer]":
        """A question that was sent, and the head of its answer; EngineGoneError when the process breaks off."""
        if self._rhythm is None:
            self._rhythm = Rhythm()
        connection = Connection(self._rhythm)
        head = f"{method} {path} HTTP/1.1\r\nHost: engine\r\nContent-Type: application/json\r\nConnection: close\r\n"
        question = f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
        try:
            try:
                await connection.send(self._process.socket, question)
            except OSError as trouble:
                raise EngineGoneError("The engine does not answer; try again.") from trouble
            yield await _head(connection)
        except (OSError, ValueError, asyncio.IncompleteReadError) as trouble:
            raise EngineGoneError("The engine stopped while it was answering; try again.") from trouble
        finally:
            connection.close()


class _Answer:
    """An answer whose head has been read; `rest` is what came with it."""

    def __init__(self, status: int, connection: Connection, rest: bytes, chunked: bool, length: int) -> None:
        self.status = status
        self._connection = connection
        self._rest = rest
        self._chunked = chunked
        self._length = length

    async def pieces(self, held: bool = False) -> AsyncIterator[bytes]:
        """The body as it arrives, or `held` back a little; IncompleteReadError when it is cut."""
        rest = self._rest
        if not self._chunked:
            while len(rest) < self._length:
                rest += await _more(self._connection, rest)
            yield rest
            return
        while True:
            found, rest, ended = _dechunked(rest)
            if found:
                yield found
            if ended:
                return
            if found and held:
                await self._connection.hold()
            rest += await _more(self._connection, rest)


async def _head(connection: Connection) -> _Answer:
    raw = b""
    while (end := raw.find(b"\r\n\r\n")) < 0:
        if len(raw) > LONGEST_HEAD:
            raise ValueError("the head of an answer is too long")
        raw += await _more(connection, raw)  # a large body may come with its head at once
    lines = raw[:end].split(b"\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
    chunked = fields.get(b"transfer-encoding", b"").lower() == b"chunked"
    length = int(fields.get(b"content-length", 0))
    return _Answer(int(lines[0].split()[1]), connection, raw[end + 4 :], chunked, length)


async def _more(connection: Connection, so_far: bytes) -> bytes:
    more = await connection.read()
    if not more:
        raise asyncio.IncompleteReadError(so_far, None)
    return more


def _dechunked(rest: bytes) -> tuple[bytes, bytes, bool]:
    """(content of the whole chunks, bytes of one that is not whole yet, whether the last has come), RFC 9112, 7.1."""
    found: list[bytes] = []
    at = 0
    while (line := rest.find(b"\r\n", at)) >= 0:
        size = int(rest[at:line].partition(b";")[0], 16)
        start, end = line + 2, line + 2 + size
        if len(rest) < end + 2:
            break
        if size == 0:
            return b"".join(found), b"", True
        found.append(rest[start:end])
        at = end + 2
    return b"".join(found), rest[at:], False


def _json(raw: bytes) -> dict[str, Any]:
    return dict(orjson.loads(raw))
