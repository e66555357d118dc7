"""A sandbox started, fed, waited for and ended: what came out, how it ended, and nothing left behind."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openbook.errors import OpenbookError
from openbook.tune.rewards.sandbox.inside import READY, TIMED_OUT

GRACE = 30.0
"""Seconds beyond the wall time after which a sandbox that does not end itself is ended."""
KEPT = 1 << 20
"""Bytes of standard error that are kept."""


@dataclass(frozen=True)
class Limits:
    cpu_seconds: int = 2
    wall_seconds: float = 10.0
    memory_bytes: int = 256 << 20
    file_bytes: int = 8 << 20
    processes: int = 8


@dataclass(frozen=True)
class Ran:
    status: int
    """As a shell gives it: 128 + n for the signal n."""
    timed_out: bool
    output: bytes
    errors: bytes

    @property
    def last_line(self) -> str:
        """Of what it wrote to standard error."""
        lines = self.errors.decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else ""


def start(command: Sequence[str], asked: Mapping[str, Any], given: bytes, limits: Limits) -> Ran:
    """Raises OpenbookError when the sandbox was not built; then nothing was run."""
    read, write = os.pipe()
    with contextlib.ExitStack() as open_files:
        open_files.callback(os.close, read)
        streams = [open_files.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        streams[0].write(given)
        streams[0].seek(0)
        try:
            process = subprocess.Popen(
                [*command, json.dumps({**asked, "ready": write})],
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                cwd="/",
                env={},
                pass_fds=[write],
                start_new_session=True,
            )
        finally:
            os.close(write)
        late = False
        try:
            process.wait(limits.wall_seconds + GRACE)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for stream in streams[1:]:
            stream.seek(0)
        output, errors = streams[1].read(limits.file_bytes), streams[2].read(KEPT)
        status = process.returncode if process.returncode >= 0 else 128 - process.returncode
        ran = Ran(status, late or status == TIMED_OUT, output, errors)
        os.set_blocking(read, False)
        if _ready(read) != READY:
            raise OpenbookError(f"the sandbox could not be built ({ran.last_line or f'status {status}'}).")
    return ran


def _ready(pipe: int) -> bytes:
    try:
        return os.read(pipe, 1)
    except BlockingIOError:
        return b""
