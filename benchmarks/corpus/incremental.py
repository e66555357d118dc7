"""What a change to a run costs beside a run from nothing, up to the corpus: a WARC more, an opt-out, a threshold.

    python benchmarks/corpus/incremental.py crawl.warc.gz [--files 10] [--workers 1] [--json]

The crawl is split into some files of equal length, by records. Each run is a process of its own. The changed run must
have the roots of one from nothing."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from fastwarc.warc import ArchiveIterator

STEPS = ("sources", "annotated", "corpus")


def split(crawl: Path, count: int, folder: Path) -> list[Path]:
    """Cut between records; the members stay as they are."""
    with crawl.open("rb") as file:
        starts = [record.stream_pos for record in ArchiveIterator(file, parse_http=False)]
    size, data = crawl.stat().st_size, crawl.read_bytes()
    cuts = [0, *(min(at for at in starts if at >= size * number // count) for number in range(1, count)), size]
    paths = []
    for number, (start, stop) in enumerate(pairwise(cuts)):
        paths.append(folder / f"part-{number:03d}.warc.gz")
        paths[-1].write_bytes(data[start:stop])
        os.utime(paths[-1], (time.time() - 60,) * 2)
    return paths


def build(base: Path, folder: str, corpus: dict[str, Any], workers: int) -> dict[str, Any]:
    from openbook import pipeline
    from openbook.books.record import read_record
    from openbook.compute import local
    from openbook.context import Context
    from openbook.progress import quiet
    from openbook.recipe import Recipe

    recipe = Recipe.model_validate(
        {
            "name": "incremental",
            "languages": ["en", "de", "fr", "es", "it", "pt", "pl", "nl", "sv", "fi", "el", "bg"],
            "sources": [{"name": "crawl", "kind": "warc", "paths": ["crawl/*.warc.gz"]}],
            "corpus": corpus,
            "train": {"steps": 1},
        }
    )
    states = pipeline.run(recipe, base, base / folder, Context(local(workers), quiet(), base / "cache"), until="corpus")
    records = {step: read_record(base / folder / step) for step in STEPS}
    return {
        "roots": [record.root for record in records.values()],
        "ran": [state.step.name for state in states if state.reasons and state.step.name in STEPS],
        "parts": records["annotated"].measures["parts"],
    }


def timed(base: Path, folder: str, corpus: dict[str, Any], workers: int) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).resolve()), str(base), "--inside", folder, json.dumps(corpus)]
    wall, cpu = time.monotonic(), sum(os.times()[2:4])
    result = subprocess.run([*command, "--workers", str(workers)], stdout=subprocess.PIPE, text=True, check=True)
    return {
        "wall_s": round(time.monotonic() - wall, 2),
        "cpu_s": round(sum(os.times()[2:4]) - cpu, 2),
        **json.loads(result.stdout),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crawl", type=Path)
    parser.add_argument("--files", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        folder, corpus = options.inside
        print(json.dumps(build(options.crawl, folder, json.loads(corpus), options.workers)))
        return
    changes: dict[str, dict[str, Any]] = {
        "one WARC more": {},
        "an opt-out": {"optouts": {"domains": ["example.org"]}},
        "a threshold": {"filter": {"words": {"min": 80}}},
    }
    rows: list[dict[str, Any]] = []
    if not options.json:
        print(f"{options.files} files, {options.workers} workers, load {os.getloadavg()[0]:.1f}")
        print(f"{'change':16} {'wall s':>8} {'CPU s':>8} {'from nothing: wall s':>22} {'CPU s':>8} {'times':>6}  steps")
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        (base / "crawl").mkdir()
        last = split(options.crawl, options.files, base / "crawl")[-1]
        aside = last.rename(base / last.name)
        timed(base, "run", {}, options.workers)
        aside.rename(last)
        for change, corpus in changes.items():
            changed = timed(base, "run", corpus, options.workers)
            fresh = timed(base, f"fresh {change}", corpus, options.workers)
            if changed["roots"] != fresh["roots"]:
                sys.exit(f"{change}: not what a run from nothing makes")
            rows.append({"change": change, "changed": changed, "from_nothing": fresh})
            if not options.json:
                print_row(change, changed, fresh)
    if options.json:
        print(json.dumps({"machine": platform.processor() or platform.machine(), "rows": rows}))


def print_row(change: str, new: dict[str, Any], old: dict[str, Any]) -> None:
    parts = new["parts"]
    kept = parts["taken_over"] if "annotated" in new["ran"] else parts["all"]
    print(
        f"{change:16} {new['wall_s']:8.2f} {new['cpu_s']:8.2f} {old['wall_s']:22.2f} {old['cpu_s']:8.2f} "
        f"{old['cpu_s'] / new['cpu_s']:6.1f}  {', '.join(new['ran'])}; {kept} of {parts['all']} kept",
        flush=True,
    )


if __name__ == "__main__":
    main()
