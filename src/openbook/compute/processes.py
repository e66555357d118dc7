"""Tasks on this machine: in this process, or in a few worker processes."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from openbook.errors import OpenbookError

T = TypeVar("T")
R = TypeVar("R")
ATTEMPTS = 3


PR_SET_PDEATHSIG = 1
"""From linux/prctl.h: send this process a signal when its parent ends."""


def follow_parent(parent: int) -> None:
    """A worker ends with the process that it works for, even one that was killed, and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if os.name == "posix" and hasattr(ctypes.CDLL(None), "prctl"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the call
            os._exit(1)


UNFORKABLE = ("torch", "ray", "grpc", "jax", "tensorflow")
"""Libraries with threads or devices of their own that do not survive a fork."""
HARMLESS = ("energy",)
"""Threads that hold nothing a worker needs."""


def forkable() -> bool:
    """Whether a copy of this process can work: no library is loaded, and no thread runs, that may hold a lock for ever
    in the copy. Arrow, OpenBLAS and numba see to that themselves."""
    if not sys.platform.startswith("linux") or any(name in sys.modules for name in UNFORKABLE):
        return False
    main = threading.main_thread()
    return all(one is main or one.name in HARMLESS for one in threading.enumerate())


class Processes:
    """Worker processes stay for the next map. Where that is safe they are forked from this one, with all that is loaded
    here; else they are started fresh, and each takes a second or two for its imports."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise OpenbookError(f"workers must be at least 1, not {workers}.")
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    @property
    def workers(self) -> int:
        return self._workers

    @property
    def standing(self) -> bool:
        return self._pool is not None

    def ready(self, prepare: Callable[[], None]) -> None:
        if self._workers > 1 and self._pool is None and forkable():
            prepare()
            self._started().submit(os.getpid).result()  # all workers are forked before the pool's own thread starts

    def rest(self) -> None:
        """Let the worker processes end, and their memory go; the next map starts new ones."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], done: Callable[[int], None] | None = None
    ) -> Iterator[R]:
        if self._workers == 1 or len(tasks) < 2:
            return self._in_process(function, tasks, done)
        return self._in_workers(function, tasks, done)

    def _in_process(
        self, function: Callable[[T], R], tasks: Sequence[T], done: Callable[[int], None] | None
    ) -> Iterator[R]:
        for index, task in enumerate(tasks):
            result = function(task)
            if done:
                done(index)
            yield result

    def _in_workers(
        self, function: Callable[[T], R], tasks: Sequence[T], done: Callable[[int], None] | None
    ) -> Iterator[R]:
        results: dict[int, R] = {}
        deaths = [0] * len(tasks)
        unfinished = list(range(len(tasks)))
        next_result = 0
        while unfinished:
            # After a death it is not known which running task caused it, so those in flight are then tried one by one.
            suspects = [index for index in unfinished if deaths[index]]
            # One task more than there are workers lies ready, so that none waits until this process has time for it.
            batch, width = (suspects[:1], 1) if suspects else (unfinished, self._workers + 1)
            pool = self._started()
            running: dict[Future[R], int] = {}
            waiting = iter(batch)
            try:
                while True:
                    while len(running) < width and (index := next(waiting, None)) is not None:
                        running[pool.submit(function, tasks[index])] = index
                    if not running:
                        break
                    ended, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in sorted(ended, key=lambda one: running[one]):
                        results[running[future]] = future.result()
                        index = running.pop(future)
                        if done:
                            done(index)
                    while next_result in results:
                        yield results.pop(next_result)
                        next_result += 1
            except BrokenProcessPool:
                self.rest()
                for future, index in running.items():
                    if future.done() and not future.exception():
                        results[index] = future.result()
                        if done:
                            done(index)
                        continue
                    deaths[index] += 1
                    if deaths[index] >= ATTEMPTS:
                        raise OpenbookError(
                            f"a worker process died {ATTEMPTS} times on the same task ({tasks[index]!r:.200}): "
                            "it was killed or ran out of memory. Give it fewer workers or leave this input out."
                        ) from None
            except BaseException:
                # A failed task or a stopped run: the others are not waited for; a file of theirs is whole or not there.
                for worker in multiprocessing.active_children():
                    worker.terminate()
                self.rest()
                raise
            unfinished = [index for index in unfinished if index >= next_result and index not in results]
        while next_result in results:
            yield results.pop(next_result)
            next_result += 1

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            way = multiprocessing.get_context("fork" if forkable() else "spawn")
            self._pool = ProcessPoolExecutor(
                self._workers, mp_context=way, initializer=follow_parent, initargs=(os.getpid(),)
            )
        return self._pool
