"""Code that nobody vouches for: what it tries, and that it does not get there."""

import os
import shutil
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from openbook.errors import OpenbookError
from openbook.tune.rewards.sandbox import isolation as rooms
from openbook.tune.rewards.sandbox.isolation import Limits, Ran, isolation, run_in


def _available(mode: rooms.Mode) -> bool:
    try:
        isolation(mode)
    except OpenbookError:
        return False
    return True


namespaces = pytest.mark.skipif(not _available("namespaces"), reason="this machine gives no namespaces")
SMALL = Limits(cpu_seconds=1, wall_seconds=60, memory_bytes=128 << 20, file_bytes=1 << 20, processes=4)
SLEEPS = Limits(wall_seconds=60)


def _run(program: str, given: bytes = b"", limits: Limits = SMALL) -> Ran:
    return run_in("namespaces", program.encode(), given, limits)


@namespaces
def test_an_ordinary_program_runs_with_its_input_and_an_empty_folder() -> None:
    ran = _run(
        "import os, sys\nprint(sys.stdin.read().upper(), os.listdir(), *os.environ)\nopen('note', 'w').write('x')",
        b"bonjour",
    )
    assert (ran.status, ran.output) == (0, b"BONJOUR [] PYTHONHASHSEED LC_CTYPE\n")


@namespaces
def test_no_installed_package_can_be_imported() -> None:
    assert b"ModuleNotFoundError" in _run("import numpy").errors


@namespaces
def test_no_socket_reaches_a_server_on_this_machine_or_any_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ran = _run(
            f"import socket\nfor address in ('127.0.0.1', {port}), ('192.0.2.1', 80), ('2001:db8::1', 80):\n"
            "    try:\n        socket.create_connection(address, timeout=2); print('reached')\n"
            "    except OSError:\n        print('no way')\n"
            "try:\n    socket.getaddrinfo('example.org', 80); print('reached')\nexcept OSError:\n    print('no name')"
        )
        assert ran.output.splitlines() == [b"no way"] * 3 + [b"no name"]
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()


