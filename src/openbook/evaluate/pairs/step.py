"""Minimal pairs as part of an evaluation: kept beside it, scored one language a worker."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from openbook.books.store import write_bytes
from openbook.context import Context
from openbook.evaluate.pairs.items import Pair, read_pairs, write_pairs
from openbook.evaluate.pairs.score import score_pairs
from openbook.evaluate.scorer import ModelSource, open_scorer
from openbook.evaluate.settings import EvaluateSettings
from openbook.model.checkpoint import read_json

FOLDER = "pairs"


def score_all(
    pairs: Mapping[str, Sequence[Pair]], source: ModelSource, settings: EvaluateSettings, work: Path, context: Context
) -> dict[str, Any]:
    """{"languages": {code: {"all": figures, "phenomena": {name: figures}}}, "method"}.

    The pairs are written to pairs/CODE.jsonl first; what an earlier, killed run scored is not scored again.
    """
    (work / FOLDER).mkdir(exist_ok=True)
    for code, mine in pairs.items():
        write_pairs(mine, work / FOLDER / f"{code}.jsonl")
    missing = [code for code in sorted(pairs) if not _figures(work, code).exists()]
    score = partial(score_to_file, source=source, overlap=settings.overlap, confidence=settings.confidence, work=work)
    with context.progress.task("Minimal pairs", total=len(pairs), unit="languages") as bar:
        bar.advance(len(pairs) - len(missing))
        for _ in context.engine.map(score, missing, done=lambda _: bar.advance()):
            pass
    return {
        "languages": {code: read_json(_figures(work, code)) for code in sorted(pairs)},
        "method": (
            "Share of pairs whose written sentence has a higher log-probability than the same with one thing broken; "
            f"intervals: {settings.confidence:.0%}, Wilson. 0.5 is chance."
        ),
    }


def score_to_file(code: str, source: ModelSource, overlap: float, confidence: float, work: Path) -> str:
    """A worker's task."""
    pairs = read_pairs(work / FOLDER / f"{code}.jsonl")
    found = score_pairs(open_scorer(source), pairs, overlap, confidence)[code]
    write_bytes(_figures(work, code), json.dumps(found, indent=1, sort_keys=True).encode() + b"\n")
    return code


def _figures(work: Path, code: str) -> Path:
    return work / FOLDER / f"{code}.json"
