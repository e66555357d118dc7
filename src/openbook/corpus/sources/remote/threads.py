"""Work that waits for the network: a few threads, results in the order of the tasks, one failure stops all."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_threads(
    function: Callable[[T], R], tasks: Sequence[T], width: int, stop: Callable[[], None], done: Callable[[T], None]
) -> list[R]:
    """`stop` is called as soon as a task fails, so that no other waits out its back-off; `done` after each."""
    with ThreadPoolExecutor(max(1, min(width, len(tasks))), thread_name_prefix="fetch") as pool:
        futures = {pool.submit(function, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                future.result()
                done(futures[future])
        except BaseException:
            stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]
