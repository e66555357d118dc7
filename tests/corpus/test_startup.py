"""What a worker need not load before its first page."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from openbook.corpus import statistics
statistics.measure("Some words. And others.")
assert "scipy.linalg" not in sys.modules
import numpy as np
from numba import njit
assert njit(lambda a, b: np.dot(a, b))(np.ones(3), np.ones(3)) == 3.0
assert "scipy.linalg" in sys.modules
"""


def test_kernels_load_without_linear_algebra_and_others_still_find_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


WARMING = """
import sys
from pathlib import Path
from openbook.corpus.warming import warm_up
warm_up(Path(sys.argv[1]))
assert list(Path(sys.argv[1]).glob("kernels-*")), "nothing was warmed"
assert "openbook.corpus.annotation" not in sys.modules and "numba.core.compiler" not in sys.modules
"""


def test_a_worker_does_not_compile_the_kernels_itself(tmp_path: Path) -> None:
    """What it compiled it would hold to its end, beside the pages."""
    command = [sys.executable, "-c", WARMING, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
