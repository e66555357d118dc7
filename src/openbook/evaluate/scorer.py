"""What evaluation asks of a model, whoever made it: token ids of a text, log-probabilities of a row of ids."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from openbook.errors import OpenbookError
from openbook.model import Checkpoint
from openbook.model.checkpoint import read_json

Kind = Literal["openbook", "transformers", "gguf"]


class Scorer(Protocol):
    start: int
    """The id that every row begins with."""
    context: int
    """Ids that a row may hold."""

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Token ids of each text, no start token."""
        ...

    def decode_start(self) -> str:
        """The start token as it is written."""
        ...

    def score(self, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
        """For each row of n ids the natural log-probabilities of its last n - 1, each given the ids before it."""
        ...


@dataclass(frozen=True)
class ModelSource:
    """Which model to score with, as a worker process can open it."""

    kind: Kind
    path: Path
    tokenizer: Path | None = None
    """Folder of our tokenizer; the model's own tokenizer.json where None."""
    threads: int = 1
    """With one thread a figure does not depend on the number of cores."""


def model_source(path: Path, threads: int = 1) -> ModelSource:
    """Our engine for Llama folders with a tokenizer of ours, transformers for other folders, llama.cpp for GGUF files.

    Raises OpenbookError when `path` is none of these.
    """
    if path.is_file():
        from openbook.model.llama_cpp import require_gguf

        require_gguf(path)
        return ModelSource("gguf", path, threads=threads)
    if not (path / "config.json").exists():
        raise OpenbookError(f"{path} is no model: neither a GGUF file nor a folder with a config.json.")
    if not isinstance(read_json(path / "config.json"), dict):
        raise OpenbookError(f"{path / 'config.json'} is no model's configuration: it holds no table of settings.")
    return ModelSource("openbook" if _is_ours(path) else "transformers", path, threads=threads)


def _is_ours(folder: Path) -> bool:
    from openbook.tokenizer import Tokenizer

    try:
        Checkpoint.open(folder)
        tokenizer = Tokenizer.open(folder)
        return bool(tokenizer.scheme.name) and tokenizer.bos >= 0
    except (OpenbookError, KeyError, ValueError):
        return False


@lru_cache(maxsize=1)
def open_scorer(source: ModelSource) -> Scorer:
    """Load the model. The last one opened in a process is kept for the next task."""
    if source.kind == "gguf":
        from openbook.evaluate.scorers.gguf import GgufScorer

        return GgufScorer(source.path, source.threads)
    if source.kind == "transformers":
        from openbook.evaluate.scorers.huggingface import HuggingFaceScorer

        return HuggingFaceScorer(source.path, source.threads)
    from openbook.evaluate.scorers.ours import CheckpointScorer

    return CheckpointScorer(Checkpoint.open(source.path), source.tokenizer, source.threads)


def batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Indices in groups of similar length, longest first; a group padded to its longest holds at most `most` ids."""
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    while order:
        size = max(1, most // max(1, lengths[order[0]]))
        yield order[:size]
        order = order[size:]


def in_batches(
    rows: Sequence[np.ndarray], most: int, score: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> list[np.ndarray]:
    """Score rows in padded groups. `score` takes ids [B, T] and lengths [B] and gives log-probabilities [B, T - 1]."""
    found: list[np.ndarray] = [np.empty(0)] * len(rows)
    lengths = [len(row) for row in rows]
    for group in batches(lengths, most):
        padded = np.zeros((len(group), lengths[group[0]]), np.int64)
        for at, index in enumerate(group):
            padded[at, : lengths[index]] = rows[index]
        scored = score(padded, np.array([lengths[index] for index in group]))
        for at, index in enumerate(group):
            found[index] = scored[at, : lengths[index] - 1].astype(np.float64)
    return found
