"""Serves a target in a process of its own, as a user would, for the tests."""

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

SERVE = """
import sys
from pathlib import Path
from openbook.errors import OpenbookError
from openbook.serve import ServeSettings, serve
try:
    serve(Path(sys.argv[1]) if sys.argv[1] else None, ServeSettings.model_validate_json(sys.argv[2]))
except OpenbookError as trouble:
    print(trouble, file=sys.stderr)
    raise SystemExit(2)
"""


@dataclass
class Running:
    """A server in a process of its own."""

    url: str
    process: "subprocess.Popen[str]"
    lines: "queue.Queue[str]"

    def client(self, **settings: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, trust_env=False, **settings)  # type: ignore[arg-type]

    def stop(self, seconds: float = 60) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=seconds)


@contextlib.contextmanager
def serving(target: Path | None, **settings: object) -> Iterator[Running]:
    """Serve `target` (None: only what the settings name) on a free port; killed at the end if it still runs."""
    chosen = {"port": 0, "threads": 1, "context": 512, "parallel": 2} | settings
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(target or ""), json.dumps(chosen)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    lines: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        assert process.stderr
        for line in process.stderr:
            lines.put(line)

    threading.Thread(target=listen, daemon=True).start()
    try:
        assert process.stdout
        said = process.stdout.readline()
        found = re.search(r"https?://\S+", said)
        assert found, (said, list(lines.queue))
        yield Running(found.group(0), process, lines)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass(frozen=True)
class Suite:
    """What the client suites are run against."""

    server: Running
    sensible: bool  # whether what it answers can be asked to be true; of others only the form can
