"""Tasks for every engine to run."""

import os
import signal
import time
from pathlib import Path

from openbook.errors import OpenbookError


def slow_square(number: int) -> int:
    time.sleep(0.05 * (number % 3))
    return number * number


def die_once(folder: Path, number: int) -> int:
    mark = folder / str(number)
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def always_die(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail(number: int) -> int:
    raise OpenbookError(f"bad input {number}")


def fill_disk(number: int) -> int:
    """A real answer of the kernel: no space left on device."""
    with Path("/dev/full").open("wb") as file:
        file.write(bytes(number + 1))
    return number


class StubbornError(Exception):
    """Does not pickle: it cannot be made from its message alone."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def fail_stubbornly(number: int) -> int:
    raise StubbornError("no", str(number))


def begin_and_wait(folder: Path, number: int) -> tuple[int, int]:
    """Leave a mark with this process's number, wait for leave to end; returns the task and how often it began."""
    (folder / f"{number}.{os.getpid()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.05)
    return number, len(list(folder.glob(f"{number}.*")))


def begun(folder: Path) -> list[int]:
    """Process numbers of the tasks that left a mark."""
    return [int(mark.suffix[1:]) for mark in folder.glob("*.*")]


def where(path: Path) -> str:
    """Reads a relative path: it means the same on every machine."""
    return path.read_text()
