"""An engine that says what each of its maps took: how many tasks, their CPU seconds, and how they pack onto workers."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from openbook.compute import Engine


@dataclass(frozen=True)
class Counted:
    """A function that returns, with its result, the CPU seconds that it took, where, from when to when."""

    function: Callable[[Any], Any]

    def __call__(self, task: Any) -> tuple[Any, float, int, float, float]:
        wall, cpu = time.monotonic(), time.process_time()
        result = self.function(task)
        return result, time.process_time() - cpu, os.getpid(), wall, time.monotonic()


class Accounting:
    """Runs its tasks on another engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.maps: list[dict[str, Any]] = []

    @property
    def workers(self) -> int:
        return self.engine.workers

    @property
    def standing(self) -> bool:
        return self.engine.standing

    def ready(self, prepare: Callable[[], None]) -> None:
        self.engine.ready(prepare)

    def rest(self) -> None:
        self.engine.rest()

    def map(
        self, function: Callable[[Any], Any], tasks: Sequence[Any], done: Callable[[int], None] | None = None
    ) -> Iterator[Any]:
        began, own = time.monotonic(), time.process_time()
        rows = []
        for result, cpu, worker, first, last in self.engine.map(Counted(function), tasks, done):
            rows.append((cpu, worker, first, last))
            yield result
        seconds = [row[0] for row in rows]
        inside = sum(row[0] for row in rows if row[1] == os.getpid())
        self.maps.append(
            {
                "name": getattr(function, "__name__", str(function)),
                "tasks": len(rows),
                "cpu": round(sum(seconds), 3),
                "packed": [round(packed(seconds, workers), 3) for workers in (1, 2, 4)],
                "began": round(began, 3),
                "wall": round(time.monotonic() - began, 3),
                "beside": round(time.process_time() - own - inside, 3),
            }
        )


def packed(seconds: Sequence[float], workers: int) -> float:
    """When the last of so many workers is done, if each takes the next task as soon as it is free."""
    free = [0.0] * workers
    for one in seconds:
        at = free.index(min(free))
        free[at] += one
    return max(free)
