"""A few tasks as bytes, for a process on another machine: it runs them as this one would, or says why it cannot."""

import os
import pickle
import re
import socket
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from openbook.errors import OpenbookError

SURROUNDINGS = ("OMP_WAIT_POLICY", "NUMBA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")
"""Variables that the command line sets and a process on another machine does not inherit."""


@dataclass(frozen=True)
class Failure:
    """A task that raised."""

    error: Exception
    traceback: str


class ThereError(Exception):
    """Stands as the cause of an error that a task raised on another machine: its traceback there."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


@dataclass(frozen=True)
class Parcel:
    code: Mapping[str, str]
    folder: str
    """The caller's working folder: paths in tasks may be relative to it."""
    variables: Mapping[str, str]
    pickled: bytes
    """Function and tasks, by reference: the other side imports the same modules."""


def pack(function: Callable[[Any], Any], tasks: Sequence[Any]) -> Parcel:
    """What another process needs to work on the tasks: code, folder, environment, the function and its tasks."""
    variables = {name: os.environ[name] for name in SURROUNDINGS if name in os.environ}
    return Parcel(code_here(), str(Path.cwd()), variables, pickle.dumps((function, tasks)))


def run(parcel: Parcel) -> bytes:
    """Run the parcel's tasks in turn, to the first that fails; for `results`. Called on the other machine."""
    ended: list[Any] = []
    try:
        _agree(parcel)
        os.environ.update(parcel.variables)
        function, tasks = pickle.loads(parcel.pickled)
        for task in tasks:
            ended.append(function(task))
    except Exception as error:
        ended.append(Failure(_sendable(error), traceback.format_exc()))
    return pickle.dumps(ended)


def results(data: bytes) -> list[Any]:
    """The results of a parcel's tasks. Raises what a task raised, with the traceback from there as its cause."""
    ended: list[Any] = pickle.loads(data)
    if ended and isinstance(ended[-1], Failure):
        raise ended[-1].error from ThereError(ended[-1].traceback)
    return ended


@cache
def code_here() -> dict[str, str]:
    """What must be the same on both sides, since results follow from it: interpreter, libraries, our own files."""
    from importlib.metadata import PackageNotFoundError, requires

    from openbook.books.digest import sha256_bytes
    from openbook.books.record import code_facts

    facts = code_facts()
    try:
        needed = [one for one in requires("openbook") or [] if "extra ==" not in one]
    except PackageNotFoundError:  # run from a folder of sources
        needed = []
    names = [re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0].lower() for one in needed]
    libraries = {name: facts["libraries"].get(name, "none") for name in names}
    root = Path(__file__).parents[1]
    files = sorted(path for path in root.rglob("*") if path.suffix in {".py", ".toml", ".txt", ".json"})
    own = "\n".join(f"{path.relative_to(root).as_posix()} {sha256_bytes(path.read_bytes())}" for path in files)
    ours = f"{facts['openbook']} ({sha256_bytes(own.encode())[:12]})"
    return {"python": facts["python"], "openbook": ours, **libraries}


def _agree(parcel: Parcel) -> None:
    here, host = code_here(), socket.gethostname()
    other = [
        f"{name} {parcel.code.get(name)} here, {here.get(name)} there"
        for name in {**parcel.code, **here}
        if parcel.code.get(name) != here.get(name)
    ]
    if other:
        raise OpenbookError(
            f"{host} runs other code than this machine, so its results could differ: {'; '.join(other[:5])}. "
            "Install the same on every machine."
        )
    try:
        os.chdir(parcel.folder)
    except OSError as error:
        raise OpenbookError(
            f"{host} does not see the folder {parcel.folder} ({error.strerror}): run from a file system that all "
            "machines share, under the same path."
        ) from None


def _sendable(error: Exception) -> Exception:
    """The error itself, or its words where it does not pickle."""
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:
        copy = None
    return error if type(copy) is type(error) else RuntimeError(f"{type(error).__name__}: {error}")
