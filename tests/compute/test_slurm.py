"""On a real Slurm: the same results in the same order, whatever is canceled, preempted or lost."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("submitit", reason="submitit is not installed: pip install 'openbook[slurm]'")
from openbook import compute
from openbook.errors import OpenbookError
from tests.compute.slurm import Cluster, NoSlurmError, cluster
from tests.compute.tasks import always_die, begin_and_wait, begun, fail, fill_disk, slow_square
from tests.compute.test_processes import wait_until
from tests.compute.whole import corpus_files, crawl_of_many_files, interrupted, run_to_corpus

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{ROOT / 'src'}:{ROOT}"  # jobs import the tasks of these tests
    try:
        with ExitStack() as stack:
            try:
                found = stack.enter_context(cluster(tmp_path_factory.mktemp("slurm")))
            except NoSlurmError as reason:
                pytest.skip(f"no Slurm here: {reason}")
            yield found
    finally:  # where there is no Slurm, too: later tests of this process start programs
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@pytest.fixture
def folder(slurm: Cluster, tmp_path: Path) -> Path:
    return tmp_path / ".jobs"


def engine(folder: Path, **options: object) -> compute.Engine:
    settings = compute.EngineSettings(kind="slurm", options={"poll": 0.5, "time": 5, **options})
    with compute.started(settings, folder) as started:
        return started


def test_results_come_in_the_order_of_the_tasks(folder: Path) -> None:
    ended: list[int] = []
    results = list(engine(folder, jobs=4).map(slow_square, range(9), done=ended.append))
    assert results == [number * number for number in range(9)]
    assert sorted(ended) == list(range(9))
    assert list(folder.iterdir()) == []
    assert list(engine(folder).map(slow_square, [])) == []


def test_an_error_of_a_task_reaches_the_caller_and_ends_the_other_jobs(slurm: Cluster, folder: Path) -> None:
    with pytest.raises(OpenbookError, match="bad input") as raised:
        list(engine(folder).map(fail, range(5)))
    assert type(raised.value) is OpenbookError
    assert "in fail" in str(raised.value.__cause__)
    wait_until(lambda: not slurm.jobs("pending,running"))


def test_a_full_disk_is_no_lost_task(folder: Path) -> None:
    with pytest.raises(OSError) as raised:
        list(engine(folder).map(fill_disk, range(2)))
    assert raised.value.errno == errno.ENOSPC


def test_a_task_that_kills_every_job_is_named(folder: Path) -> None:
    with pytest.raises(OpenbookError, match=r"lost 3 times on the same task \(2\), the last time as FAILED"):
        list(engine(folder, jobs=2).map(always_die, range(4)))


def test_options_that_slurm_does_not_take_are_a_sentence(folder: Path) -> None:
    with pytest.raises(OpenbookError, match=r"Slurm does not take the jobs: .*partition"):
        list(engine(folder, partition="moon").map(slow_square, range(2)))


def test_a_canceled_job_and_a_lost_node_lose_nothing(slurm: Cluster, folder: Path, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()

    def lose() -> None:
        wait_until(lambda: len(begun(marks)) == 2)
        slurm.ask("scancel", slurm.jobs("running")[0])
        wait_until(lambda: len(begun(marks)) == 3)
        slurm.lose("n1")
        slurm.start_node("n1")
        (marks / "go").touch()

    with interrupted(lose):
        found = list(engine(folder).map(partial(begin_and_wait, marks), range(4)))
    assert [number for number, _ in found] == list(range(4))
    assert sorted(times for _, times in found) in ([1, 1, 2, 2], [1, 1, 1, 3])
    slurm.wait_for_nodes()


def has_begun(marks: Path, times: int) -> bool:
    return len(begun(marks)) == times


def test_jobs_that_make_room_for_more_urgent_ones_lose_nothing(slurm: Cluster, folder: Path, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()

    def preempt() -> None:
        for times in range(2, 10, 2):  # more often than a task may be lost
            wait_until(partial(has_begun, marks, times))
            slurm.ask("sbatch", "--partition=urgent", "--array=0-1", "--output=/dev/null", "--wrap=sleep 0.1")
        wait_until(partial(has_begun, marks, 10))
        (marks / "go").touch()

    with interrupted(preempt):
        found = list(engine(folder).map(partial(begin_and_wait, marks), range(2)))
    assert found == [(0, 5), (1, 5)]


DRIVER = """
import sys
from functools import partial
from pathlib import Path
import signal
from openbook import compute
from openbook.cli.main import Stopped, _stop
from tests.compute.tasks import begin_and_wait
for one in (signal.SIGINT, signal.SIGTERM):
    signal.signal(one, _stop)
settings = compute.EngineSettings(kind="slurm", options={"poll": 0.5, "time": 5})
try:
    with compute.started(settings, Path(sys.argv[1])) as engine:
        print(list(engine.map(partial(begin_and_wait, Path(sys.argv[2])), range(4))))
except Stopped:
    sys.exit(130)
"""


def drive(folder: Path, marks: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", DRIVER, str(folder), str(marks)])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_no_job(slurm: Cluster, folder: Path, tmp_path: Path, how: signal.Signals) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    with drive(folder, marks) as driver:
        wait_until(lambda: len(begun(marks)) == 2)
        driver.send_signal(how)
    assert driver.returncode == 130
    wait_until(lambda: not slurm.jobs("pending,running,completing"))
    assert len(begun(marks)) == 2


def test_the_jobs_of_a_killed_run_are_ended_by_the_next(slurm: Cluster, folder: Path, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    with drive(folder, marks) as driver:
        wait_until(lambda: len(begun(marks)) == 2)
        driver.kill()
    left = set(slurm.jobs("pending,running"))
    assert len(left) == 4
    assert list(engine(folder).map(slow_square, range(2))) == [0, 1]
    assert not left & set(slurm.jobs("pending,running"))
    assert len(begun(marks)) == 2


def test_a_run_on_slurm_writes_the_same_bytes_as_a_local_one(slurm: Cluster, tmp_path: Path) -> None:
    recipe = crawl_of_many_files(tmp_path / "sources", files=2)
    run_to_corpus(recipe, tmp_path / "local", "--workers", "2")
    options = ("poll=0.5", "jobs=2", "time=5", "partition=usual")
    arguments = [part for option in options for part in ("--engine-option", option)]
    run_to_corpus(recipe, tmp_path / "slurm", "--engine", "slurm", *arguments)
    assert corpus_files(tmp_path / "slurm") == corpus_files(tmp_path / "local")
    assert list((tmp_path / "slurm" / "runs" / "small" / ".jobs").iterdir()) == []
