"""When are the engine's streams read, and how many writes does an answer take? With real sockets and real timers."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator

import pytest

from openbook.serve.engine.connection import LONGEST_HELD, TELLS_HANGING_UP, Connection, Rhythm
from openbook.serve.engine.interface import Delta
from openbook.serve.errors import ApiError
from openbook.serve.gathering import GatheringTransport
from openbook.serve.limits import Gate
from openbook.serve.stream import Fan


def test_streams_that_are_held_are_read_at_the_same_moment() -> None:
    """Two whose times lie near each other wait for one timer; none waits longer than was asked for."""

    async def run() -> tuple[list[int], int]:
        rhythm, order = Rhythm(), list[int]()

        async def held(number: int, seconds: float) -> None:
            await rhythm.hold(number, seconds)
            order.append(number)

        waiting = [asyncio.create_task(held(1, 0.05)), asyncio.create_task(held(2, 0.08))]
        await asyncio.sleep(0)
        beats = len(rhythm._beats)
        await asyncio.gather(*waiting)
        rhythm.close()
        return order, beats

    assert asyncio.run(run()) == ([1, 2], 1)


@pytest.mark.skipif(not TELLS_HANGING_UP, reason="only Linux tells when the other side hangs up")
def test_an_engine_that_hangs_up_ends_the_wait() -> None:
    async def run() -> float:
        rhythm = Rhythm()
        near, far = socket.socketpair()
        rhythm.watch(near.fileno())
        begun = time.monotonic()
        waiting = asyncio.create_task(rhythm.hold(near.fileno(), 60))
        await asyncio.sleep(0)
        far.close()
        await waiting
        await rhythm.hold(near.fileno(), 60)  # nor is it held again
        rhythm.forget(near.fileno())
        near.close()
        rhythm.close()
        return time.monotonic() - begun

    assert asyncio.run(run()) < 30


def test_a_full_queue_of_the_engine_is_tried_again() -> None:
    """The kernel refuses at once where a Unix socket's queue is full; the engine takes the questions a little later."""
    path = f"\0openbook-tests-{os.getpid()}"  # a name without a file: a path may be longer than a socket's can be

    async def run() -> list[bytes]:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen(0)
        waiting = list[socket.socket]()
        with pytest.raises(BlockingIOError):
            for _ in range(10):
                waiting.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                waiting[-1].setblocking(False)
                waiting[-1].connect(path)
        rhythm = Rhythm()
        asked = Connection(rhythm)
        sending = asyncio.create_task(asked.send(path, b"question"))
        await asyncio.sleep(LONGEST_HELD)
        assert not sending.done()
        for one in waiting:
            one.close()
        heard = [b""]
        while not heard[-1]:  # those that filled the queue say nothing
            one = await asyncio.to_thread(lambda: listener.accept()[0])
            heard.append(await asyncio.to_thread(one.recv, 100))
            one.close()
        await sending
        asked.close()
        rhythm.close()
        listener.close()
        return heard

    assert asyncio.run(run())[-1] == b"question"


def test_what_is_said_in_one_step_goes_out_in_one_write() -> None:
    class Kept(asyncio.Transport):
        def __init__(self) -> None:
            super().__init__()
            self.said: list[bytes] = []

        def write(self, data: "bytes | bytearray | memoryview") -> None:
            self.said.append(bytes(data))

        def is_closing(self) -> bool:
            return False

        def close(self) -> None:
            self.said.append(b"closed")

    async def run() -> list[bytes]:
        kept = Kept()
        gathering = GatheringTransport(kept)
        for part in (b"head ", b"", b"body"):
            gathering.write(part)
        assert kept.said == []
        await asyncio.sleep(0)
        gathering.write(b"last")
        gathering.close()
        await asyncio.sleep(0)
        return kept.said

    assert asyncio.run(run()) == [b"head body", b"last", b"closed"]


def test_pieces_that_are_ready_come_together_and_before_the_trouble_after_them() -> None:
    async def run() -> tuple[list[str], list[str]]:
        async def breaks() -> AsyncIterator[Delta]:
            yield Delta("a")
            yield Delta("b")
            raise ApiError(503, "gone")

        fan = Fan(Gate(1, 1), [breaks])
        told = [piece.text for _, piece in await fan.get()]
        with pytest.raises(ApiError, match="gone"):
            await fan.get()
        await fan.close()
        return told, [str(fan.whole)]

    assert asyncio.run(run()) == (["a", "b"], ["False"])


def test_one_of_several_answers_that_ends_without_a_piece_does_not_end_the_others() -> None:
    async def run() -> list[str]:
        go_on = asyncio.Event()

        async def nothing() -> AsyncIterator[Delta]:
            if go_on.is_set():
                yield Delta("never")

        async def late() -> AsyncIterator[Delta]:
            await go_on.wait()
            yield Delta("late")

        fan = Fan(Gate(2, 2), [nothing, late])
        asyncio.get_running_loop().call_later(0.02, go_on.set)
        told = []
        while ready := await fan.get():
            told += [piece.text for _, piece in ready]
        await fan.close()
        return told

    assert asyncio.run(run()) == ["late"]
