"""What every engine promises: tasks in, results out in the order of the tasks."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    @property
    def workers(self) -> int:
        """Tasks that run at the same time, on all machines together."""
        ...

    @property
    def standing(self) -> bool:
        """Whether workers stand by on this machine: then a map is worth it for tasks of some hundredths of a second."""
        ...

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], done: Callable[[int], None] | None = None
    ) -> Iterator[R]:
        """Apply `function` to each task; results come in the order of the tasks, whatever order they end in.

        `function` and tasks must pickle, results should be small (paths, counts). `done` is called in this process with
        the index of each task as it ends. An exception of `function` ends the map and is raised here. A worker that
        dies is replaced and its task tried again; after three deaths OpenbookError names the task.
        """
        ...

    def ready(self, prepare: Callable[[], None]) -> None:
        """Say what every worker of the next maps will load; where they are forked from this process, it is loaded here,
        once. To be called where no bar is shown yet: a process in which other threads run is not forked."""
        ...

    def rest(self) -> None:
        """Give back what is held for the next map (idle processes and their memory), between two steps."""
        ...
