"""One language in every file, and one language's importance: the pieces of work that a worker does."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from openbook.evaluate.texts import beginning
from openbook.model import Transformer
from openbook.model.export.check import Figures, check_language
from openbook.model.llama_cpp import LlamaCpp
from openbook.quantize.artifact import PYTORCH, Made
from openbook.quantize.importance import Importance, of_rows
from openbook.quantize.loss import Said, figures, row_loss
from openbook.quantize.original import LONGEST, Original, Reader
from openbook.quantize.pytorch import PyTorchReader
from openbook.quantize.settings import QuantizeSettings
from openbook.quantize.texts import LanguageTexts

CALIBRATION_ROW = 512
"""Ids of a row that calibrates, as in llama.cpp's own program."""


@dataclass(frozen=True)
class Found:
    """What one language gave, file by file in their order."""

    language: str
    checks: list[Figures]
    losses: list[dict[str, Any]]
    """Empty for a language that is only checked."""
    sums: np.ndarray
    """Of the KL divergence over each text's places, [files, texts]."""
    counts: np.ndarray
    """Places of each text."""


@lru_cache(maxsize=1)
def original_reader(original: Original) -> Reader:
    return original.open()


@lru_cache(maxsize=1)
def original_model(original: Original) -> Transformer:
    return original.transformer()


@lru_cache(maxsize=32)
def file_reader(path: Path, kind: str) -> LlamaCpp | PyTorchReader:
    """Files stay open: the pages that they are mapped to are the same in all workers."""
    return PyTorchReader(path) if kind in PYTORCH else LlamaCpp(path, LONGEST)


def forget() -> None:
    """Close what is open in this process."""
    for one in (original_reader, original_model, file_reader):
        one.cache_clear()


def importance(task: tuple[LanguageTexts, Original], settings: QuantizeSettings) -> tuple[Importance, int]:
    """Of one language, and of how many rows."""
    texts, original = task
    reader = original_reader(original)
    ids = [reader.tokenize(text) for text in texts.calibrate]
    rows = cut(ids, reader.start, min(reader.context, CALIBRATION_ROW), settings.calibration_tokens)
    return of_rows(original_model(original), rows), len(rows)


def cut(texts: Sequence[Sequence[int]], start: int, context: int, most: int) -> list[np.ndarray]:
    """Rows of at most `context` ids, each with its start token, at most `most` ids in all."""
    rows: list[np.ndarray] = []
    for ids in texts:
        room = min(context, most - sum(map(len, rows)))
        if room < 2:
            break
        if len(ids):
            rows.append(np.array([start, *ids[: room - 1]], np.int64))
    return rows


def measure(texts: LanguageTexts, original: Original, files: tuple[Made, ...], settings: QuantizeSettings) -> Found:
    """Raises OpenbookError, naming file and language, for a file that is read otherwise than the original is."""
    reader = original_reader(original)
    code = texts.language
    checked = [(text, reader.tokenize(text)) for text in texts.checked]
    row = check_row(reader, [ids for _, ids in checked], settings.checked_tokens)
    expected = reader.logits(row)
    said, size = [], 0
    for text, ids in (fitting(reader, text) for text in texts.measured):
        whole = [reader.start, *ids]
        if len(whole) > 1:
            said.append(Said.of(whole, reader.logits(whole)))
            size += len(text.encode())
    checks, losses, sums = [], [], []
    for file in files:
        other = file_reader(file.path, file.kind)
        if isinstance(other, LlamaCpp):
            reader.check_start(file.name, other)
        checks.append(check_language(file.name, file.kind, other, code, checked, row, expected))
        if said:
            rows = [row_loss(one, other.logits(one.ids)) for one in said]
            purpose = f"quantize/{file.name}/{code}"
            found = figures(rows, size, settings.seed, purpose, settings.resamples, settings.confidence)
            losses.append(found | {"source": texts.source})
            sums.append([float(one.divergence.sum()) for one in rows])
    counts = np.array([len(one.nats) for one in said], np.float64)
    return Found(code, checks, losses, np.array(sums, np.float64), counts)


def check_row(reader: Reader, texts: Sequence[Sequence[int]], most: int) -> list[int]:
    """The texts, one after another, as tokens, the start token first: as many as fit into `most` and the context."""
    row, room = [reader.start], min(most, reader.context)
    for ids in texts:
        if len(row) >= room:
            break
        row += ids
    return row[:room]


def fitting(reader: Reader, text: str) -> tuple[str, list[int]]:
    """As much of a text as the context holds, whole words, and its ids."""
    ids = reader.tokenize(text)
    while len(ids) > reader.context - 1:
        text = beginning(text, len(text.encode()) * (reader.context - 1) * 9 // (10 * len(ids)))
        ids = reader.tokenize(text)
    return text, ids
