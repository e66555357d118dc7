"""Tasks that kill their process, or note that they ran: apart from the tests, so that they start quickly."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from openbook.corpus.hand import Hand
from openbook.corpus.warming import warm_up


@dataclass(frozen=True)
class Walk:
    note: Path
    count: int
    deadly: tuple[int, ...]


def walk(task: Walk, left_out: frozenset[int]) -> None:
    """Takes 0, 1, 2 … in hand."""
    with Hand(task.note) as hand:
        walked = []
        for at in range(task.count):
            hand.hold(at)
            if at in left_out:
                continue
            if at in task.deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            walked.append(str(at))
        task.note.with_name("walked").write_text(" ".join(walked))


def die(note: Path, left_out: frozenset[int]) -> None:
    Hand(note)
    os.kill(os.getpid(), signal.SIGKILL)


def warm(folder: Path) -> None:
    def compile() -> None:
        (folder / f"compiled-{os.getpid()}").touch()
        time.sleep(0.3)

    warm_up(folder, compile)
