"""A machine that dies: from the n-th change of a file on, no change of any file comes about any more."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_EVENTS = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"})


class Cut(BaseException):
    """The power went."""


class _Watch:
    left: int | None = None
    """Changes that may still come about; None while nothing is watched."""
    seen = 0

    @classmethod
    def hook(cls, event: str, arguments: tuple[Any, ...]) -> None:
        if cls.left is None:
            return
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        exchanged = event == "ctypes.dlopen"
        if event in _EVENTS or writes or exchanged:
            cls.seen += 1
            if cls.left <= 0:
                raise Cut
            cls.left -= 1


sys.addaudithook(_Watch.hook)


@contextmanager
def cut_after(changes: int) -> Iterator[None]:
    """Let so many changes of files come about; then every further one raises Cut, as of a dead process none comes."""
    _Watch.left, _Watch.seen = changes, 0
    try:
        yield
    finally:
        _Watch.left = None


def was_cut(changes: int) -> bool:
    """Whether the last block asked for more changes than it was let make."""
    return _Watch.seen > changes
