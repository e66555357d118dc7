"""Annotating a crawl with one worker and with several, in turn: seconds, and how many times as fast.

    python benchmarks/corpus/annotating.py crawl.warc.gz [--copies 4] [--workers 1 2] [--rounds 3] [--json]

Each run is a process of its own, so starting workers and loading models count. The artifacts must be the same."""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np


def annotate(crawls: list[Path], workers: int, folder: Path) -> dict[str, Any]:
    from openbook.compute import local
    from openbook.context import Context
    from openbook.corpus import AnnotateSettings, run_annotate
    from openbook.corpus.sources import SourceFile, Sources
    from openbook.corpus.sources.artifact import write_files
    from openbook.progress import quiet

    names = {f"crawl/{number:03d}-{path.name}": path for number, path in enumerate(crawls)}
    files = [
        SourceFile(name, "crawl", "warc", hashlib.sha256(name.encode()).hexdigest(), path.stat().st_size)
        for name, path in names.items()
    ]
    write_files(folder / "sources", files, {name: str(path.resolve()) for name, path in names.items()}, [])
    context = Context(local(workers), quiet(), Path(tempfile.gettempdir()) / "openbook-benchmark")
    outcome = run_annotate(AnnotateSettings(), Sources.open(folder / "sources"), folder / "annotated", context)
    digest = hashlib.sha256()
    for path in sorted((folder / "annotated").rglob("*.*")):
        digest.update(path.name.encode() + path.read_bytes())
    return {"digest": digest.hexdigest(), "pages": outcome.counts["pages"], **outcome.measures}


def timed(crawls: list[Path], workers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(Path(__file__).resolve()), *map(str, crawls)]
        command += ["--inside", folder, "--workers", str(workers)]
        wall, cpu = time.monotonic(), sum(os.times()[2:4])
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return {
            "workers": workers,
            "wall_s": time.monotonic() - wall,
            "cpu_s": sum(os.times()[2:4]) - cpu,
            **json.loads(result.stdout),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crawls", type=Path, nargs="+")
    parser.add_argument("--copies", type=int, default=1, help="annotate each file so many times, under other names")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    crawls = options.crawls * options.copies
    if options.inside is not None:
        print(json.dumps(annotate(crawls, options.workers[0], options.inside)))
        return
    runs = [timed(crawls, workers) for _ in range(options.rounds) for workers in options.workers]
    if len({run["digest"] for run in runs}) != 1:
        sys.exit("the artifacts differ")
    rows = []
    for workers in options.workers:
        mine = [run for run in runs if run["workers"] == workers]
        wall, cpu = (float(np.median([run[key] for run in mine])) for key in ("wall_s", "cpu_s"))
        rows.append({"workers": workers, "wall_s": round(wall, 2), "cpu_s": round(cpu, 2)})
    for row in rows:
        row["times_first"] = round(rows[0]["wall_s"] / row["wall_s"], 2)
    if options.json:
        print(
            json.dumps({"machine": platform.processor() or platform.machine(), "pages": runs[0]["pages"], "rows": rows})
        )
        return
    print(f"{runs[0]['pages']:,} pages, median of {options.rounds}, load {os.getloadavg()[0]:.1f}")
    print(f"{'workers':>7} {'wall s':>8} {'CPU s':>8} {'times':>6}")
    for row in rows:
        print(f"{row['workers']:7} {row['wall_s']:8.2f} {row['cpu_s']:8.2f} {row['times_first']:6.2f}")
    stages: dict[str, float] = runs[0]["cpu_seconds"]
    print("CPU s by stage, first run: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in stages.items()))


if __name__ == "__main__":
    main()
