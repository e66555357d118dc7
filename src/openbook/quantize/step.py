"""Writes smaller files of a model, checks that other programs read them right, and measures what languages lose."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.books.record import Outcome
from openbook.books.store import write_bytes
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.model.export.check import Limits
from openbook.model.gguf import Calibration
from openbook.quantize import task, texts
from openbook.quantize.artifact import CHECK, LOSS, REPORT, Made, file_name
from openbook.quantize.importance import combine
from openbook.quantize.original import CheckpointOriginal, Original
from openbook.quantize.page import page
from openbook.quantize.settings import QuantizeSettings
from openbook.quantize.speed import READ, speed
from openbook.quantize.table import require, table
from openbook.quantize.texts import LanguageTexts

if TYPE_CHECKING:
    from openbook.corpus import Corpus
    from openbook.corpus.parallel import ParallelText
    from openbook.model import Checkpoint
    from openbook.model.export import Export
    from openbook.model.gguf import Provenance
    from openbook.tokenizer import Tokenizer

OURS = "the checkpoint's (fp32)"


def run(
    settings: QuantizeSettings,
    model: "Checkpoint",
    tokenizer: "Tokenizer",
    corpus: "Corpus",
    parallel: "ParallelText",
    exported: "Export | None",
    work: Path,
    context: Context,
    provenance: "Provenance",
) -> Outcome:
    """The step of a run. Files that the export made are measured where they lie. Raises as `quantize` does."""
    original = CheckpointOriginal(model.folder, tokenizer.folder, provenance)
    ready = [Made(kind, False, path) for kind, path in (exported.files if exported else {}).items()]
    languages = texts.of_run(corpus, parallel, settings)
    return quantize(settings, original, languages, ready, work, context, OURS)


def quantize(
    settings: QuantizeSettings,
    original: Original,
    languages: Sequence[LanguageTexts],
    ready: Sequence[Made],
    work: Path,
    context: Context,
    measured_by: str,
) -> Outcome:
    """`ready`: files that there are already. Raises OpenbookError, by the language's name, for a file that is read
    otherwise than the original is, and for a broken gate."""
    seconds: dict[str, float] = {}
    try:
        calibration = _calibration(settings, original, languages, context, seconds) if settings.calibrated else None
        there = {one.kind for one in ready}
        files = [*ready, *_write(settings, original, calibration, there, work, context, seconds)]
        if not files:
            raise OpenbookError("quantizing has nothing to make: name a format in quantize.formats.")
        found = _measure(settings, original, languages, files, context, seconds)
        measured = [one for one in found if one.losses]
        if not measured:
            raise OpenbookError("there is no text to measure the loss from quantizing on: name texts of its languages.")
        reader = task.original_reader(original)
        row = task.check_row(reader, [reader.tokenize(text) for one in languages for text in one.measured[:4]], READ)
        speeds = {file.name: speed(file, row) for file in files}
    finally:
        task.forget()
    loss = table(files, measured, measured_by, calibration.texts if calibration else "", settings)
    checks = {
        file.name: {
            "limits": asdict(Limits.of(file.kind)),
            "languages": {one.language: asdict(one.checks[at]) for one in found},
        }
        for at, file in enumerate(files)
    }
    _write_json(work / CHECK, checks)
    _write_json(work / LOSS, loss)
    page(loss).write(work / REPORT)
    require(settings.gates, loss)
    counts: dict[str, int | float] = {
        "files": len(files),
        "languages": len(measured),
        "checked_languages": len(found),
    }
    return Outcome(counts=counts, measures={"seconds": seconds, "tokens_per_second": speeds})


def _measure(
    settings: QuantizeSettings,
    original: Original,
    languages: Sequence[LanguageTexts],
    files: Sequence[Made],
    context: Context,
    seconds: dict[str, float],
) -> list[task.Found]:
    began = time.monotonic()
    measure = partial(task.measure, original=original, files=tuple(files), settings=settings)
    with context.progress.task("Quantize", total=len(languages), unit="languages") as bar:
        found = list(context.engine.map(measure, languages, done=lambda _: bar.advance()))
    seconds["measure"] = time.monotonic() - began
    return found


def _write(
    settings: QuantizeSettings,
    original: Original,
    calibration: Calibration | None,
    there: set[str],
    work: Path,
    context: Context,
    seconds: dict[str, float],
) -> list[Made]:
    asked = [(kind, False) for kind in settings.formats if kind not in there]
    asked += [(kind, True) for kind in settings.calibrated]
    files = [Made(kind, calibrated, work / file_name(kind, calibrated)) for kind, calibrated in asked]
    began = time.monotonic()
    with context.progress.task("Write", total=len(files), unit="files") as bar:
        for file in files:
            if not file.path.exists():
                original.write(file.path, file.kind, calibration if file.calibrated else None)
            bar.advance()
    seconds["write"] = time.monotonic() - began
    return files


def _calibration(
    settings: QuantizeSettings,
    original: Original,
    languages: Sequence[LanguageTexts],
    context: Context,
    seconds: dict[str, float],
) -> Calibration:
    tasks = [(one, original) for one in languages if one.calibrate]
    began = time.monotonic()
    with context.progress.task("Calibrate", total=len(tasks), unit="languages") as bar:
        found = list(
            context.engine.map(partial(task.importance, settings=settings), tasks, done=lambda _: bar.advance())
        )
    seconds["calibrate"] = time.monotonic() - began
    importance = combine({one.language: of for (one, _), (of, _) in zip(tasks, found, strict=True)})
    said = f"up to {settings.calibration_tokens:,} tokens of each of {len(tasks)} languages, which weigh the same"
    return Calibration(importance, said, sum(rows for _, rows in found))


def _write_json(path: Path, value: Any) -> None:
    write_bytes(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n")
