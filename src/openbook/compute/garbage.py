"""What Python's search for circles of objects passes over while a step runs: all that was loaded before it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loaded_left_out() -> Iterator[None]:
    """For the length of the block, and in processes forked from it. Libraries and tables are some hundred thousand
    objects, and a step that makes rows by the thousand has them looked through again and again."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
