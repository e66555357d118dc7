"""Work that waits for the network: a few threads, results in the order of the tasks, one failure stops all."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_threads(
    function: Callable[[T], R], tasks: Sequence[T], width: int, stop: Callable[[], None], done: Callable[[], None]
) -> Iterator[R]:
    """`stop` is called when a task fails, so that the others do not wait out their back-off; `done` after each task."""
    with ThreadPoolExecutor(max(1, min(width, len(tasks))), thread_name_prefix="fetch") as pool:
        futures = [pool.submit(function, task) for task in tasks]
        try:
            for future in futures:
                yield future.result()
                done()
        except BaseException:
            stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
