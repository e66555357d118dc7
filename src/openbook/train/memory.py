"""How the C library hands out memory while a model trains: it keeps what a step frees for the next step.

By its own rules glibc gives tensors of megabytes back to the kernel and asks for them again, page by page: a fortieth
of a small model's step on a processor. What is computed does not change.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# The names and numbers of malloc.h (mallopt, section 3 of the Linux manual).
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, MMAP_MAX = -1, -2, -3, -4
HELD = {MMAP_MAX: 0, TRIM_THRESHOLD: 2**31 - 1, TOP_PAD: 64 << 20}
USUAL = {MMAP_MAX: 65_536, TRIM_THRESHOLD: 64 << 20, TOP_PAD: 128 << 10, MMAP_THRESHOLD: 32 << 20}
"""What glibc's own rule, which rises with what is freed, comes to after tensors of this size."""


@contextmanager
def held() -> Iterator[bool]:
    """Keep freed memory until the end of the block, and give it back there. Yields whether the C library can."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        yield False
        return
    answers = [library.mallopt(option, value) for option, value in HELD.items()]
    try:
        yield all(answer == 1 for answer in answers)
    finally:
        for option, value in USUAL.items():
            library.mallopt(option, value)
        library.malloc_trim(ctypes.c_size_t(0))
