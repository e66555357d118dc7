"""How large receipts are and how long they take, measured on lists of growing length; what follows for a billion.

python benchmarks/release/receipts.py [--keys 1000000] [--receipts 200]
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from openbook.books.key_list import KeyFile
from openbook.books.presence import Receipt, check_receipt, list_root, write_receipt

BILLION = 1_000_000_000


def written(folder: Path, size: int) -> tuple[KeyFile, float]:
    """A sorted list of so many drawn keys, and the seconds that its tree took."""
    drawn = np.random.Generator(np.random.Philox(size)).bytes(32 * size)
    keys = np.unique(np.frombuffer(drawn, dtype="S32"))
    path = folder / f"{size}.bin"
    path.write_bytes(keys.tobytes())
    made = KeyFile(path, folder / f"{size}.tree")
    started = time.perf_counter()
    made.write_nodes()
    return made, time.perf_counter() - started


def measured(keys: KeyFile, count: int) -> tuple[float, float, float]:
    """Median seconds to make and to check an absence receipt, and its median size in bytes."""
    making, checking, sizes = [], [], []
    for number in range(count):
        asked = hashlib.sha256(b"%d" % number).digest()
        started = time.perf_counter()
        present, leaves = keys.beside(asked)
        tree = keys.root()
        data = write_receipt(Receipt("documents", None, asked, present, keys.size, tree, leaves))
        making.append(time.perf_counter() - started)
        root = list_root("documents", keys.size, tree)
        started = time.perf_counter()
        check_receipt(data, root)
        checking.append(time.perf_counter() - started)
        sizes.append(len(data))
    return statistics.median(making), statistics.median(checking), statistics.median(sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--receipts", type=int, default=200)
    options = parser.parse_args()
    sizes = [size for size in (1_000, 10_000, 100_000, options.keys) if size <= options.keys]
    points = []
    print("keys        tree s   make ms  check ms  bytes")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            keys, seconds = written(Path(folder), size)
            making, checking, length = measured(keys, options.receipts)
        points.append((np.log2(keys.size), making, checking, length))
        print(f"{keys.size:<11,} {seconds:<8.2f} {making * 1e3:<8.2f} {checking * 1e3:<9.3f} {length:.0f}")
    table = np.array(points)
    at = np.log2(BILLION)
    # Each doubling adds one hash to each of the two paths: the size is a straight line over the logarithm.
    length = np.polyval(np.polyfit(table[:, 0], table[:, 3], 1), at)
    checking = table[-1, 2] * at / table[-1, 0]
    print(f"1,000,000,000 by log2: {length:.0f} bytes, checked in {checking * 1e3:.2f} ms;")
    print(f"the tree by the keys a second of the longest list: {seconds / sizes[-1] * BILLION / 60:.0f} minutes, once.")
    # A tree of a billion has four stored levels of 256 where one of a million has three.
    print(f"Made in about {table[-1, 1] * 1e3 * 4 / 3:.0f} ms.")


if __name__ == "__main__":
    main()
