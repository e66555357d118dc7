"""How many threads torch computes with. One thread adds numbers in the same order whatever the number of cores."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """So many threads for torch's arithmetic while the block runs; as many as before behind it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
