"""What one step did: what went in, what was asked, what ran it, what came out."""

import os
import platform
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from openbook import __version__
from openbook.books import merkle
from openbook.books.digest import canonical_json, sha256_bytes, sha256_file
from openbook.books.store import write_bytes
from openbook.errors import OpenbookError

FILE_NAME = "record.json"
MOST_BYTES = 1 << 28
STAMP_LAG = 0.05
"""Seconds. Files are stamped with the time of the kernel's last tick, at most a hundredth ago."""


@dataclass
class Outcome:
    """What a step hands back when its files are written."""

    counts: dict[str, int | float] = field(default_factory=dict)
    """What came out, as numbers that are the same on every run."""
    measures: dict[str, Any] = field(default_factory=dict)
    """What was observed of this one run: seconds, memory, tokens per second."""
    roots: dict[str, str] = field(default_factory=dict)
    """Further Merkle roots (hex), such as the one over document ids."""
    unrooted: frozenset[str] = frozenset()
    """Files that hold facts of this machine (locations): kept, hashed, but outside the root."""


class FileEntry(BaseModel):
    model_config = ConfigDict(frozen=True)
    sha256: str
    size: int


class Record(BaseModel):
    """The content of an artifact's record.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    step: str
    version: int
    """The version of the stage's behavior: raised when the same settings would give other bytes."""
    settings: dict[str, Any]
    inputs: dict[str, str]
    """Name of each artifact that went in -> its root."""
    identity: str
    """SHA-256 over step, version, settings and inputs."""
    code: dict[str, Any]
    machine: dict[str, Any]
    started: str
    """UTC, ISO 8601."""
    seconds: float
    cpu_seconds: float
    files: dict[str, FileEntry]
    unrooted: list[str]
    root: str
    roots: dict[str, str]
    counts: dict[str, Any]
    measures: dict[str, Any]

    @property
    def began(self) -> float:
        """Seconds since 1970, no later than what a file written just then is stamped with: file systems lag a tick."""
        return datetime.fromisoformat(self.started).timestamp() - STAMP_LAG


def identity(step: str, version: int, settings: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """SHA-256 (hex) over all that decides the result of a step; `inputs`: roots or digests by name."""
    entry = {"step": step, "version": version, "settings": settings, "inputs": inputs}
    return sha256_bytes(canonical_json(entry))


def file_leaf(name: str, entry: FileEntry) -> bytes:
    """The Merkle leaf of one file of an artifact."""
    return canonical_json({"path": name, "sha256": entry.sha256, "size": entry.size})


def files_root(files: Mapping[str, FileEntry]) -> str:
    """Merkle root (hex) over the files, sorted by name."""
    return merkle.root(file_leaf(name, files[name]) for name in sorted(files)).hex()


def hash_files(folder: Path) -> dict[str, FileEntry]:
    """Every file under `folder` but its record, by relative path with forward slashes, sorted."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {
        name: FileEntry(sha256=sha256_file(folder / name), size=(folder / name).stat().st_size)
        for name in names
        if name != FILE_NAME
    }


def read_record(artifact: Path) -> Record:
    """Raises OpenbookError when the folder holds no readable record."""
    path = artifact / FILE_NAME
    try:
        if path.stat().st_size > MOST_BYTES:
            raise OpenbookError(f"{path} has more than the {MOST_BYTES:,} bytes that a record may have.")
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        if not artifact.exists():
            raise OpenbookError(
                f"there is no {artifact}: the step {artifact.name!r} has not been made there; "
                "`openbook run RECIPE` makes it, and goes on where it stopped."
            ) from None
        raise OpenbookError(f"{artifact} is not an artifact of Openbook: it has no {FILE_NAME}.") from None
    return parse_record(data, str(path))


def parse_record(data: bytes, where: str) -> Record:
    """Raises OpenbookError, which names `where` it stands, for bytes that are no record."""
    if len(data) > MOST_BYTES:
        raise OpenbookError(f"{where} has more than the {MOST_BYTES:,} bytes that a record may have.")
    try:
        return Record.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise OpenbookError(f"{where} cannot be read: {place}: {first['msg']}.") from None


def write_record(folder: Path, record: Record) -> None:
    """record.json in the folder, at once or not at all."""
    write_bytes(folder / FILE_NAME, record.model_dump_json(indent=1).encode() + b"\n")


def check_sizes(folder: Path, record: Record) -> list[str]:
    """Files of the artifact that are missing or of another size, as sentences: the quick look before a run."""
    wrong = []
    for name, entry in record.files.items():
        path = folder / name
        if not path.is_file():
            wrong.append(f"{name} is missing")
        elif path.stat().st_size != entry.size:
            wrong.append(f"{name} was changed")
    return wrong


@cache
def code_facts() -> dict[str, Any]:
    """Which code runs: the program's version, the state of its git checkout if it runs from one, the libraries."""
    libraries = {dist.name.lower(): dist.version for dist in distributions() if dist.name}
    return {
        "openbook": __version__,
        "git": _git_state(),
        "python": platform.python_version(),
        "libraries": dict(sorted(libraries.items())),
    }


def _git_state() -> dict[str, Any] | None:
    here = Path(__file__).parent
    if not (here.parents[2] / ".git").exists():
        return None
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=10)
        status = subprocess.run(["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if commit.returncode or status.returncode:
        return None
    return {"commit": commit.stdout.strip(), "changed": bool(status.stdout.strip())}


@cache
def machine_facts() -> dict[str, Any]:
    """What the work runs on. No host name: records are published."""
    model, flags = "", ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and not model:
                model = value.strip()
            if name.strip() == "flags" and not flags:
                flags = value
    vector = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags.split()]
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "vector_instructions": vector,
        "memory_bytes": psutil.virtual_memory().total,
    }


@dataclass
class Clock:
    """Wall and processor seconds since it was made, children that have ended included."""

    started: float = field(default_factory=time.time)
    _wall: float = field(default_factory=time.monotonic)
    _cpu: float = field(default_factory=lambda: sum(os.times()[:4]))

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._wall

    @property
    def cpu_seconds(self) -> float:
        return sum(os.times()[:4]) - self._cpu

    @property
    def started_text(self) -> str:
        """UTC, to the millisecond: a file written in the second before a step began is not taken for a later one."""
        return datetime.fromtimestamp(self.started, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
