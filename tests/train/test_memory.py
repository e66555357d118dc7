"""While a model trains, memory that was freed is used again without asking the kernel for it."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, resource
import torch
from openbook.train import memory

torch.set_num_threads(1)

def faults(mebibytes):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(mebibytes << 18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with memory.held() as able:
    held = [faults(16) for _ in range(5)]
faults(128)  # larger than any threshold of the C library's own
print(json.dumps({"able": able, "held": held[-1], "usual": faults(128), "page": resource.getpagesize()}))
"""


def test_held_memory_is_not_asked_for_again() -> None:
    """In a process of its own: what other tests have freed would be used again with or without it."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(done.stdout)
    if not found["able"]:
        pytest.skip("not the GNU C library")
    assert found["held"] < (16 << 20) / found["page"] / 10
    assert found["usual"] > (128 << 20) / found["page"] / 1024  # given back: pages of 4 KiB, or huge ones
