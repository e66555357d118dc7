"""How an artifact comes into being: whole or not at all, by one writer at a time."""

import ctypes
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openbook.errors import OpenbookError


def sync(path: Path) -> None:
    """Flush a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A sibling path to write to: it replaces `path` when the block ends well and vanishes when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A machine that was given up for lost may still write the same file from a process of the same number.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def work_folder(artifact: Path) -> Path:
    """Where the artifact's next version is put together. It survives a killed run: the step goes on from it."""
    return artifact.with_name(f".{artifact.name}.partial")


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that a killed writer left anywhere under `folder`."""
    for path in folder.rglob(".*.tmp"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def publish(work: Path, artifact: Path) -> None:
    """Put the finished work folder in the artifact's place: fsync everything, then rename.

    Where the file system can exchange two folders in one step, there is no moment without an artifact.
    """
    for path in sorted(work.rglob("*")):
        sync(path)
    sync(work)
    if not artifact.exists():
        work.rename(artifact)
        sync(artifact.parent)
        return
    new, old = artifact.with_name(f".{artifact.name}.new"), artifact.with_name(f".{artifact.name}.old")
    for path in (new, old):
        shutil.rmtree(path, ignore_errors=True)
    work.rename(new)  # so that what is exchanged for it is never taken for work to go on from
    if exchange(new, artifact):
        sync(artifact.parent)
        shutil.rmtree(new)
    else:
        artifact.rename(old)
        new.rename(artifact)
        sync(artifact.parent)
        shutil.rmtree(old)


_RENAME_EXCHANGE, _AT_FDCWD = 2, -100


def exchange(one: Path, other: Path) -> bool:
    """Let two paths change their content in one step (renameat2, Linux); False where that cannot be done."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    return rename(_AT_FDCWD, bytes(one), _AT_FDCWD, bytes(other), _RENAME_EXCHANGE) == 0


def recover(artifact: Path) -> None:
    """Finish or undo a replacement that was cut off."""
    new, old = artifact.with_name(f".{artifact.name}.new"), artifact.with_name(f".{artifact.name}.old")
    if not artifact.exists() and old.exists():
        old.rename(artifact)
    for path in (new, old):
        shutil.rmtree(path, ignore_errors=True)
    for path in artifact.parent.glob(f"..{artifact.name}.*.tmp"):
        path.unlink(missing_ok=True)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Only one process at a time may build in `folder`. The lock dies with its holder.

    Raises OpenbookError, naming the holder, when another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise OpenbookError(
                f"another run (process {holder}) is building in {folder}: wait for its end, or stop it, then try again."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
