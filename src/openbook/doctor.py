"""What this machine has, and what cannot be done on it."""

import importlib.util
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

GIB = 1 << 30
NEEDED_MEMORY = 4 * GIB
NEEDED_DISK = 5 * GIB
"""What first light takes, packages and virtual environment included."""

EXTRAS = {
    "hypothesis": "the tests (extra `test`)",
    "openai": "the tests of the server (extra `test`)",
    "ray": "tasks on a Ray cluster (extra `ray`)",
    "submitit": "tasks as jobs of Slurm (extra `slurm`)",
}
"""Optional modules -> what they are for."""


@dataclass(frozen=True)
class Finding:
    what: str
    found: str
    lacks: str = ""
    """What cannot be done here because of it; empty when nothing is lacking."""


def examine(folder: Path) -> list[Finding]:
    memory = psutil.virtual_memory().total
    disk = shutil.disk_usage(folder).free
    findings = [
        Finding("python", platform.python_version()),
        Finding("cores", str(len(os.sched_getaffinity(0)))),
        Finding(
            "memory",
            f"{memory / GIB:.1f} GiB",
            f"first light needs about {NEEDED_MEMORY // GIB} GiB" if memory < NEEDED_MEMORY else "",
        ),
        Finding(
            "disk",
            f"{disk / GIB:.1f} GiB free",
            f"first light needs about {NEEDED_DISK // GIB} GiB" if disk < NEEDED_DISK else "",
        ),
        _processor(),
        _gpu(),
        _command(
            "apt-get", "sources of kind `debian` cannot be fetched; start from your own crawl: recipes/own-crawl.toml"
        ),
        _command("npm", "the parallel text is the program's own twelve sentences, not the Universal Declaration"),
        _compiler(),
        _command("git", "records cannot name the commit of the code that ran"),
    ]
    return findings + [_module(name, use) for name, use in EXTRAS.items()]


def _processor() -> Finding:
    from openbook.books.record import machine_facts

    facts = machine_facts()
    vector = ", ".join(facts["vector_instructions"]) or "no vector instructions known here"
    slow = "" if "avx512_bf16" in vector or "amx_bf16" in vector else "bf16 training is emulated and slower"
    return Finding("processor", f"{facts['processor'] or facts['architecture']} ({vector})", slow)


def _gpu() -> Finding:
    if not shutil.which("nvidia-smi"):
        return Finding("gpu", "none", "training runs on the processor: models of a few million parameters")
    names = subprocess.run(
        ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, timeout=30
    )
    found = ", ".join(names.stdout.split("\n")).strip(", ")
    return Finding("gpu", found or "none that answers")


def _command(name: str, lacks: str) -> Finding:
    path = shutil.which(name)
    return Finding(name, path or "none", "" if path else lacks)


def _compiler() -> Finding:
    path = shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++")
    return Finding("c++ compiler", path or "none", "" if path else "training runs uncompiled, at about half the speed")


def _module(name: str, use: str) -> Finding:
    there = importlib.util.find_spec(name) is not None
    return Finding(name, "installed" if there else "not installed", "" if there else f"needed for {use}")
