"""Writes the GGUF files of a checkpoint, then lets llama.cpp and transformers read them back."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from openbook.books.record import Outcome
from openbook.books.store import write_bytes
from openbook.context import Context
from openbook.model.checkpoint import Checkpoint
from openbook.model.export.artifact import CHECK, file_name
from openbook.model.export.settings import ExportSettings
from openbook.model.gguf import Provenance, write_gguf

if TYPE_CHECKING:
    from openbook.corpus.parallel import ParallelText
    from openbook.tokenizer import Tokenizer


def run(
    settings: ExportSettings,
    model: Checkpoint,
    tokenizer: "Tokenizer",
    parallel: "ParallelText",
    work: Path,
    context: Context,
    provenance: Provenance | None = None,
) -> Outcome:
    """Raises OpenbookError, naming file, language and figure, when a file does not give what the checkpoint gives."""
    from openbook.model.export.check import Limits, Reference, check_file, check_huggingface, samples

    told = provenance or settings.provenance(parallel.languages)
    texts = samples({code: parallel.lines(code) for code in parallel.languages})
    seconds: dict[str, float] = {}
    formats = {}
    with context.progress.task("Export", total=len(settings.formats) + 1, unit="forms") as bar:
        started = time.monotonic()
        reference = Reference(model, tokenizer, texts, settings.checked_tokens)
        huggingface = check_huggingface(model.folder, reference)
        seconds["transformers"] = time.monotonic() - started
        bar.advance()
        for kind in settings.formats:
            started = time.monotonic()
            path = work / file_name(kind)
            if not path.exists():
                write_gguf(model, path, kind, told)
            figures = check_file(path, kind, reference)
            formats[kind] = {
                "file": path.name,
                "limits": asdict(Limits.of(kind)),
                "languages": {code: asdict(one) for code, one in figures.items()},
            }
            seconds[kind] = time.monotonic() - started
            bar.advance()
    check = {"formats": formats, "transformers": huggingface, "provenance": asdict(told)}
    write_bytes(work / CHECK, json.dumps(check, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    counts: dict[str, int | float] = {f"bytes_{kind}": (work / file_name(kind)).stat().st_size for kind in formats}
    return Outcome(counts={"languages": len(texts), **counts}, measures={"seconds": seconds})
