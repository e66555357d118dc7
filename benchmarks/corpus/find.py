"""How long `openbook find` takes on a corpus of a million documents, the start of the program included.

python benchmarks/corpus/find.py [--documents 1000000] [--folder DIR]   makes the corpus and its index, once, and asks.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from openbook.compute import local
from openbook.context import Context
from openbook.corpus.documents import DOCUMENT_SCHEMA, REJECTED_SCHEMA, document_id, parquet_writer, write_table
from openbook.corpus.find import index
from openbook.progress import quiet

LANGUAGES = ("de", "el", "en", "fr", "mt", "pl")
WORDS_A_DOCUMENT, PIECE = 120, 20_000
REPEATS = 7


def rows(language: str, count: int, seed: int, rejected: bool) -> Iterator[pa.Table]:
    """Documents in order of their ids, words drawn from a vocabulary of 60,000 by Zipf's law."""
    draw = np.random.default_rng(seed)
    words = np.array([f"{language}{number:x}" for number in draw.permutation(60_000)])
    schema = REJECTED_SCHEMA if rejected else DOCUMENT_SCHEMA
    ids = sorted((document_id("", str(number), language, seed), number) for number in range(count))
    for start in range(0, count, PIECE):
        part = ids[start : start + PIECE]
        picks = np.minimum(draw.zipf(1.2, (len(part), WORDS_A_DOCUMENT)) - 1, 59_999)
        made = [
            {
                "id": id,
                "text": " ".join(words[picks[at]]),
                "title": f"Document {number}",
                "url": f"https://host{number % 9973}.{language}.example/page/{number}",
                "source": "crawl",
                "record": {"file": "crawl/1.warc.gz", "offset": number * 1000, "length": 900},
                "language": language,
                "language_score": 0.99,
                "reservations": [],
                "rights": "open",
                "split": "train",
                "rejected_by": "gopher:words" if number % 2 else "duplicates:near",
                "measure": 12.0,
                "duplicate_of": None if number % 2 else ids[0][0],
                "similarity": None if number % 2 else 0.9,
            }
            for at, (id, number) in enumerate(part)
        ]
        yield pa.Table.from_pylist(made, schema)


def make(folder: Path, documents: int) -> None:
    corpus = folder / "corpus"
    each = documents // len(LANGUAGES)
    for seed, language in enumerate(LANGUAGES):
        for kind, count in (("documents", each * 4 // 5), ("rejected", each // 5)):
            rejected = kind == "rejected"
            path = corpus / kind / f"{language}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            with parquet_writer(path, REJECTED_SCHEMA if rejected else DOCUMENT_SCHEMA) as writer:
                for table in rows(language, count, 2 * seed + rejected, rejected):
                    write_table(writer, table)
    (corpus / "index.json").write_bytes(orjson.dumps({"root": "", "languages": {code: {} for code in LANGUAGES}}))


def ask(folder: Path, *question: str) -> tuple[float, float, str]:
    """Medians of the whole program's wall and processor seconds, and the first line of its answer."""
    command = [sys.executable, "-c", "from openbook.cli import main; main()", "find", str(folder), *question]
    wall, processor, said = [], [], ""
    for _ in range(REPEATS):
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        wall.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(wall), statistics.median(processor), said.splitlines()[0].removeprefix(f"{folder}: ")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path(".cache/benchmark-find"))
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    if not (given.folder / "corpus" / "index.json").exists():
        make(given.folder, given.documents)
    if not (given.folder / "corpus" / "find" / "index.json").exists():
        start = time.perf_counter()
        index.build(given.folder / "corpus", Context(local(given.workers), quiet(), given.folder))
        print(f"index made in {time.perf_counter() - start:.0f} s by {given.workers} workers")
    told = orjson.loads((given.folder / "corpus" / "find" / "index.json").read_bytes())
    pages = sum(count for _, count in told["files"])
    print(f"{pages:,} pages of {WORDS_A_DOCUMENT} words; index:")
    whole = sum(path.stat().st_size for path in (given.folder / "corpus" / "find").iterdir())
    for name, entries in told["entries"].items():
        size = sum(path.stat().st_size for path in (given.folder / "corpus" / "find").glob(f"{name}.*"))
        print(f"  {name:<9}{entries:>12,} entries {size / pages:8.1f} bytes a page")
    print(f"  whole {whole / pages:27.1f} bytes a page, {whole / 1e6:.0f} MB")
    row = pq.ParquetFile(given.folder / "corpus/documents/fr.parquet").read_row_group(0, ["id", "url", "text"])
    one = row.slice(row.num_rows // 2, 1).to_pylist()[0]
    words = one["text"].split()
    questions = {
        "id": ("--id", one["id"]),
        "url": ("--url", one["url"]),
        "host": ("--domain", "host77.mt.example"),
        "domain of a sixth of all": ("--domain", "mt.example"),
        "whole text": ("--text", one["text"]),
        "passage of 25 words": ("--text", " ".join(words[60:85])),
        "quote of 12 words": ("--text", " ".join(words[60:72])),
        "passage that is nowhere": ("--text", " ".join(words[::-1])),
    }
    for name, question in questions.items():
        wall, processor, said = ask(given.folder, *question)
        print(f"  {name:<26} {wall:5.2f} s, processor {processor:5.2f} s   {said[:70]}")


if __name__ == "__main__":
    main()
