"""What is read off the texts when the corpus is built, since it depends on what the recipe names beside them: their
quality by its classifiers, and what they share with evaluation sets. No threshold is looked at here.

One task for an annotated part; its findings go to a small file beside, in the order of the part's rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from openbook.books.store import atomic_path
from openbook.corpus.decontaminate import evaluation_sets, joined, judge
from openbook.corpus.documents import QUALITY
from openbook.corpus.scan_settings import DecontaminateSettings, QualitySettings

if TYPE_CHECKING:
    from openbook.corpus.contamination import Hit, Index
    from openbook.corpus.parallel import ParallelText
    from openbook.corpus.quality import Scorer

READ_ROWS = 512
SPANS = pa.list_(pa.list_(pa.int32()))
HITS = pa.list_(pa.struct([("set", pa.string()), ("item", pa.string()), ("grams", pa.int32()), ("spans", SPANS)]))
SCANNED = pa.schema(
    [
        ("quality", QUALITY),
        ("cut_share", pa.float64()),  # null: shares nothing with an evaluation set
        ("pieces", SPANS),  # what stays of a text that does; empty: it is rejected
        ("left_bytes", pa.int64()),  # of those pieces
        ("hits", HITS),
    ]
)


@dataclass(frozen=True)
class ScanTask:
    part: Path
    out: Path
    languages: tuple[str, ...]
    """Texts in others are not looked at."""
    quality: tuple[QualitySettings, ...]
    decontaminate: DecontaminateSettings
    index: Path | None
    """Of contamination.Index.save; None: no evaluation set is sought."""
    base: Path
    work: Path
    """Where the classifiers lie that were trained."""


def write_index(
    settings: DecontaminateSettings, base: Path, parallel: "ParallelText | None", path: Path
) -> dict[str, int] | None:
    """The index over the evaluation sets, and what was counted; None when there is no set to hold texts against."""
    sets = evaluation_sets(settings, base, parallel)
    first = next(sets, None)
    if first is None:
        return None
    from openbook.corpus.contamination import IndexBuilder

    builder = IndexBuilder(settings.n, settings.least)
    builder.add(*first)
    for name, segments in sets:
        builder.add(name, segments)
    index = builder.index()
    index.save(path)
    return {"items": builder.items, "too_short": builder.too_short, "grams": int(index.grams.size)}


def scan_part(task: ScanTask) -> int:
    """Write the findings of one part; returns how many texts were looked at."""
    index = _index(task.index, _stamp(task.index)) if task.index is not None else None
    asked = tuple(one.model_dump_json() for one in task.quality)
    scorer = _scorer(asked, task.base, task.work, _stamp(task.work / "quality" / "index.json")) if asked else None
    seen = 0
    with atomic_path(task.out) as temporary, pq.ParquetWriter(temporary, SCANNED, compression="zstd") as writer:
        columns = ["text", "language", "rejected_by"]
        for batch in pq.ParquetFile(task.part).iter_batches(READ_ROWS, columns=columns):
            languages = batch.column("language").to_pylist()
            rejected = batch.column("rejected_by").is_null().to_pylist()
            wanted = [row for row in range(batch.num_rows) if rejected[row] and languages[row] in task.languages]
            seen += len(wanted)
            texts = batch.column("text")
            rows: list[dict[str, Any]] = [dict.fromkeys(SCANNED.names) for _ in range(batch.num_rows)]
            if scorer is not None:
                for row in wanted:
                    rows[row]["quality"] = scorer.scores(texts[row].as_py(), languages[row])
            if index is not None:
                _contaminated(rows, texts, wanted, index, task.decontaminate)
            writer.write_table(pa.Table.from_pylist(rows, SCANNED))
    return seen


def _contaminated(
    rows: list[dict[str, Any]],
    texts: pa.StringArray,
    wanted: Sequence[int],
    index: "Index",
    settings: DecontaminateSettings,
) -> None:
    _, offsets, data = texts.buffers()
    if data is None:
        return
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    found: dict[int, list[Hit]] = {}
    for hit in index.search(np.frombuffer(data, np.uint8), places, np.array(wanted, np.int64)):
        found.setdefault(hit.row, []).append(hit)
    for row, hits in found.items():
        text = texts[row].as_py()
        verdict = judge(text, hits, settings)
        rows[row] |= {
            "cut_share": round(verdict.share, 6),
            "pieces": verdict.pieces,
            "left_bytes": len(joined(text, verdict.pieces).encode()),
            "hits": verdict.hits,
        }


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


@lru_cache(1)
def _index(path: Path, stamp: int) -> "Index":
    from openbook.corpus.contamination import Index

    return Index.load(path)


@lru_cache(1)
def _scorer(settings: tuple[str, ...], base: Path, work: Path, stamp: int) -> "Scorer":
    from openbook.corpus.quality import Scorer

    return Scorer([QualitySettings.model_validate_json(one) for one in settings], base, work)


def contamination_rows(scanned: Sequence[Path], parts: Sequence[Path]) -> bytes:
    """JSON lines, by document, set and item: what was found, and whether it was cut or the document rejected."""
    lines: list[tuple[str, bytes]] = []
    for path, part in zip(scanned, parts, strict=True):
        table = pq.read_table(path, columns=["cut_share", "pieces", "hits"])
        shares = table.column("cut_share").to_pylist()
        if table.column("cut_share").null_count == len(shares):
            continue
        ids = pq.read_table(part, columns=["id"]).column("id").to_pylist()
        rows = zip(ids, shares, table.column("pieces").to_pylist(), table.column("hits").to_pylist(), strict=True)
        for id, share, pieces, hits in rows:
            for hit in hits or ():
                action = "cut" if pieces else "rejected"
                lines.append((id, orjson.dumps({"id": id, **hit, "action": action, "cut_share": share}) + b"\n"))
    return b"".join(line for _, line in sorted(lines))
