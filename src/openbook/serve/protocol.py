"""What of HTTP itself is refused? Requests that are none get OpenAI's error object too, and a body that goes on after
its request was answered is cut off: uvicorn alone would take and drop it for as long as somebody sends."""

import asyncio

import h11
import orjson

from openbook.serve.errors import ApiError
from openbook.serve.gathering import GatheringProtocol

LATE_BYTES = 32 * 2**20
"""So much of a refused body is still read, as clients that listen only when they have said all need it to be."""
LATE_SECONDS = 30.0


class AnsweringProtocol(GatheringProtocol):
    """uvicorn's h11 protocol with an end to what it takes in."""

    _late = 0  # bytes that came after the answer
    _cut: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        if self._answered_early():
            self._late += len(data)
            if self._cut is None:
                self._cut = self.loop.call_later(LATE_SECONDS, self._close_if_late)
            if self._late > LATE_BYTES:
                self.transport.close()
                return
        else:
            self._forget()
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):  # an answer has begun: it cannot become another
            self.transport.close()
            return
        trouble = ApiError(400, "This is no HTTP request that can be read.", code="invalid_http")
        content = orjson.dumps(trouble.body())
        headers = [("content-type", "application/json"), ("content-length", str(len(content))), ("connection", "close")]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=content),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _answered_early(self) -> bool:
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def _close_if_late(self) -> None:
        if self._answered_early():
            self.transport.close()

    def _forget(self) -> None:
        self._late = 0
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None
