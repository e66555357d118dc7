"""The same search with datasketch's MinHashLSH, in a virtual environment of its own; `duplicates.py --peer` runs it.

PEER/bin/python benchmarks/corpus/duplicates_peer.py signatures.npy BANDS ROWS THRESHOLD
"""

import json
import sys
import time

import numpy as np
from datasketch import MinHash, MinHashLSH


def main() -> None:
    signatures = np.load(sys.argv[1])
    bands, rows, threshold = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    began = time.process_time()
    values = signatures.shape[1]
    first = MinHash(num_perm=values)  # its permutations serve all: drawing them anew for each would take longer
    index = MinHashLSH(num_perm=values, params=(bands, rows))
    dropped = 0
    kept: dict[int, MinHash] = {}
    for number, row in enumerate(signatures):
        mine = MinHash(values, hashvalues=row, permutations=first.permutations, scheme=first.scheme)
        if any(mine.jaccard(kept[other]) >= threshold for other in index.query(mine)):
            dropped += 1
        else:
            index.insert(number, mine)
            kept[number] = mine
    seconds = time.process_time() - began
    print(json.dumps({"documents": len(signatures), "dropped": dropped, "cpu_seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
