"""The first program inside a sandbox: closes the doors behind itself, then runs the code that nobody vouches for.

Started by `isolation.py` as `python -I -S inside.py SETTINGS`, with the standard library alone. With `namespaces` it is
process 1 of its own: an empty root with the interpreter read-only, no privileges left. Any failure of its own ends
with the status FAILED, so that code never runs with less isolation than was asked for.
"""
# This starts once for every completion, and pathlib takes longer to import than all of it to run.
# ruff: noqa: PTH102, PTH101, PTH103, PTH112, PTH114, PTH115, PTH120, PTH123, PTH211

import ctypes
import json
import os
import resource
import signal
import sys

FAILED = 97
"""Exit status: the sandbox could not be built; nothing was run, and READY was never written."""
TIMED_OUT = 124
READY = b"1"
"""Written to the pipe that the starter holds, once every door is closed and before any foreign code runs."""
CAPABILITIES = 64
"""More than any kernel has; asking to drop one that is not there fails harmlessly."""
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 1, 24, 38, 36
_DEVICES = ("null", "zero", "random", "urandom")
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    encoded = [None if one is None else one.encode() for one in (source, target, kind)]
    _check(_libc.mount(*encoded, ctypes.c_ulong(flags), None if options is None else options.encode()))


def _read_only(path: str) -> None:
    """A mount and all below it: nothing written, no set-user-id, no devices (mount_setattr, Linux 5.12)."""
    attributes = (ctypes.c_uint64 * 4)(_MS_RDONLY | _MS_NOSUID | _MS_NODEV, 0, 0, 0)
    _check(_libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, path.encode(), _AT_RECURSIVE, ctypes.byref(attributes), 32))


def _new_root(root: str, shown: list[str], program: bytes, disk: int, owner: tuple[int, int]) -> None:
    """An empty file system on `root` with the paths `shown` read-only, /work to write in, and nothing else."""
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755,size=1m")
    for path in shown:
        inside = root + path
        os.makedirs(os.path.dirname(inside), mode=0o755, exist_ok=True)
        if os.path.islink(path):
            os.symlink(os.readlink(path), inside)
        elif os.path.isdir(path) and not os.path.lexists(inside):
            os.mkdir(inside, 0o755)
            _mount(path, inside, None, _MS_BIND | _MS_REC)
            _read_only(inside)
    os.mkdir(root + "/dev", 0o755)
    for name in _DEVICES:
        with open(f"{root}/dev/{name}", "w"):
            pass
        _mount(f"/dev/{name}", f"{root}/dev/{name}", None, _MS_BIND)
    with open(root + "/program.py", "wb") as file:
        file.write(program)
    os.chmod(root + "/program.py", 0o644)
    os.mkdir(root + "/work", 0o700)
    os.symlink("work", root + "/tmp")
    size = f"size={disk},nr_inodes=1000,mode=0700,uid={owner[0]},gid={owner[1]}"
    _mount("tmpfs", root + "/work", "tmpfs", _MS_NOSUID | _MS_NODEV, size)
    _mount(None, root, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)
    os.chdir(root)
    _check(_libc.pivot_root(b".", b"."))
    _check(_libc.umount2(b".", _MNT_DETACH))
    os.chdir("/work")


def _no_more_namespaces() -> None:
    """The limit belongs to the user namespace that we are in, not to the machine."""
    with open("/proc/sys/user/max_user_namespaces", "w") as file:
        file.write("0")


def _drop(uid: int | None) -> None:
    """No privilege now or later. `uid`: to become, where we are the machine's root."""
    for capability in range(CAPABILITIES):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _check(_libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())))
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))


def _limit(limits: dict[str, int]) -> None:
    for name, most in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def _execute(interpreter: str, program: str, limits: dict[str, int]) -> None:
    """As `-I -S` would, but with a fixed seed of hashes, which `-I` passes over: the order of a set is repeatable."""
    _limit(limits)
    os.execve(interpreter, [interpreter, "-P", "-s", "-S", "-B", program], {"PYTHONHASHSEED": "0"})


def _wait(child: int) -> int:
    """The child's status as a shell gives it; whatever is orphaned meanwhile is reaped."""
    while True:
        found, status = os.waitpid(-1, 0)
        if found == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _end_the_rest() -> None:
    """Without a process namespace: whoever was left behind has become our child; end them all."""
    while left := _children(os.getpid()):
        below = list(left)
        for pid in below:
            below += _children(pid)
        for pid in below:
            try:
                resource.prlimit(pid, resource.RLIMIT_NPROC, (0, 0))
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        for pid in left:
            os.waitpid(pid, 0)


def _children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(one) for one in file.read().split()]
    except OSError:
        return []


def _time_is_up(*_: object) -> None:
    raise TimeoutError


def main() -> int:
    asked = json.loads(sys.argv[1])
    uid: int | None = asked["uid"]
    program = asked["program"]
    if asked["namespaces"]:
        with open(program, "rb") as file:
            content = file.read()
        owner = (uid, uid) if uid is not None else (0, 0)
        if asked["user_namespace"]:
            _no_more_namespaces()
        _new_root(asked["root"], asked["shown"], content, asked["disk"], owner)
        program = "/program.py"
    else:
        _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
        os.chdir(asked["root"])
    _drop(uid)
    signal.signal(signal.SIGALRM, _time_is_up)
    os.write(asked["ready"], READY)
    os.close(asked["ready"])
    child = os.fork()
    if child == 0:
        try:
            _execute(asked["interpreter"], program, asked["limits"])
        except OSError as error:
            os.write(2, f"{asked['interpreter']} does not start: {error.strerror}\n".encode())
        finally:
            os._exit(FAILED)
    signal.setitimer(signal.ITIMER_REAL, asked["seconds"])
    try:
        status = _wait(child)
    except TimeoutError:
        status = TIMED_OUT
    signal.setitimer(signal.ITIMER_REAL, 0)
    if not asked["namespaces"]:
        _end_the_rest()
    return status


if __name__ == "__main__":
    try:
        code = main()
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        code = FAILED
    os._exit(code)
