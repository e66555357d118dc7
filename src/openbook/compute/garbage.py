"""How often a step looks for objects that point at each other in a circle: seldom, since it makes millions that do not."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 100_000
"""Objects made, and not yet freed, before the young ones are looked through; 700 is Python's own choice, and costs a
step that makes rows and texts a twentieth of its time."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """For the length of the block, and in processes forked from it. What is loaded already is not looked through."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
