"""Which isolation does this machine give, tried out and not supposed, and how is a program started in it?"""

import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Literal

import psutil

from openbook.errors import OpenbookError
from openbook.tune.rewards.sandbox.started import Limits, Ran, start

Mode = Literal["namespaces", "process"]

NAMESPACES = (
    "Linux namespaces: no network but its own loopback, which is down; an empty file system with the interpreter "
    "read-only and one folder of its own to write in; no other process in sight; no privilege, and none to be gained; "
    "limits on CPU time, memory, file size, processes and wall time. What remains between the code and the machine is "
    "the kernel: there is no filter of system calls."
)
PROCESS = (
    "A process of its own with limits on CPU time, memory, file size, processes and wall time, no environment, no "
    "installed packages. It can reach the network, read the files that its user can read, and write where that user "
    "can write."
)
_PROBE = """
import json, os, socket
def may(what):
    try:
        what()
        return True
    except OSError:
        return False
def connect(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        pass
def write(path):
    with open(path, "a"):
        pass
facts = {
    "network": may(lambda: connect(PORT)),
    "reads": may(lambda: open(CANARY).close()),
    "writes": may(lambda: write(STDLIB + "/probe.tmp")) or may(lambda: write("/probe.tmp")),
    "processes": may(lambda: os.kill(PARENT, 0)),
    "own_folder": may(lambda: write("own")) and os.listdir() == ["own"],
}
print(json.dumps(facts))
"""
FIRST_UID, PLACES = 1_000_000_000, 256
"""Where the machine's root starts a sandbox, each is a user of its own, so that the kernel counts its processes alone
and it owns no file."""
_places = count()
_HELD = {"network": False, "reads": False, "writes": False, "processes": False, "own_folder": True}


@dataclass(frozen=True)
class Isolation:
    mode: Mode
    holds: str
    """What it keeps the code from, and what not: a paragraph for the record."""


@cache
def isolation(mode: Mode) -> Isolation:
    """Raises OpenbookError, with what to do, when this machine does not give the isolation that is asked for."""
    if not sys.platform.startswith("linux"):
        raise OpenbookError(f"the reward for code needs Linux to shut code in; this is {sys.platform}.")
    if mode == "process":
        ran = run_in(mode, b"print(1)", b"", Limits())
        if ran.output.strip() != b"1":
            raise OpenbookError(f"the sandbox runs no Python on this machine ({ran.last_line or ran.status}).")
        return Isolation(mode, PROCESS)
    refused = _refusal()
    if refused:
        raise OpenbookError(
            f"the reward for code does not run here: {refused}. Run it where `unshare --user --net --pid --mount true` "
            'works, or, where the code may use your network and your files, write sandbox = "process".'
        )
    return Isolation(mode, NAMESPACES)


def _refusal() -> str | None:
    """Why not, or None where code that tries the doors finds them closed."""
    if shutil.which("unshare") is None:
        return "there is no `unshare` (util-linux)"
    with tempfile.NamedTemporaryFile() as canary, socket.create_server(("127.0.0.1", 0)) as listening:
        facts = {
            "PORT": listening.getsockname()[1],
            "CANARY": canary.name,
            "STDLIB": str(Path(os.__file__).parent),
            "PARENT": os.getpid(),
        }
        program = "\n".join(f"{name} = {value!r}" for name, value in facts.items()) + _PROBE
        try:
            ran = run_in("namespaces", program.encode(), b"", Limits())
        except OpenbookError as error:
            return str(error).rstrip(".")
    try:
        found = json.loads(ran.output)
    except ValueError:
        return f"the sandbox runs no Python ({ran.last_line or ran.status})"
    wrong = [name for name, value in _HELD.items() if found.get(name) is not value]
    return f"namespaces are there and do not hold ({', '.join(wrong)})" if wrong else None


def run_in(mode: Mode, program: bytes, given: bytes, limits: Limits) -> Ran:
    """Run a Python program with `given` as its standard input. Raises OpenbookError when the sandbox cannot be built;
    what the program does is never an error."""
    root = _machine_root()
    uid = FIRST_UID + os.getpid() * PLACES + next(_places) % PLACES if root else None
    with tempfile.TemporaryDirectory(prefix="openbook-sandbox-") as name:
        folder = Path(name).resolve()
        empty = folder / "empty"
        empty.mkdir(mode=0o700)
        (folder / "program.py").write_bytes(program)
        if uid is not None and mode == "process":
            folder.chmod(0o711)
            (folder / "program.py").chmod(0o644)
            os.chown(empty, uid, uid)
        asked = {
            "namespaces": mode == "namespaces",
            "user_namespace": mode == "namespaces" and not root,
            "uid": uid,
            "root": str(empty),
            "shown": _shown(),
            "program": str(folder / "program.py"),
            "interpreter": _interpreter(),
            "disk": limits.file_bytes,
            "seconds": limits.wall_seconds,
            "limits": _limits(limits, mode, uid),
        }
        return start(_command(mode, root), asked, given, limits)


def _machine_root() -> bool:
    """Root that may become any user. Root of a container without the high user ids goes the way of other users."""
    if os.geteuid() != 0:
        return False
    ranges = [[int(part) for part in line.split()] for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return any(first <= FIRST_UID and first + size >= FIRST_UID + (1 << 31) for first, _, size in ranges)


def _command(mode: Mode, root: bool) -> list[str]:
    inside = [_interpreter(), "-I", "-S", str(Path(__file__).with_name("inside.py"))]
    if mode == "process":
        return inside
    spaces = ["--net", "--pid", "--mount", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child"]
    return [str(shutil.which("unshare")), *([] if root else ["--user", "--map-root-user"]), *spaces, *inside]


def _interpreter() -> str:
    return os.path.realpath(sys.executable)


def _shown() -> Sequence[str]:
    """Where the interpreter and the shared libraries lie; shorter paths first."""
    found = {"/usr/lib", "/usr/lib64", "/usr/libexec", "/lib", "/lib64", "/nix/store", sys.base_prefix}
    found |= {str(Path(_interpreter()).parent), str(Path(os.__file__).parent)}
    there = sorted((path for path in found if os.path.lexists(path)), key=lambda path: (len(path), path))
    return [path for path in there if not any(path.startswith(other + "/") for other in there)]


def _limits(limits: Limits, mode: Mode, uid: int | None) -> dict[str, int]:
    own = 1 if mode == "namespaces" or uid is not None else _threads_of_user()
    return {
        "RLIMIT_CPU": limits.cpu_seconds,
        "RLIMIT_AS": limits.memory_bytes,
        "RLIMIT_FSIZE": limits.file_bytes,
        "RLIMIT_NPROC": own + limits.processes,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_CORE": 0,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
    }


def _threads_of_user() -> int:
    """The kernel counts all that the user runs; what is there already is not the code's."""
    mine = os.getuid()
    threads = 0
    for process in psutil.process_iter(["uids", "num_threads"]):
        uids = process.info["uids"]
        threads += process.info["num_threads"] or 0 if uids and uids.real == mine else 0
    return threads


__all__ = ["Isolation", "Limits", "Mode", "Ran", "isolation", "run_in"]
