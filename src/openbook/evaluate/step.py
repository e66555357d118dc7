"""The evaluation step: choose texts, score them language by language, write the tables and the page."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.books.record import Outcome
from openbook.books.store import write_bytes
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.evaluate.artifact import BITS, EARLIER, MEMORIZATION, PAIRS, PARITY, REPORT, SCORES
from openbook.evaluate.bits import CAVEAT, language_bits, summary
from openbook.evaluate.compare import Difference, difference
from openbook.evaluate.gates import broken, fallen, require
from openbook.evaluate.memorized import memorization
from openbook.evaluate.memorized_passages import Trained
from openbook.evaluate.page import page
from openbook.evaluate.pairs.items import Pair
from openbook.evaluate.pairs.step import score_all
from openbook.evaluate.parity import parity
from openbook.evaluate.scorer import ModelSource, model_source, open_scorer
from openbook.evaluate.settings import EvaluateSettings
from openbook.evaluate.texts import LanguageTexts, choose
from openbook.model import Checkpoint
from openbook.model.checkpoint import read_json

if TYPE_CHECKING:
    from openbook.corpus import Corpus
    from openbook.corpus.parallel import ParallelText
    from openbook.tokenizer import Tokenizer


def run(
    settings: EvaluateSettings,
    model: Checkpoint,
    tokenizer: "Tokenizer",
    corpus: "Corpus",
    parallel: "ParallelText",
    work: Path,
    context: Context,
    trained: Trained | None = None,
    pairs: Mapping[str, Sequence[Pair]] | None = None,
    earlier: Path | None = None,
) -> Outcome:
    """Score a checkpoint of a run on the run's own held-out documents and parallel text, on minimal `pairs` by
    language, and beside an `earlier` model; and look for what it repeats of the text that it was `trained` on."""
    source = ModelSource("openbook", model.folder, tokenizer.folder)
    memorized = memorization(settings, model, trained, context) if trained and settings.memorization.passages else None
    texts = choose(corpus, parallel, settings)
    return _evaluate(settings, source, "the model", texts, work, context, memorized, pairs or {}, earlier)


def evaluate(
    settings: EvaluateSettings,
    model: Path,
    corpus: "Corpus",
    parallel: "ParallelText",
    work: Path,
    context: Context,
    languages: Sequence[str] | None = None,
    threads: int = 1,
    pairs: Mapping[str, Sequence[Pair]] | None = None,
) -> Outcome:
    """Score any model: a checkpoint, a Hugging Face folder, a GGUF file. Same texts, same tables as `run`."""
    texts = choose(corpus, parallel, settings, languages)
    if languages and not {one.language for one in texts} & set(languages):
        raise OpenbookError(
            f"the run holds neither held-out nor parallel text of {', '.join(languages)}; it has held-out text of "
            f"{', '.join(corpus.languages)}."
        )
    return _evaluate(settings, model_source(model, threads), model.name, texts, work, context, pairs=pairs or {})


def _evaluate(
    settings: EvaluateSettings,
    source: ModelSource,
    name: str,
    texts: Sequence[LanguageTexts],
    work: Path,
    context: Context,
    memorized: dict[str, Any] | None = None,
    pairs: Mapping[str, Sequence[Pair]] | None = None,
    earlier: Path | None = None,
) -> Outcome:
    if not texts:
        raise OpenbookError("there is nothing to evaluate on: neither held-out documents nor parallel text.")
    started = time.monotonic()
    try:
        found, method = _scores(settings, source, texts, work, context)
        told = score_all(pairs, source, settings, work, context) if pairs else None
        held = _held_against(settings, model_source(earlier), found, texts, work, context) if earlier else []
    finally:
        open_scorer.cache_clear()
    seconds = time.monotonic() - started
    rows = {
        one.language: language_bits(one.language, found[one.language]["documents"], one.documents, settings)
        for one in texts
        if one.documents
    }
    bits = {
        "languages": rows,
        "summary": {figure: summary(rows, figure) for figure in ("bits_per_byte", "share_of_baseline")},
        "method": method,
        "interval": f"Intervals: {settings.confidence:.0%}, bootstrap over documents, {settings.resamples:,} samples.",
        "caveat": CAVEAT,
    }
    same = parity(found, settings)
    others = {code: row for code, row in same["languages"].items() if code != settings.reference}
    same["summary"] = summary(others, "relative")
    _write_json(work / BITS, bits)
    _write_json(work / PARITY, same)
    if memorized:
        _write_json(work / MEMORIZATION, memorized)
    if told:
        _write_json(work / PAIRS, told)
    page(name, bits, same, memorized, told, held).write(work / REPORT)
    problems = broken(settings.gates, bits, same, told)
    require(problems + (fallen(settings.gates.earlier, held) if settings.gates.earlier and earlier else []))
    tokens = sum(row["tokens"] for one in found.values() for row in [*one["documents"], *one["lines"]])
    counts: dict[str, int | float] = {
        "languages": len(found),
        "documents": sum(row["documents"] for row in rows.values()),
        "bytes": sum(row["bytes"] for row in rows.values()),
        "tokens": tokens,
    }
    if told:
        counts["pairs"] = sum(row["all"]["n"] for row in told["languages"].values())
    return Outcome(counts=counts, measures={"scoring_seconds": seconds})


def _held_against(
    settings: EvaluateSettings,
    source: ModelSource,
    found: Mapping[str, dict[str, Any]],
    texts: Sequence[LanguageTexts],
    work: Path,
    context: Context,
) -> list[Difference]:
    """The model's bits minus those of an earlier one on the same texts, language by language."""
    folder = work / EARLIER
    before, _ = _scores(settings, source, texts, folder, context)
    held = [
        difference(one.language, "the model", before[one.language], found[one.language], settings.seed)
        for one in texts
        if one.documents
    ]
    _write_json(folder / "differences.json", [asdict(one) for one in held])
    return held


def _scores(
    settings: EvaluateSettings, source: ModelSource, texts: Sequence[LanguageTexts], work: Path, context: Context
) -> tuple[dict[str, dict[str, Any]], str]:
    """Scores per language, from files of an earlier, killed run where they are there, and how they were made."""
    missing = [one for one in texts if not _path(work, one.language).exists()]
    score = partial(score_to_file, source=source, overlap=settings.overlap, work=work)
    with context.progress.task("Evaluate", total=len(texts), unit="languages") as bar:
        bar.advance(len(texts) - len(missing))
        for _ in context.engine.map(score, missing, done=lambda _: bar.advance()):
            pass
    found = {one.language: read_json(_path(work, one.language)) for one in texts}
    return found, next(iter(found.values()))["method"]


def score_to_file(texts: LanguageTexts, source: ModelSource, overlap: float, work: Path) -> str:
    """A worker's task. The scores are kept in the artifact: what intervals and comparisons are made from."""
    from openbook.evaluate.task import score_language

    _write_json(_path(work, texts.language), score_language(texts, source, overlap))
    return texts.language


def _path(work: Path, language: str) -> Path:
    return work / SCORES / f"{language}.json"


def _write_json(path: Path, value: Any) -> None:
    write_bytes(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n")
