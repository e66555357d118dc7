"""A tiny tokenized corpus and tokenizer folder, written in their on-disk format."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from openbook.books import chance
from openbook.compute import local
from openbook.context import Context
from openbook.progress import quiet
from openbook.tokenizer import TokenizedCorpus

VOCABULARY = 320
BOS = 0


@dataclass
class ByteTokenizer:
    folder: Path
    vocabulary_size: int = VOCABULARY
    bos: int = BOS


def write_tokens(folder: Path, sizes: dict[str, int], seed: int = 0) -> TokenizedCorpus:
    """Documents of 20 to 200 tokens with a pattern that can be learned: each language repeats a phrase of its own."""
    index = {}
    for code, size in sizes.items():
        draw = chance.generator(seed, f"tests/tokens/{code}")
        phrase = draw.integers(16, VOCABULARY, 37)
        stream: list[int] = []
        rows: list[tuple[str, int, int]] = []
        while len(stream) < size:
            length = min(int(draw.integers(20, 200)), size - len(stream))
            start = len(stream)
            shift = int(draw.integers(0, len(phrase)))
            stream += [BOS, *np.resize(np.roll(phrase, shift), length - 1).tolist()]
            rows.append((f"{code}{len(rows):08d}", start, len(stream)))
        (folder / code).mkdir(parents=True)
        np.array(stream, dtype="<u2").tofile(folder / code / "tokens.bin")
        columns = zip(*rows, strict=True)
        given = dict(zip(("id", "start", "end"), (list(column) for column in columns), strict=True))
        # Documents by turns from two sources; two of three have a score.
        scores = [[("good", number % 7 / 7)] if number % 3 else [] for number in range(len(rows))]
        given["source"] = [("crawl", "wiki")[number % 2] for number in range(len(rows))]
        given["quality"] = pa.array(scores, pa.map_(pa.string(), pa.float64()))
        table = pa.table(given)
        pq.write_table(table, folder / code / "documents.parquet")
        index[code] = {"tokens": len(stream), "documents": len(rows), "bytes": 3 * len(stream)}
    (folder / "index.json").write_text(json.dumps({"vocabulary": VOCABULARY, "dtype": "uint16", "languages": index}))
    return TokenizedCorpus.open(folder)


def tokenizer(folder: Path) -> ByteTokenizer:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).write_text("{}\n")
    return ByteTokenizer(folder)


def context(cache: Path, workers: int = 1) -> Context:
    return Context(local(workers), quiet(), cache)