@namespaces
def test_files_of_the_machine_can_neither_be_read_nor_written(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    tmp_path.chmod(0o777)
    secret.chmod(0o666)
    targets = [str(secret), str(tmp_path / "new"), "/etc/passwd", "/new", "/program.py", os.__file__, "/usr/lib/new"]
    ran = _run(
        f"for path in {targets!r}:\n    try:\n        open(path, 'w').write('x'); print('written', path)\n"
        f"    except OSError:\n        pass\n"
        f"for path in {[str(secret), '/etc/passwd', '/proc/1/environ', '/sys/kernel', '/dev/sda']!r}:\n"
        "    try:\n        open(path).read(); print('read', path)\n    except OSError:\n        pass"
    )
    assert (ran.status, ran.output) == (0, b"")
    assert secret.read_text() == "mine"
    assert sorted(tmp_path.iterdir()) == [secret]


@namespaces
def test_a_fork_bomb_is_held_by_its_limit_and_nothing_of_it_is_left() -> None:
    ran = _run(
        "import os, time\nmade = 0\nfor _ in range(1000):\n    try:\n        pid = os.fork()\n"
        "    except BlockingIOError:\n        break\n"
        "    if pid == 0:\n        time.sleep(1000)\n    made += 1\nprint(made)"
    )
    assert 1 <= int(ran.output) <= SMALL.processes
    bomb = _run("import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass")
    assert bomb.status != 0
    assert _left() == []


def _left() -> list[psutil.Process]:
    """What still runs of this process's sandboxes; another test process may have its own at the same time."""
    return [one for one in psutil.process_iter() if _is_sandboxed(one)]


def _is_sandboxed(process: psutil.Process) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if rooms._machine_root():
            return process.uids().real // rooms.PLACES == rooms.FIRST_UID // rooms.PLACES + os.getpid()
        return any(part.endswith("/program.py") for part in process.cmdline())
    except psutil.Error:
        return False


@namespaces
def test_a_daemon_that_leaves_its_session_dies_with_the_sandbox() -> None:
    ran = _run("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)\nprint('done')")
    assert (ran.status, ran.output) == (0, b"done\n")
    assert _left() == []


@namespaces
def test_a_memory_hog_gets_an_error_and_the_machine_keeps_its_memory() -> None:
    ran = _run("hog = []\nwhile True:\n    hog.append(bytearray(10_000_000))")
    assert ran.status == 1
    assert ran.last_line == "MemoryError"


@namespaces
def test_an_endless_loop_ends_after_its_seconds_of_cpu_and_a_sleeper_after_its_wall_time() -> None:
    assert _run("while True: pass").status == 128 + 9
    slept = _run("import time\ntime.sleep(1000)", limits=Limits(wall_seconds=0.3))
    assert slept.timed_out
    assert slept.status == 124


@namespaces
def test_what_is_printed_and_written_is_bounded() -> None:
    flood = _run("while True: print('x' * 10000)")
    assert flood.status != 0
    assert b"File too large" in flood.errors
    assert len(flood.output) <= SMALL.file_bytes
    full = _run("for i in range(10):\n    open(f'{i}', 'wb').write(b'x' * 500_000)")
    assert b"No space left on device" in full.errors


@namespaces
def test_no_privilege_is_left_and_none_can_be_gained() -> None:
    ran = _run(
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "print(libc.mount(b'none', b'/work', b'tmpfs', 0, None), libc.sethostname(b'x', 1), libc.chroot(b'/work'))\n"
        "print(os.getpid() != 1)\n"
        "try:\n    os.setuid(12345)\nexcept PermissionError:\n    print('refused')"
    )
    assert ran.output.split() == [b"-1", b"-1", b"-1", b"True", b"refused"]


@namespaces
def test_many_sandboxes_at_once_do_not_see_each_other() -> None:
    found: list[bytes] = []
    workers = [
        threading.Thread(target=lambda: found.append(_run("import os\nprint(os.listdir('/work'))").output))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [b"[]\n"] * 4


@namespaces
@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/usr/bin/python3").exists() or shutil.which("setpriv") is None,
    reason="needs root, setpriv and a Python that everybody may read",
)
def test_the_same_doors_are_closed_where_an_ordinary_user_starts_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a user namespace: what is tried out on this machine as user 61234."""
    start = rooms.start

    def as_user(command: Sequence[str], asked: Mapping[str, Any], given: bytes, limits: Limits) -> Ran:
        folder = Path(asked["root"]).parent
        copied = shutil.copy(command[-1], folder / "inside.py")
        for path in (folder, *folder.iterdir()):
            os.chown(path, 61234, 61234)
        change = ["/usr/bin/setpriv", "--reuid=61234", "--regid=61234", "--clear-groups"]
        return start([*change, *command[:-1], str(copied)], asked, given, limits)

    monkeypatch.setattr(rooms, "_machine_root", lambda: False)
    monkeypatch.setattr(rooms, "start", as_user)
    monkeypatch.setattr(rooms, "_interpreter", lambda: os.path.realpath("/usr/bin/python3"))
    assert rooms._refusal() is None
    ran = _run(
        "import os\nmade = 0\nfor _ in range(1000):\n    try:\n        pid = os.fork()\n"
        "    except BlockingIOError:\n        break\n"
        "    if pid == 0:\n        import time; time.sleep(1000)\n    made += 1\n"
        "import ctypes\nprint(made, ctypes.CDLL(None).unshare(0x10000000))"
    )
    made, nested = ran.output.split()
    assert 1 <= int(made) <= SMALL.processes
    assert nested == b"-1"


def test_without_namespaces_it_refuses_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    isolation.cache_clear()
    monkeypatch.setattr(rooms.shutil, "which", lambda name: None)
    with pytest.raises(OpenbookError, match=r"no `unshare`.*sandbox = \"process\""):
        isolation("namespaces")
    monkeypatch.setattr(rooms.shutil, "which", lambda name: "/usr/bin/unshare")
    monkeypatch.setattr(rooms, "_command", lambda mode, root: ["/bin/false"])
    with pytest.raises(OpenbookError, match="could not be built"):
        isolation("namespaces")
    isolation.cache_clear()


@namespaces
def test_namespaces_that_do_not_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that lets code out: the sandbox is tried with the network left open."""
    command = rooms._command
    monkeypatch.setattr(rooms, "_command", lambda mode, root: [w for w in command(mode, root) if w != "--net"])
    isolation.cache_clear()
    with pytest.raises(OpenbookError, match=r"do not hold \(network\)"):
        isolation("namespaces")
    isolation.cache_clear()


def test_a_plain_process_keeps_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    if not _available("process"):
        if not Path("/usr/bin/python3").exists():
            pytest.skip("no Python that an ordinary user may read")
        monkeypatch.setattr(rooms, "_interpreter", lambda: os.path.realpath("/usr/bin/python3"))
    run = lambda program: run_in("process", program.encode(), b"", SMALL)  # noqa: E731
    assert run("print(6 * 7)").output == b"42\n"
    assert run("while True: pass").status == 128 + 9
    assert run("x = bytearray(1 << 30)").last_line == "MemoryError"
    assert run("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)\nprint('done')").status == 0
    assert run("import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass").status != 0
    assert _left() == []


@namespaces
def test_the_search_for_what_is_left_finds_what_runs() -> None:
    started = threading.Thread(target=_run, args=("import time\ntime.sleep(1000)",), kwargs={"limits": SLEEPS})
    started.start()
    found = []
    while started.is_alive() and not found:
        found = _left()
    for one in found:
        one.kill()
    started.join()
    assert found
