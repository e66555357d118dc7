"""datatrove's FineWeb recipe over one WARC file, in the peer's own Python: read, extract, filter, deduplicate, redact.

    venv/bin/python benchmarks/corpus/pipeline_peer.py pages.warc.gz folder [lid.176 model]

One task, one worker. Prints one line of JSON: documents after each stage and the seconds that each stage took.
What is left out of the recipe: its URL lists (so are ours), and counting tokens with a downloaded tokenizer. The
extractor may take 60 s instead of 1 s, so that it loses no page; words are split by spaCy's English rules, as there."""

import json
import os
import sys
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader, WarcReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.lid import FT176LID


def main() -> None:
    warc, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    if len(sys.argv) > 3:
        FT176LID.MODEL_URL = None
        import fasttext.FastText

        model = fasttext.FastText._FastText(sys.argv[3])
        FT176LID.model = property(lambda self: model)  # the file at hand, in place of the one that it would fetch
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    rejected = folder / "rejected"

    def away(name: str) -> JsonlWriter:
        return JsonlWriter(str(rejected / name))

    config = MinhashConfig(hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5)
    stages: dict[str, list[PipelineStep]] = {
        "base": [
            WarcReader(str(warc.parent), glob_pattern=warc.name),
            Trafilatura(favour_precision=True, timeout=60),
            LanguageFilter(exclusion_writer=away("language")),
            GopherRepetitionFilter(exclusion_writer=away("repetition")),
            GopherQualityFilter(exclusion_writer=away("gopher")),
            C4QualityFilter(filter_no_terminal_punct=False, exclusion_writer=away("c4")),
            FineWebQualityFilter(exclusion_writer=away("fineweb")),
            JsonlWriter(str(folder / "filtered")),
        ],
        "signatures": [
            JsonlReader(str(folder / "filtered")),
            MinhashDedupSignature(output_folder=str(folder / "signatures"), config=config, language="eng_Latn"),
        ],
        "buckets": [MinhashDedupBuckets(str(folder / "signatures"), str(folder / "buckets"), config=config)],
        "cluster": [MinhashDedupCluster(str(folder / "buckets"), str(folder / "removed"), config=config)],
        "filter": [
            JsonlReader(str(folder / "filtered")),
            MinhashDedupFilter(str(folder / "removed"), exclusion_writer=away("duplicates")),
            PIIFormatter(),
            JsonlWriter(str(folder / "output")),
        ],
    }
    seconds: dict[str, float] = {}
    documents: dict[str, int] = {}
    for name, steps in stages.items():
        tasks = config.num_buckets if name == "buckets" else 1
        run = LocalPipelineExecutor(steps, tasks=tasks, workers=1, logging_dir=str(folder / "logs" / name))
        for stat in run.run().stats:
            label = f"{name}: {' '.join(stat.name.split(' - ')[-1].split()[1:])}"
            seconds[label] = round(stat.time_stats.total, 2)
            if "forwarded" in stat.stats:
                documents[label] = int(stat.stats["forwarded"].total)
    print(json.dumps({"seconds": seconds, "documents": documents}))


if __name__ == "__main__":
    main()
