"""Tasks on this machine: in this process, or in a few worker processes."""

import ctypes
import multiprocessing
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from openbook.errors import OpenbookError

T = TypeVar("T")
R = TypeVar("R")
ATTEMPTS = 3
IDLE_SECONDS = 10.0
"""Workers wait so long for the next map: a step has many, and starting a worker takes two seconds of imports."""


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


def _pool(workers: int) -> ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=spawn, initializer=follow_parent, initargs=(os.getpid(),))


def _end(engine: "weakref.ref[Processes]", pool: "weakref.ref[ProcessPoolExecutor]") -> None:
    """End the workers, if they still wait."""
    owner, waiting = engine(), pool()
    if owner is None or waiting is None:
        return
    with owner._lock:
        if owner._idle is not waiting:
            return
        owner._idle = None
    waiting.shutdown(wait=False)


class Processes:
    """Worker processes are started fresh (`spawn`), so that they share no state that could decide a result."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise OpenbookError(f"workers must be at least 1, not {workers}.")
        self._workers = workers
        self._lock = threading.Lock()
        self._idle: ProcessPoolExecutor | None = None
        self._timer: threading.Timer | None = None

    @property
    def workers(self) -> int:
        return self._workers

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], done: Callable[[int], None] | None = None
    ) -> Iterator[R]:
        if self._workers == 1 or len(tasks) < 2:
            return self._in_process(function, tasks, done)
        return self._in_workers(function, tasks, done)

    def _take(self) -> ProcessPoolExecutor:
        """Workers that wait, or new ones; they start as tasks come."""
        with self._lock:
            pool, self._idle = self._idle, None
            if self._timer:
                self._timer.cancel()
        return pool or _pool(self._workers)

    def _keep(self, pool: ProcessPoolExecutor) -> None:
        """Let the workers wait for the next map, for a while."""
        with self._lock:
            surplus, self._idle = self._idle, pool
            if self._timer:
                self._timer.cancel()
            self._timer = threading.Timer(IDLE_SECONDS, _end, (weakref.ref(self), weakref.ref(pool)))
            self._timer.daemon = True
            self._timer.start()
        if surplus:
            surplus.shutdown(wait=False)

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
            batch, width = (suspects[:1], 1) if suspects else (unfinished, self._workers)
            pool = _pool(1) if suspects else self._take()
            whole = False
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
                whole = not suspects
            except BrokenProcessPool:
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
                raise
            finally:
                if whole:
                    self._keep(pool)
                else:
                    pool.shutdown(wait=True, cancel_futures=True)
            unfinished = [index for index in unfinished if index >= next_result and index not in results]
        while next_result in results:
            yield results.pop(next_result)
            next_result += 1
