"""What a worker need not load before its first page."""

import subprocess
import sys

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
