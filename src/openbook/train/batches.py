"""The tokens that one step sees: rows of the order, read from the tokenized corpus."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from openbook.errors import OpenbookError
from openbook.model.config import IGNORED
from openbook.train.order import Draw, Order
from openbook.train.settings import TrainSettings


class TokenSource(Protocol):
    """What training asks of a tokenized corpus (`openbook.tokenizer.TokenizedCorpus`)."""

    @property
    def folder(self) -> Path: ...
    @property
    def languages(self) -> list[str]: ...
    def tokens(self, language: str) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Batch:
    """Rows `first` to `first + len(draws)` of a step."""

    step: int
    first: int
    draws: tuple[Draw, ...]
    ids: NDArray[np.int64]
    """[rows, length]; what is missing in a language shorter than a row is `bos`."""
    targets: NDArray[np.int64]
    """[rows, length]: the token after each; -100 where there is none, and between two `bos`."""

    @property
    def languages(self) -> list[str]:
        return sorted({draw.language for draw in self.draws})


class Batches:
    """Batch by (step, rows): the same for any number of processes, which take their own rows of the step."""

    def __init__(self, source: TokenSource, settings: TrainSettings, vocabulary: int, bos: int) -> None:
        self.streams: Mapping[str, NDArray[Any]] = {code: source.tokens(code) for code in source.languages}
        self.order = Order({code: len(stream) for code, stream in self.streams.items()}, settings)
        self.length, self.vocabulary, self.bos = settings.sequence, vocabulary, bos

    def counted(self, draw: Draw) -> int:
        """Tokens that a row predicts."""
        start, end = self.order.span(draw.language, draw.sequence)
        return end - start - 1

    def predicted(self, step: int) -> int:
        """Tokens that a whole step predicts."""
        return sum(self.counted(self.order.draw(step, row)) for row in range(self.order.batch_rows))

    def rows(self, step: int, first: int, last: int) -> Batch:
        """Rows [first, last) of a step. Raises OpenbookError for a token that the vocabulary lacks."""
        draws = tuple(self.order.draw(step, row) for row in range(first, last))
        ids = np.full((len(draws), self.length), self.bos, dtype=np.int64)
        targets = np.full((len(draws), self.length), IGNORED, dtype=np.int64)
        for at, draw in enumerate(draws):
            start, end = self.order.span(draw.language, draw.sequence)
            tokens = self.streams[draw.language][start:end].astype(np.int64)
            if tokens.max() >= self.vocabulary:
                raise OpenbookError(
                    f"The tokenized corpus holds token {tokens.max()} in {draw.language}, the tokenizer knows "
                    f"{self.vocabulary}: they do not belong together. Run the step `tokenize` again."
                )
            ids[at, : len(tokens) - 1] = tokens[:-1]
            targets[at, : len(tokens) - 1] = tokens[1:]
        # An empty document is what a removal leaves (openbook.retraining): nothing is to be learned of it.
        targets[(ids == self.bos) & (targets == self.bos)] = IGNORED
        return Batch(step, first, draws, ids, targets)


def document_numbers(ids: NDArray[np.int64], bos: int) -> NDArray[np.int64]:
    """Which document of its row each position belongs to: counted by the `bos` that starts a document."""
    return np.cumsum(ids == bos, axis=1)
