"""How long an index takes to build, how large it is, and how soon an answer of 300 tokens is traced; for a billion
tokens too, by what each further shard costs.

python benchmarks/trace.py --run runs/first-light          # that run's corpus; its index is built anew beside nothing
python benchmarks/trace.py --tokens 50000000               # words drawn by Zipf's law, four letters a token
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from openbook.compute import local
from openbook.context import Context
from openbook.corpus import Corpus
from openbook.progress import quiet
from openbook.tokenizer import TokenizedCorpus
from openbook.trace import TraceIndex, TraceSettings
from openbook.trace import run as build
from openbook.trace.lookup import Steps, trace
from openbook.trace.reading import Reading

BILLION = 1_000_000_000
ANSWER_LETTERS = 1200
"""300 tokens of four letters."""
SHARD_ANSWERS = 60
"""Traced in each number of shards, which are many."""


def processor_seconds() -> float:
    """Of this process and its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def synthetic(folder: Path, tokens: int) -> tuple[Corpus, TokenizedCorpus]:
    """Documents of 600 words, drawn by Zipf's law from 200,000; one in fifty repeats a passage of an earlier one."""
    draw = np.random.Generator(np.random.Philox(1))
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    sizes = draw.integers(2, 11, 200_000)
    names = ["".join(letters[draw.integers(0, 26, size)]) for size in sizes]
    reached = np.cumsum(1 / np.arange(2, len(names) + 2))
    count = max(2, tokens * 4 // 600 // 6)
    (folder / "corpus" / "documents").mkdir(parents=True)
    fields = ("id", "text", "url", "title", "license", "license_evidence", "rights", "split")
    schema = pa.schema([*((name, pa.string()) for name in fields), ("reservations", pa.list_(pa.string()))])
    ends, passage, total = [], "", 0
    with pq.ParquetWriter(folder / "corpus/documents/en.parquet", schema) as writer:
        for first in range(0, count, 1000):
            rows = []
            for number in range(first, min(count, first + 1000)):
                text = " ".join(names[at] for at in np.searchsorted(reached, draw.random(600) * reached[-1]))
                text = f"{text} {passage}" if number % 50 == 49 else text
                passage = text[:400]
                total += len(text) // 4 + 1
                ends.append(total)
                told = dict.fromkeys(fields, "") | {"id": f"{number:064x}", "text": text, "reservations": []}
                rows.append(told | {"rights": "open", "split": "train", "url": f"https://a.example/{number}"})
            writer.write_table(pa.Table.from_pylist(rows, schema))
    (folder / "corpus/index.json").write_text(json.dumps({"languages": {"en": {}}, "root": "00" * 32}))
    (folder / "tokens" / "en").mkdir(parents=True)
    spans = {"id": [f"{n:064x}" for n in range(count)], "start": [0, *ends[:-1]], "end": ends}
    pq.write_table(pa.table(spans), folder / "tokens/en/documents.parquet")
    facts = {"vocabulary": 1, "dtype": "uint16", "languages": {"en": {"tokens": total}}}
    (folder / "tokens/index.json").write_text(json.dumps(facts))
    return Corpus.open(folder / "corpus"), TokenizedCorpus.open(folder / "tokens")


def answers(corpus: Corpus, count: int) -> Iterator[str]:
    """Texts put together from passages of 30 to 300 letters of the corpus, as of a model that repeats much."""
    draw = np.random.Generator(np.random.Philox(2))
    texts: list[str] = []
    for language in corpus.languages:
        for row, _ in zip(corpus.documents(language, columns=["text"]), range(200), strict=False):
            texts.append(row["text"])
    for _ in range(count):
        said = ""
        while len(said) < ANSWER_LETTERS:
            text = texts[int(draw.integers(len(texts)))]
            start = int(draw.integers(max(1, len(text) - 300)))
            said += text[start : start + int(draw.integers(30, 300))] + " "
        yield said[:ANSWER_LETTERS]


def report(index: TraceIndex, reading: Reading | None, texts: list[str]) -> None:
    """Percentiles with and without the training steps, for each number of shards, and what follows for a billion
    tokens."""
    for kind, steps in (("without steps", None), ("with steps", reading.steps if reading else None)):
        if kind == "without steps" or steps is not None:
            low, high, most, used = percentiles(index, texts, steps)
            told = f"p50 {low:.1f} ms, p95 {high:.1f} ms, max {most:.1f} ms"
            print(f"an answer of 300 tokens, {kind}: {told}; p95 of processor time {used:.1f} ms")
    names = index.facts["shards"]
    if len(names) < 3:
        return
    used = []
    for count in range(1, len(names) + 1):
        some = TraceIndex(index.folder, {**index.facts, "shards": names[:count]})
        low, high, _, spent = percentiles(some, texts[:SHARD_ANSWERS], None)
        used.append(spent)
        print(f"{count} shards: p50 {low:.1f} ms, p95 {high:.1f} ms; p95 of processor time {spent:.1f} ms", flush=True)
    further, alone = np.polyfit(np.arange(len(used)), used, 1)
    shards = -(-BILLION // TraceSettings().shard_tokens)
    print(f"each further shard: {further:.2f} ms of processor time at p95; a billion tokens are {shards} shards")
    print(f"of the default size: {alone + (shards - 1) * further:.0f} ms with the pages in memory")


def percentiles(index: TraceIndex, texts: list[str], steps: Steps | None) -> tuple[float, float, float, float]:
    """Milliseconds: median, 95th percentile and maximum of the wall, 95th percentile of processor time."""
    wall, used = [], []
    for text in texts:
        started, began = time.perf_counter(), time.thread_time()
        trace(index, text, steps=steps)
        wall.append(1000 * (time.perf_counter() - started))
        used.append(1000 * (time.thread_time() - began))
    return (*np.percentile(wall, [50, 95, 100]).tolist(), float(np.percentile(used, 95)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--tokens", type=int, default=5_000_000)
    parser.add_argument("--shard-tokens", type=int, default=8_388_608)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--answers", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if asked.run:
            corpus, tokens = Corpus.open(asked.run / "corpus"), TokenizedCorpus.open(asked.run / "tokens")
        else:
            corpus, tokens = synthetic(folder, asked.tokens)
        began, used = time.perf_counter(), processor_seconds()
        context = Context(local(asked.workers), quiet(), folder / "cache")
        out = build(TraceSettings(shard_tokens=asked.shard_tokens), corpus, tokens, folder / "trace", context)
        context.engine.rest()
        wall, used = time.perf_counter() - began, processor_seconds() - used
        count = out.counts["tokens"]
        print(f"{count:,} tokens, {out.counts['words']:,} words, {out.counts['shards']} shards")
        print(f"built in {wall:.1f} s, {used:.1f} s of processors: {used / count * 1e6:.2f} s a million tokens")
        print(f"{out.counts['bytes'] / count:.2f} bytes a token")
        index = TraceIndex.open(folder / "trace")
        reading = Reading.of(asked.run) if asked.run else None
        texts = list(answers(corpus, asked.answers))
        for text in texts[:10]:
            trace(index, text, steps=reading.steps if reading else None)
        report(index, reading, texts)


if __name__ == "__main__":
    main()
