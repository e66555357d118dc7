"""What a blocklist of so many entries costs: time to compile it, memory of a worker, lookups a second.

python benchmarks/corpus/blocklists.py [--entries 5000000]
"""

import argparse
import tempfile
import time
from pathlib import Path

import psutil

from openbook.corpus.blocklists import Blocklist, ListFile, compile_lists


def _own() -> int:
    """Resident bytes that are not pages of a file: those the workers share."""
    memory = psutil.Process().memory_info()
    return int(memory.rss - memory.shared)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=5_000_000)
    entries = parser.parse_args().entries
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "domains", Path(name) / "list.hashes"
        with source.open("w") as file:
            file.writelines(
                f"host-{number * 2654435761 % 2**32:x}.blocked-{number % 977}.example\n" for number in range(entries)
            )
        began = time.process_time()
        made = compile_lists([ListFile("test", source)], target)
        print(
            f"{made:,} entries compiled in {time.process_time() - began:.1f} s, "
            f"{target.stat().st_size / 1e6:.0f} MB on disk"
        )
        before = _own()
        found = Blocklist(target)
        urls = [
            f"https://www.host-{number:x}.blocked-{number % 977}.example/a/b/c?d={number}" for number in range(100_000)
        ]
        began = time.process_time()
        hits = sum(
            one is not None for at in range(0, len(urls), 8192) for one in found.categories_of(urls[at : at + 8192])
        )
        seconds = time.process_time() - began
        own = _own() - before
        print(
            f"{len(urls) / seconds:,.0f} addresses a second ({hits} blocked), "
            f"{own / 1e6:.0f} MB of memory of the worker's own"
        )


if __name__ == "__main__":
    main()
