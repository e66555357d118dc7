"""From engines to sockets: answers computed side by side, sent as server-sent events, stopped when nobody listens."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from starlette.types import Receive, Scope, Send

from openbook.serve.engine.interface import Delta
from openbook.serve.errors import ApiError
from openbook.serve.limits import Gate

Start = Callable[[], AsyncIterator[Delta]]  # begins to compute one answer
FIRST_PIECE_SECONDS = 5.0  # refusals until then have an HTTP status of their own; later ones come as an event
KEEP_ALIVE_SECONDS = 15.0
DONE = b"data: [DONE]\n\n"


class Fan:
    """Computes several answers at the same time; hands out their pieces as they come: (which answer, piece)."""

    def __init__(self, gate: Gate, starts: Sequence[Start]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready: list[tuple[int, Delta]] = []
        self._trouble: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._open = len(starts)
        self._tasks = [asyncio.create_task(self._pump(gate, index, start)) for index, start in enumerate(starts)]

    def attend(self, receive: Receive) -> None:
        """Give up when the client goes away: then `get` raises ApiError."""
        self._tasks.append(asyncio.create_task(self._watch(receive)))

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._ready.clear()
        self._trouble = ApiError(499, "The client closed the connection.")
        self._wake()

    async def _pump(self, gate: Gate, index: int, start: Start) -> None:
        try:
            async with gate.slot(), contextlib.aclosing(start()) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    self._ready.append((index, piece))
                    if self._waiter is not None:
                        self._wake()
        except Exception as trouble:
            self._trouble = self._trouble or trouble
        else:
            self._open -= 1
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @property
    def whole(self) -> bool:
        """Everything has been computed and handed out."""
        return not (self._open or self._ready or self._trouble)

    async def get(self, seconds: float | None = None) -> list[tuple[int, Delta]]:
        """All pieces that have come since the last call; waits for the first, at most so long. TimeoutError then.

        Nothing when all answers are whole. Raises what an engine raised, after the pieces that came before it.
        """
        end = None if seconds is None else self._loop.time() + seconds
        while not self._ready and self._open and self._trouble is None:
            if end is not None and self._loop.time() >= end:
                raise TimeoutError
            self._waiter = self._loop.create_future()
            timer = None if end is None else self._loop.call_at(end, self._wake)
            try:
                await self._waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        ready, self._ready = self._ready, []
        if not ready and self._trouble is not None:
            raise self._trouble
        return ready

    async def close(self) -> None:
        """Stop computing; slots are free again when this returns."""
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)


class EventStream:
    """An ASGI response that sends events until they end, and calls `close` in every case."""

    def __init__(
        self, events: AsyncIterator[bytes], close: Callable[[], Awaitable[object]], headers: Mapping[str, str]
    ) -> None:
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self._events = events
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            *self._headers,
        ]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async for event in self._events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self._close()


def event(data: bytes) -> bytes:
    """One server-sent event; `data` is JSON on one line."""
    return b"data: " + data + b"\n\n"
