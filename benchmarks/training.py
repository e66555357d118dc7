"""How fast is a training step beside other trainers', at each size of training.toml: tokens per processor second.

    python benchmarks/training.py [--sizes 5M 30M] [--contestants openbook nanoGPT] [--threads 1] [--keep]

Contestants run in turn, so that a busy machine slows all of them; figures are medians, and ratios are taken turn by
turn. NANOGPT and NANOCHAT name checkouts, LITGPT a folder that LitGPT was installed to with `pip install --target
FOLDER --no-deps litgpt lightning lightning-utilities torchmetrics`; whatever is not there is left out, by name.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import gettempdir, mkdtemp
from typing import Any

import torch

from openbook.books.record import machine_facts
from openbook.model import ModelSettings

HERE = Path(__file__).parent
MATRIX_PRODUCT_FLOPS = 60 * 2 * 1024**3
NAMES = ("peak", "openbook", "openbook, Muon", "Hugging Face Trainer", "nanoGPT", "nanochat", "LitGPT")


@dataclass
class Contestant:
    name: str
    process: subprocess.Popen[str]
    turns: list[dict[str, float]] = field(default_factory=list)

    def turn(self, steps: int) -> dict[str, float] | None:
        """Let it train; None when it has died."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(f"{steps}\n")
            self.process.stdin.flush()
            return dict(json.loads(self.process.stdout.readline() or "null") or {}) or None
        except (BrokenPipeError, json.JSONDecodeError):
            return None

    def rates(self, tokens: float) -> list[float]:
        """Units of work by processor second, turn by turn."""
        return [tokens / turn["cpu_seconds"] for turn in self.turns]


def start(name: str, size: dict[str, Any], threads: int, log: Path) -> Contestant:
    command = [sys.executable, str(HERE / "training_peers.py"), name, json.dumps(size), str(threads)]
    with log.open("a") as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
    return Contestant(name, process)


def warm(names: list[str], size: dict[str, Any], threads: int, log: Path) -> list[Contestant]:
    """All contestants after their first step, which compiles; they start together."""
    started = [start(name, size, threads, log) for name in names]
    with ThreadPoolExecutor(len(started)) as waiting:
        ready = list(waiting.map(lambda one: one.turn(1) is not None, started))
    for contestant, able in zip(started, ready, strict=True):
        if not able:
            print(f"{contestant.name} left out (see {log})", flush=True)
    return [contestant for contestant, able in zip(started, ready, strict=True) if able]


def measure(size: dict[str, Any], names: list[str], turns: int, threads: int) -> dict[str, Any]:
    running = warm(names, size, threads, Path(mkdtemp()) / "training.log")
    steps = size["steps"]
    for _ in range(turns):
        for contestant in running:
            took = contestant.turn(steps)
            assert took is not None, f"{contestant.name} died"
            contestant.turns.append(took)
    for contestant in running:
        contestant.process.kill()
        contestant.process.wait()
    shape = {key: size[key] for key in ("dim", "layers", "heads", "kv_heads", "feed_forward")}
    config = ModelSettings(**shape, context=size["sequence"]).config(size["vocabulary"], 0)
    rates = {one.name: one.rates(steps * size["rows"] * size["sequence"]) for one in running}
    peaks = next(one.rates(steps * MATRIX_PRODUCT_FLOPS) for one in running if one.name == "peak")
    result: dict[str, Any] = {
        "matrix_parameters": config.matrix_parameters,
        "peak_gflops": round(median(peaks) / 1e9, 1),
    }
    for name, own in rates.items():
        if name == "peak":
            continue
        row = result[name] = {"tokens_per_cpu_second": round(median(own)), "slowest": min(own), "fastest": max(own)}
        if "openbook" in rates:
            row["openbook_over_it"] = round(median(a / b for a, b in zip(rates["openbook"], own, strict=True)), 3)
        if name.startswith("openbook"):
            flops = config.training_flops(size["sequence"])
            row["share_of_peak"] = round(median(flops * a / b for a, b in zip(own, peaks, strict=True)), 3)
    return result


def show(label: str, result: dict[str, Any]) -> None:
    print(f"\n{label}: {result['matrix_parameters']:,} weights in matrices, peak {result['peak_gflops']} GF/s")
    for name in NAMES[1:]:
        if name in result:
            row = result[name]
            ratio = f"{row['openbook_over_it']:6.2f} x" if "openbook_over_it" in row else ""
            share = f"{row['share_of_peak']:.0%} of peak" if "share_of_peak" in row else ""
            speed = f"{row['tokens_per_cpu_second']:>8,} tok/s  ({row['slowest']:,.0f} to {row['fastest']:,.0f})"
            print(f"  {name:<22}{speed} {ratio} {share}", flush=True)


def main() -> None:
    plan = tomllib.loads((HERE / "training.toml").read_text())
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="*", default=list(plan["sizes"]))
    parser.add_argument("--contestants", nargs="*", default=list(NAMES[1:]))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, help="instead of each size's own")
    parser.add_argument("--keep", action="store_true", help="write the figures to benchmarks/results/")
    wanted = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(wanted.threads))
    os.environ.setdefault("OPENBOOK_CACHE", str(Path(gettempdir()) / "openbook-benchmark"))
    results = {}
    for label in wanted.sizes:
        names = ["peak", *wanted.contestants]
        size = plan["sizes"][label]
        results[label] = measure(size, names, wanted.turns or size["turns"], wanted.threads)
        show(label, results[label])
    if wanted.keep:
        day = time.strftime("%Y-%m-%d")
        facts = {"date": day, "machine": machine_facts(), "torch": torch.__version__, "threads": wanted.threads}
        path = HERE / "results" / f"training-{day}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({**facts, "results": results}, indent=1) + "\n")
        print(f"\nkept in {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
