"""How fast is a file here: tokens a second, read and written, on one thread. Measures, never part of an artifact."""

import time
from collections.abc import Callable

import numpy as np

from openbook.model.llama_cpp import LlamaCpp
from openbook.quantize.artifact import PYTORCH, Made
from openbook.quantize.pytorch import PyTorchReader

READ = 128
WRITTEN = 32
LONGEST_SECONDS = 10.0


def speed(file: Made, row: list[int]) -> dict[str, float]:
    """`read`: tokens of a prompt a second; `written`: tokens one after another a second (GGUF only). Of a row of ids
    as long as the context allows."""
    if file.kind in PYTORCH:
        reader = PyTorchReader(file.path)
        ids = np.array(row[:READ], np.int64)
        return {"read": round(len(ids) / timed(lambda: reader.logits(ids)), 1)}
    with LlamaCpp(file.path, READ) as llama:
        ids = np.array(row[: min(READ, llama.context)], np.int64)
        read = timed(lambda: llama.logits(ids))
        start = len(ids) - min(WRITTEN, len(ids) - 1)
        llama.logits(ids[:start])
        began, count = time.perf_counter(), 0
        for at in range(start, len(ids)):
            llama.logits(ids[at : at + 1], after=at)
            count += 1
            if time.perf_counter() - began > LONGEST_SECONDS:
                break
        return {"read": round(len(ids) / read, 1), "written": round(count / (time.perf_counter() - began), 1)}


def timed(work: Callable[[], object]) -> float:
    """Seconds of the second call: the first one fills caches. A long first one is not repeated."""
    found = 0.0
    for _ in range(2):
        began = time.perf_counter()
        work()
        found = time.perf_counter() - began
        if found > LONGEST_SECONDS:
            break
    return found
