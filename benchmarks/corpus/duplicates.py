"""Near-duplicate search over N synthetic signatures with known truth: seconds, memory, disk, recall; what more needs.

    python benchmarks/corpus/duplicates.py 200000 --workers 2 --folder /tmp/duplicates

The folder gets some 1.3 kB a document for a while and is deleted at the end.
"""

import argparse
import json
import multiprocessing
import resource
import shutil
import subprocess
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise, repeat
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from openbook.books.chance import generator
from openbook.compute import local
from openbook.corpus import duplicates
from openbook.corpus.banding import Banding, chosen
from openbook.corpus.candidates import BUCKET, read_signatures
from openbook.corpus.settings import DuplicateSettings

VALUES = 112
PART_ROWS = 1 << 16
NEAR_SHARE, EXACT_SHARE, GIANT_SHARE = 0.2, 0.1, 0.02
"""Of the documents: changed copies of another one, equal copies, and changed copies of one boilerplate."""
UNRELATED = 0.05
"""Share of values in which any two documents agree by chance, as pages of one language do that share stock phrases."""


def source_of(documents: int) -> NDArray[np.int64]:
    """For each document the one that it is made from: itself, or (in the second half) one of the first half."""
    draw = generator(0, "duplicates benchmark").random(documents)
    source = np.arange(documents)
    half = documents // 2
    second = source >= half
    giant = second & (draw < 2 * GIANT_SHARE)
    copies = second & ~giant & (draw < 2 * (GIANT_SHARE + NEAR_SHARE + EXACT_SHARE))
    source[copies] = generator(1, "duplicates benchmark").integers(1, half, int(copies.sum()))
    source[giant] = 0
    return source


def own_values(rows: NDArray[np.int64]) -> NDArray[np.uint32]:
    """[rows, VALUES]: a hash of row and place; a few places from a small common pool."""
    base = rows.astype(np.uint64)[:, None] * np.uint64(VALUES) + np.arange(VALUES, dtype=np.uint64)
    x = base * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    values = (x >> np.uint64(32)).astype(np.uint32)
    common = (x & np.uint64(0xFFFF)) < np.uint64(int(np.sqrt(UNRELATED) * 65536))
    values[common] = np.broadcast_to(np.arange(VALUES, dtype=np.uint32), values.shape)[common]
    return values


def part_of(source: NDArray[np.int64], start: int, part: int) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """Signatures of a part of the documents, and the share of values that each has from its source (1: all)."""
    rows = np.arange(start, min(start + PART_ROWS, source.size))
    mine, theirs = own_values(rows), own_values(source[rows])
    random = generator(2, "duplicates benchmark", part)
    kind = random.random(rows.size)
    equal_share = EXACT_SHARE / (EXACT_SHARE + NEAR_SHARE)
    similarity = np.where(kind < equal_share, 1.0, random.uniform(0.5, 1.0, rows.size))
    similarity = np.where(source[rows] == 0, 0.9, similarity)
    taken = random.random(mine.shape, np.float32) < similarity[:, None]
    values = np.where(taken & (source[rows] != rows)[:, None], theirs, mine)
    return values, (values == theirs).mean(axis=1)


def write_part(path: Path, values: NDArray[np.uint32]) -> None:
    rows, width = values.shape[0], values.shape[1] * 4
    offsets = pa.py_buffer(np.arange(0, (rows + 1) * width, width, dtype=np.int32))
    column = pa.Array.from_buffers(pa.binary(), rows, [None, offsets, pa.py_buffer(values.data)])
    pq.write_table(pa.table({"signature": column}), path, compression="none", use_dictionary=False)


