"""When is a stream of the engine's read again? Not for every token: all streams together, a few times a second.

A wake-up costs more than all the work on a token. So a stream that has just been read is left alone a while, tokens
gather in the kernel, and all streams are read at the same beat. The kernel tells at once when the engine hangs up, so
that no answer ends later for being held.
"""

import asyncio
import contextlib
import select
import socket
import time

READ = 262_144
"""Bytes taken from a socket at once."""
LONGEST_HELD = 0.03
"""Seconds: thirty times a second is faster than anyone reads."""
SECONDS_TO_CONNECT, RETRY = 5.0, 0.001
"""How long, and how often, a full queue of the listening engine is tried again."""
TELLS_HANGING_UP = hasattr(select, "epoll")
SHARE_HELD = 0.25 if TELLS_HANGING_UP else 0.02
"""A stream is held for at most this share of the time it has taken so far: short answers come smoothly too."""


class Rhythm:
    """Holds streams until the next beat, or until the other side hangs up."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._held: dict[int, asyncio.Future[None]] = {}
        self._beats: dict[float, list[int]] = {}  # time -> sockets that are read then
        self._ended: set[int] = set()
        self._watched = select.epoll() if TELLS_HANGING_UP else None
        if self._watched is not None:
            self._loop.add_reader(self._watched.fileno(), self._hung_up)

    def watch(self, number: int) -> None:
        """Notice when the other side of this socket hangs up."""
        if self._watched is not None:
            self._watched.register(number, select.EPOLLRDHUP | select.EPOLLONESHOT)

    def forget(self, number: int) -> None:
        """Before the socket is closed."""
        self._ended.discard(number)
        if self._watched is not None:
            self._watched.unregister(number)

    async def hold(self, number: int, seconds: float) -> None:
        """Wait so long, or half as long where others are read by then; not at all when the other side has hung up."""
        if number in self._ended:
            return
        now = self._loop.time()
        beat = max((one for one in self._beats if now + seconds / 2 <= one <= now + seconds), default=now + seconds)
        if beat not in self._beats:
            self._beats[beat] = []
            self._loop.call_at(beat, self._strike, beat)
        self._beats[beat].append(number)
        self._held[number] = held = self._loop.create_future()
        try:
            await held
        finally:
            del self._held[number]

    def _strike(self, beat: float) -> None:
        for number in self._beats.pop(beat):
            self._release(number)

    def _hung_up(self) -> None:
        for number, _ in self._watched.poll(0) if self._watched is not None else ():
            self._ended.add(number)
            self._release(number)

    def _release(self, number: int) -> None:
        held = self._held.get(number)
        if held is not None and not held.done():
            held.set_result(None)

    def close(self) -> None:
        if self._watched is not None:
            self._loop.remove_reader(self._watched.fileno())
            self._watched.close()
            self._watched = None


class Connection:
    """One connection to the engine's Unix socket."""

    def __init__(self, rhythm: Rhythm) -> None:
        self._loop = asyncio.get_running_loop()
        self._rhythm = rhythm
        self._begun = time.monotonic()
        self._watched = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)

    async def send(self, path: str, content: bytes) -> None:
        """Connect and send; OSError when that is not possible."""
        while True:
            try:
                self._socket.connect(path)
                break
            except BlockingIOError:  # more connect at this moment than the engine lets wait
                if time.monotonic() - self._begun > SECONDS_TO_CONNECT:
                    raise
                await asyncio.sleep(RETRY)
        await self._loop.sock_sendall(self._socket, content)

    async def read(self) -> bytes:
        """What has arrived, or what arrives next; nothing when the other side has hung up."""
        try:
            return self._socket.recv(READ)
        except BlockingIOError:
            return await self._loop.sock_recv(self._socket, READ)

    async def hold(self) -> None:
        """Let tokens gather in the kernel, where they cost nothing."""
        if not self._watched:
            self._watched = True
            self._rhythm.watch(self._socket.fileno())
        share = SHARE_HELD * (time.monotonic() - self._begun)
        await self._rhythm.hold(self._socket.fileno(), min(LONGEST_HELD, share))

    def close(self) -> None:
        """Ends the work on an answer that is not whole."""
        if self._watched:
            self._rhythm.forget(self._socket.fileno())
        with contextlib.suppress(OSError):
            self._socket.close()
