"""What this process does itself while its workers are busy, so that they need not wait for it afterwards."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

from openbook.compute.engine import Engine

R = TypeVar("R")


def beside(engine: Engine, work: Callable[[], R]) -> Callable[[], R]:
    """Begin the work in a thread; returns what waits for its result, or raises what it raised.

    With one worker, which is this process, it is done before this returns. While it goes on no worker is forked.
    """
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    if engine.workers == 1:
        run()
    else:
        Thread(target=run, name="beside", daemon=True).start()
    return future.result