def make(source: NDArray[np.int64], start: int, path: Path) -> NDArray[np.float64]:
    """Write one part; returns each document's share of values from its source."""
    values, equal = part_of(source, start, start // PART_ROWS)
    write_part(path, values)
    return equal


@dataclass
class Watch:
    """Memory of this process and its children, disk of a folder: the most seen, ten times a second."""

    folder: Path
    resident: int = 0
    unshared: int = 0
    one: int = 0
    disk: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Watch":
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        me, turn = psutil.Process(), 0
        while not self._stop.wait(0.1):
            resident, shared = [], []
            for process in [me, *me.children(recursive=True)]:
                try:
                    memory = process.memory_info()
                except psutil.NoSuchProcess:
                    continue
                resident.append(memory.rss)
                shared.append(memory.rss - memory.shared)
            self.resident, self.unshared = max(self.resident, sum(resident)), max(self.unshared, sum(shared))
            self.one = max(self.one, max(resident))
            turn += 1
            if turn % 10 == 0:
                self.disk = max(self.disk, sum(_size(path) for path in self.folder.rglob("*")))


def _size(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0


def cpu_seconds() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def compare(peer: Path, folder: Path, files: list[Path], left: NDArray[np.int64], bands: Banding) -> None:
    """The same signatures in the same order to datasketch, one process each; the equal copies are left out for both."""
    signatures = np.concatenate([read_signatures(path)[1] for path in files])[left]
    np.save(folder / "peer.npy", signatures)
    script = Path(__file__).with_name("duplicates_peer.py")
    settings = DuplicateSettings()
    asked = [str(folder / "peer.npy"), str(bands.bands), str(bands.rows), str(settings.similarity)]
    done = subprocess.run([str(peer), str(script), *asked], stdout=subprocess.PIPE, text=True, check=True)
    theirs = json.loads(done.stdout)
    ranks = np.full(sum(len(read_signatures(path)[0]) for path in files), -1, np.int64)
    ranks[left] = np.arange(left.size)
    seconds = []
    for turn in range(2):  # the first one compiles
        began = cpu_seconds()
        found = duplicates.near(files, ranks, settings, local(1), folder / f"again-{turn}")
        seconds.append(cpu_seconds() - began)
    ratio = theirs["cpu_seconds"] / seconds[1]
    print(f"datasketch: {theirs['dropped']:,} dropped in {theirs['cpu_seconds']} CPU s")
    print(
        f"openbook, one process: {found.worse.size:,} dropped in {seconds[1]:.1f} CPU s: {ratio:.1f} times datasketch"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", type=int)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/openbook-duplicates"))
    parser.add_argument(
        "--peer", type=Path, help="python of an environment with datasketch; for some 100,000 documents"
    )
    asked = parser.parse_args()
    shutil.rmtree(asked.folder, ignore_errors=True)
    asked.folder.mkdir(parents=True)
    source = source_of(asked.documents)
    starts = range(0, asked.documents, PART_ROWS)
    files = [asked.folder / f"part-{at:06d}.parquet" for at in range(len(starts))]
    similarity = np.ones(asked.documents)
    fork = multiprocessing.get_context("fork")  # what is left of making them must not count as the search's memory
    with ProcessPoolExecutor(1, mp_context=fork) as pool:
        for start, equal in zip(starts, pool.map(make, repeat(source), starts, files), strict=True):
            similarity[start : start + len(equal)] = equal
    hashes = np.stack([np.where(similarity == 1, source, np.arange(source.size)), np.zeros_like(source)], axis=1)
    settings = DuplicateSettings()
    bands = chosen(settings, VALUES)
    print(f"{asked.documents:,} documents, {bands.bands} bands of {bands.rows}, {asked.workers} workers", flush=True)
    laps: list[tuple[str, float]] = []
    began, cpu = time.perf_counter(), cpu_seconds()
    with Watch(asked.folder) as watch:
        first = duplicates.exact(np.ascontiguousarray(hashes).view("V16").reshape(-1))
        left = np.flatnonzero(first == np.arange(asked.documents))
        ranks = np.full(asked.documents, -1, np.int64)
        ranks[left] = np.arange(left.size)
        laps.append(("exact duplicates", time.perf_counter()))
        found = duplicates.near(
            files,
            ranks,
            settings,
            local(asked.workers),
            asked.folder / "near",
            say=lambda stage: laps.append((stage, time.perf_counter())),
        )
    wall, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    laps.append(("end", time.perf_counter()))
    if asked.peer:
        compare(asked.peer, asked.folder, files, left, bands)
    shutil.rmtree(asked.folder)
    dropped = np.zeros(asked.documents, bool)
    dropped[left[found.worse]] = True
    exact = first != np.arange(asked.documents)
    true = (source != np.arange(asked.documents)) & ~exact & (similarity >= settings.similarity)
    giant = true & (source == 0)
    disk = watch.disk - asked.documents * VALUES * 4
    report = {
        "documents": asked.documents,
        "exact_found": int(exact.sum()),
        "near_true": int(true.sum()),
        "near_found": int(dropped.sum()),
        "recall": round(float(dropped[true].mean()), 4),
        "recall_of_giant_group": round(float(dropped[giant].mean()), 4),
        "precision": round(float(true[dropped].mean()), 4),
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "documents_a_second": round(asked.documents / wall),
        "peak_resident_mb": round(watch.resident / 1e6),
        "peak_unshared_mb": round(watch.unshared / 1e6),
        "peak_of_one_process_mb": round(watch.one / 1e6),
        "peak_disk_mb": round(disk / 1e6),
    }
    print(json.dumps(report, indent=1))
    for (stage, start), (_, end) in pairwise(laps):
        print(f"  {stage:24s}{end - start:8.1f} s")
    print(
        "  documents   processor hours   signatures, TB   disk meanwhile, TB   tasks of a stage   MB of a task, about"
    )
    for billions in (1, 10, 100):
        count = billions * 1e9
        hours = cpu / asked.documents * count / 3600
        terabytes = disk / asked.documents * count / 1e12
        signatures = count * VALUES * 4 / 1e12
        rows, partitions = duplicates.sizes(int(count), bands.bands)
        held = max(2 * rows * VALUES * 4, 3 * count * bands.bands * BUCKET.itemsize / partitions) / 1e6
        tasks = max(count / rows, partitions)
        print(f"{billions:3d} billion{hours:18,.0f}{signatures:17,.1f}{terabytes:21,.1f}{tasks:19,.0f}{held:22,.0f}")


if __name__ == "__main__":
    main()
