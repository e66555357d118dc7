"""Which page a worker has in hand, and how one that kills its worker is found: a crawl must outlive any page.

Eight bytes in a memory-mapped file say it, so they are there after a death. A task that finds them goes on in a process
of its own, watches that one die, and after two deaths on the same page has it left out.
"""

import mmap
import multiprocessing
import os
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from openbook.compute.processes import follow_parent
from openbook.errors import OpenbookError

T = TypeVar("T")
DEATHS = 2
"""Of watched processes on the same page, after which it is left out: the first one may have had another cause."""
BETWEEN = -1
"""In the place of an offset: the process was reading or writing."""


class Hand:
    """The note of one task. It lasts while the task runs, and outlives only a process that was killed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack("<q", BETWEEN))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)

    def hold(self, offset: int) -> None:
        self._map[:] = struct.pack("<q", offset)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._map.close()
        self.path.unlink(missing_ok=True)


def outlive(work: Callable[[T, frozenset[int]], object], task: T, note: Path, what: str) -> None:
    """Do `work(task, left out)` in other processes until it ends, leaving out the pages (offsets) that kill them.

    `note` is where the work's Hand lies. Raises OpenbookError, naming `what`, when it is no page that kills them.
    """
    deaths: Counter[int] = Counter()
    while True:
        left_out = frozenset(at for at, count in deaths.items() if count >= DEATHS)
        note.write_bytes(struct.pack("<q", BETWEEN))
        process = multiprocessing.get_context("spawn").Process(target=_child, args=(os.getpid(), work, task, left_out))
        process.start()
        process.join()
        if not note.exists():  # it ended by itself; what it raised is raised again where it can be seen
            if process.exitcode:
                work(task, left_out)
            return
        (at,) = struct.unpack("<q", note.read_bytes())
        deaths[at] += 1
        if at == BETWEEN and deaths[at] > DEATHS:
            raise OpenbookError(
                f"{what}: the process that reads it was killed {deaths[at]} times, outside of any page: it may need "
                "more memory than there is. Give the run fewer workers, or leave this file out."
            )


def _child(parent: int, work: Callable[[T, frozenset[int]], object], task: T, left_out: frozenset[int]) -> None:
    follow_parent(parent)
    work(task, left_out)
