"""Results come in the order of the tasks, whatever the number of workers and whoever dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest

from openbook import compute
from openbook.errors import OpenbookError


def own_process(folder: Path, _number: int) -> int:
    """Ends when two processes have begun, so that neither does the work of both."""
    (folder / str(os.getpid())).touch()
    wait_until(lambda: len(list(folder.iterdir())) > 1)
    return os.getpid()


def two_processes(engine: compute.Engine, folder: Path) -> set[int]:
    folder.mkdir()
    return set(engine.map(partial(own_process, folder), range(6)))


def slow_square(number: int) -> int:
    time.sleep(0.05 * (number % 3))
    return number * number


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_do_not_depend_on_the_number_of_workers(workers: int) -> None:
    ended: list[int] = []
    results = list(compute.local(workers).map(slow_square, range(9), done=ended.append))
    assert results == [number * number for number in range(9)]
    assert sorted(ended) == list(range(9))


def die_once(folder: Path, number: int) -> int:
    mark = folder / str(number)
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_worker_that_dies_loses_nothing(tmp_path: Path) -> None:
    assert list(compute.local(2).map(partial(die_once, tmp_path), range(6))) == list(range(6))


def always_die(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_task_that_kills_every_worker_is_named() -> None:
    with pytest.raises(OpenbookError, match=r"same task \(2\)"):
        list(compute.local(2).map(always_die, range(4)))


def stay(folder: Path, number: int) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(60)


ORPHANS = """
import sys
from functools import partial
from pathlib import Path
from openbook import compute
from openbook.compute import processes
from tests.compute.test_processes import stay
if __name__ == "__main__":
    list(compute.local(2).map(partial(stay, Path(sys.argv[1])), range(2)))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_process_that_they_work_for(tmp_path: Path, how: signal.Signals) -> None:
    script, marks = tmp_path / "main.py", tmp_path / "marks"
    script.write_text(ORPHANS)
    marks.mkdir()
    root = Path(__file__).parents[2]
    variables = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen([sys.executable, str(script), str(marks)], env=variables) as parent:
        wait_until(lambda: len(list(marks.iterdir())) == 2)
        parent.send_signal(how)
    wait_until(lambda: not any(psutil.pid_exists(int(mark.name)) for mark in marks.iterdir()))


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def fail(number: int) -> int:
    raise OpenbookError(f"bad input {number}")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_task_reaches_the_caller(workers: int) -> None:
    # Two workers fail at once, and the first to be heard is told.
    with pytest.raises(OpenbookError, match="bad input 0" if workers == 1 else "bad input [01]"):
        list(compute.local(workers).map(fail, range(3)))


def test_no_workers_is_a_sentence() -> None:
    with pytest.raises(OpenbookError, match="at least 1"):
        compute.local(0)


def test_workers_stay_from_map_to_map_until_they_may_rest(tmp_path: Path) -> None:
    engine = compute.local(2)
    first = two_processes(engine, tmp_path / "first")
    assert two_processes(engine, tmp_path / "again") == first and os.getpid() not in first
    engine.rest()
    assert not first & two_processes(engine, tmp_path / "rested")
    engine.rest()


def test_workers_that_were_killed_while_waiting_are_replaced(tmp_path: Path) -> None:
    engine = compute.local(2)
    for one in two_processes(engine, tmp_path / "killed"):
        os.kill(one, signal.SIGKILL)
    assert list(engine.map(slow_square, range(4))) == [0, 1, 4, 9]


PREPARED = """
import sys, threading
from openbook import compute
from tests.compute import test_processes
if __name__ == "__main__":
    over = threading.Event()
    if sys.argv[1] == "threads":
        threading.Thread(target=over.wait).start()
    engine = compute.local(2)
    engine.ready(lambda: test_processes.LOADED.append("tables"))
    print(set(engine.map(test_processes.loaded, range(6))))
    engine.rest()
    over.set()
"""
LOADED: list[str] = []


def loaded(_number: int) -> int:
    return len(LOADED)


@pytest.mark.parametrize(("how", "found"), [("alone", "{1}"), ("threads", "{0}")])
def test_workers_find_what_was_loaded_unless_other_threads_forbid_to_fork(tmp_path: Path, how: str, found: str) -> None:
    script = tmp_path / "main.py"
    script.write_text(PREPARED)
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run([sys.executable, str(script), how], env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == found
