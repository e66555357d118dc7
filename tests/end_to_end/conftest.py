"""One small run through the whole chain, made once and read by many tests."""

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.crawl import NAME, write_crawl


def openbook(*arguments: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call the program as its user would."""
    command = [sys.executable, "-c", "from openbook.cli import main; main()", *map(str, arguments)]
    variables = {**os.environ, **environment, "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=600)


@dataclass(frozen=True)
class SmallRun:
    folder: Path
    """Where the program was called."""
    recipe: Path
    output: str

    @property
    def run(self) -> Path:
        return self.folder / "runs" / "small"


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """A copy of the one run that all test processes share: the first that comes makes it, the others wait."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    base = tmp_path_factory.getbasetemp()
    shared = (base if alone else base.parent) / "small-run"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "output").exists():
            recipe = write_crawl(shared / "first" / "sources")
            result = openbook("run", recipe, "--workers", "2", folder=shared / "first")
            assert result.returncode == 0, result.stderr
            (shared / "output").write_text(result.stdout)
    folder = tmp_path_factory.mktemp("copy") / "first"
    shutil.copytree(shared / "first", folder, symlinks=True)
    return SmallRun(folder, folder / "sources" / NAME, (shared / "output").read_text())
