"""While a model trains, memory that was freed is used again without asking the kernel for it."""

import resource
from collections.abc import Callable

import pytest
import torch

from openbook.train import memory

PAGES = (16 << 20) // resource.getpagesize()


def faults(work: Callable[[], object]) -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    work()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_held_memory_is_not_asked_for_again() -> None:
    def large() -> None:
        torch.ones(4 << 20)  # 16 MiB

    with memory.held() as able:
        if not able:
            pytest.skip("not the GNU C library")
        for _ in range(4):
            large()
        assert faults(large) < PAGES / 10

    def larger_than_any_threshold() -> None:
        torch.ones(32 << 20)

    larger_than_any_threshold()
    assert faults(larger_than_any_threshold) > 8 * PAGES / 1024  # given back: pages of 4 KiB, or huge ones
