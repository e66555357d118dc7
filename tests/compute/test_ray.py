"""On a real Ray cluster of two nodes: the same results in the same order, whoever is lost, and nobody left behind."""

import errno
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

os.environ.setdefault("RAY_AUTH_MODE", "token")  # read when Ray is imported
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
pytest.importorskip("ray", reason="Ray is not installed: pip install 'openbook[ray]'")
from ray.cluster_utils import Cluster

from openbook import compute
from openbook.errors import OpenbookError
from tests.compute.tasks import (
    always_die,
    begin_and_wait,
    begun,
    die_once,
    fail,
    fail_stubbornly,
    fill_disk,
    slow_square,
    where,
)
from tests.compute.test_processes import wait_until
from tests.compute.whole import corpus_files, crawl_of_many_files, interrupted, run_to_corpus

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    cluster.add_node(**NODE)
    try:
        yield cluster
    finally:
        cluster.shutdown()


@pytest.fixture
def engine(cluster: Cluster) -> Iterator[compute.Engine]:
    with compute.started(compute.EngineSettings(kind="ray", address=cluster.address), Path("unused")) as engine:
        yield engine


def test_results_come_in_the_order_of_the_tasks(engine: compute.Engine) -> None:
    assert engine.workers == 2
    ended: list[int] = []
    assert list(engine.map(slow_square, range(9), done=ended.append)) == [number * number for number in range(9)]
    assert sorted(ended) == list(range(9))
    assert list(engine.map(slow_square, [])) == []


def test_a_worker_that_dies_loses_nothing(engine: compute.Engine, tmp_path: Path) -> None:
    assert list(engine.map(partial(die_once, tmp_path), range(6))) == list(range(6))


def test_a_task_that_kills_every_worker_is_named(engine: compute.Engine) -> None:
    with pytest.raises(OpenbookError, match=r"died 3 times on the same task \(2\)"):
        list(engine.map(always_die, range(4)))


def test_an_error_of_a_task_reaches_the_caller_as_it_was_raised(engine: compute.Engine) -> None:
    with pytest.raises(OpenbookError, match="bad input") as raised:
        list(engine.map(fail, range(3)))
    assert type(raised.value) is OpenbookError
    assert "in fail" in str(raised.value.__cause__)
    with pytest.raises(RuntimeError, match="StubbornError: no 0"):
        list(engine.map(fail_stubbornly, range(1)))


def test_a_full_disk_is_no_lost_task(engine: compute.Engine) -> None:
    with pytest.raises(OSError) as raised:
        list(engine.map(fill_disk, range(3)))
    assert raised.value.errno == errno.ENOSPC


def test_relative_paths_mean_the_same_on_every_machine(
    engine: compute.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "note").write_text("here")
    monkeypatch.chdir(tmp_path)
    assert list(engine.map(where, [Path("note")])) == ["here"]


def test_a_lost_node_loses_nothing(cluster: Cluster, engine: compute.Engine, tmp_path: Path) -> None:
    lost = cluster.add_node(**NODE)
    results = engine.map(partial(begin_and_wait, tmp_path), range(6))

    def lose() -> None:
        wait_until(lambda: len(begun(tmp_path)) == 3)
        cluster.remove_node(lost, allow_graceful=False)
        wait_until(lambda: not all(map(psutil.pid_exists, begun(tmp_path))))
        (tmp_path / "go").touch()

    with interrupted(lose):
        found = list(results)
    assert [number for number, _ in found] == list(range(6))
    assert sorted(times for _, times in found) == [1, 1, 1, 1, 1, 2]


def test_an_address_without_a_cluster_is_a_sentence() -> None:
    settings = compute.EngineSettings(kind="ray", address="127.0.0.1:1")
    with pytest.raises(OpenbookError, match=r"no Ray cluster answers at '127\.0\.0\.1:1'.*ray start --head"):
        compute.started(settings, Path("unused")).__enter__()


def test_a_run_that_loses_a_node_writes_the_same_bytes_as_a_local_one(cluster: Cluster, tmp_path: Path) -> None:
    recipe = crawl_of_many_files(tmp_path / "sources")
    run_to_corpus(recipe, tmp_path / "local", "--workers", "2")
    lost = cluster.add_node(**NODE)
    killed_while: list[bool] = []

    def lose() -> None:
        pages = tmp_path / "ray" / "runs" / "small" / ".annotated.partial" / "pages"
        wait_until(lambda: pages.is_dir() and any(pages.glob("*.parquet")))
        cluster.remove_node(lost, allow_graceful=False)
        killed_while.append(pages.is_dir())

    with interrupted(lose):
        run_to_corpus(recipe, tmp_path / "ray", "--engine", "ray", "--address", cluster.address)
    assert killed_while == [True]
    assert corpus_files(tmp_path / "ray") == corpus_files(tmp_path / "local")


DRIVER = """
import sys
from functools import partial
from pathlib import Path
from openbook import compute
from openbook.cli.main import Stopped, _stop
from tests.compute.tasks import begin_and_wait
import signal
if __name__ == "__main__":
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, _stop)
    try:
        with compute.started(compute.EngineSettings(kind="ray", address=sys.argv[1]), Path("unused")) as engine:
            list(engine.map(partial(begin_and_wait, Path(sys.argv[2])), range(8)))
    except Stopped:
        sys.exit(130)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_process_that_they_work_for(cluster: Cluster, tmp_path: Path, how: signal.Signals) -> None:
    script, marks = tmp_path / "main.py", tmp_path / "marks"
    script.write_text(DRIVER)
    marks.mkdir()
    variables = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    with subprocess.Popen([sys.executable, str(script), cluster.address, str(marks)], env=variables) as driver:
        wait_until(lambda: len(begun(marks)) == 2)
        driver.send_signal(how)
    if how != signal.SIGKILL:
        assert driver.returncode == 130
    wait_until(lambda: not any(map(psutil.pid_exists, begun(marks))))
    assert len(begun(marks)) == 2
