"""The tokens that one step sees: rows of the order, read from the tokenized corpus."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from openbook.errors import OpenbookError
from openbook.model.config import IGNORED
from openbook.train import canaries, goldfish
from openbook.train.cells import DocumentTable
from openbook.train.order import Draw, Order
from openbook.train.settings import TrainSettings


class TokenSource(DocumentTable, Protocol):
    """What training asks of a tokenized corpus (`openbook.tokenizer.TokenizedCorpus`)."""

    @property
    def folder(self) -> Path: ...
    def document_at(self, language: str, position: int) -> tuple[str, int, int]: ...


@dataclass(frozen=True)
class Batch:
    """Rows `first` to `first + len(draws)` of a step."""

    step: int
    first: int
    draws: tuple[Draw, ...]
    ids: NDArray[np.int64]
    """[rows, length]; what is missing in a language shorter than a row is `bos`."""
    targets: NDArray[np.int64]
    """[rows, length]: the token after each; -100 where there is none, between two `bos`, and where the Goldfish loss
    leaves it out."""

    @property
    def languages(self) -> list[str]:
        return sorted({draw.language for draw in self.draws})


class Batches:
    """Batch by (step, rows): the same for any number of processes, which take their own rows of the step."""

    def __init__(self, source: TokenSource, settings: TrainSettings, vocabulary: int, bos: int) -> None:
        self.streams: Mapping[str, NDArray[Any]] = {code: source.tokens(code) for code in source.languages}
        self.order = Order.of(source, settings)
        self.length, self.vocabulary, self.bos = settings.sequence, vocabulary, bos
        self.source, self.goldfish = source, settings.goldfish
        self._pools: dict[str, NDArray[np.int64]] = {}

    def counted(self, draw: Draw) -> int:
        """Tokens that a row predicts, those that the Goldfish loss leaves out among them."""
        return self.order.size(draw) - 1

    def predicted(self, step: int) -> int:
        """Tokens that a whole step predicts."""
        return sum(self.counted(self.order.draw(step, row)) for row in range(self.order.batch_rows))

    def rows(self, step: int, first: int, last: int) -> Batch:
        """Rows [first, last) of a step. Raises OpenbookError for a token that the vocabulary lacks."""
        draws = tuple(self.order.draw(step, row) for row in range(first, last))
        ids = np.full((len(draws), self.length), self.bos, dtype=np.int64)
        targets = np.full((len(draws), self.length), IGNORED, dtype=np.int64)
        for at, draw in enumerate(draws):
            tokens, kept = self.row(draw)
            if tokens.max() >= self.vocabulary:
                raise OpenbookError(
                    f"The tokenized corpus holds token {tokens.max()} in {draw.language}, the tokenizer knows "
                    f"{self.vocabulary}: they do not belong together. Run the step `tokenize` again."
                )
            ids[at, : len(tokens) - 1] = tokens[:-1]
            targets[at, : len(tokens) - 1] = np.where(kept[1:], tokens[1:], IGNORED)
        # An empty document is what a removal leaves (openbook.retraining): nothing is to be learned of it.
        targets[(ids == self.bos) & (targets == self.bos)] = IGNORED
        return Batch(step, first, draws, ids, targets)

    def row(self, draw: Draw) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The tokens of a row, a canary in their place where one is, and which of them count in the loss."""
        # What stands before the row decides which of its first tokens the Goldfish loss leaves out.
        pieces = self.order.pieces(draw, self.goldfish.h if self.goldfish else 0)
        stream = self.streams[draw.language]
        tokens = np.concatenate([stream[start:end] for start, end in pieces]).astype(np.int64)
        lead = len(tokens) - self.order.size(draw)
        found = self.order.canary(draw)
        if found:
            canary, first, last = found
            tokens[lead + first : lead + last] = [self.bos, *self.canary_tokens(canary)]
        if not self.goldfish:
            return tokens, np.ones(len(tokens), np.bool_)
        return tokens[lead:], ~goldfish.dropped(tokens, self.bos, self.goldfish)[lead:]

    def canary_tokens(self, canary: canaries.Canary) -> NDArray[np.int64]:
        """The tokens of one of the run's canaries, without the `bos` before them."""
        assert self.order.canaries is not None, "a canary comes from the order"
        return self.order.canaries.tokens(canary, self.pool(canary.language))

    def pool(self, language: str) -> NDArray[np.int64]:
        """The tokens that canaries of a language are drawn from."""
        if language not in self._pools:
            self._pools[language] = canaries.pool(self.streams[language], self.bos)
        return self._pools[language]

    def documents(self, draw: Draw) -> list[str]:
        """The ids of the documents in a row, in the order in which they stand there, and the canary's name."""
        found = self.order.canary(draw)
        left = found[1] if found else self.order.size(draw)
        names = []
        for position, end in self.order.pieces(draw):
            end = min(end, position + left)
            left -= end - position
            while position < end:
                name, _, position = self.source.document_at(draw.language, position)
                names.append(name)
        return [*names, found[0].name] if found else names


def document_numbers(ids: NDArray[np.int64], bos: int) -> NDArray[np.int64]:
    """Which document of its row each position belongs to: counted by the `bos` that starts a document."""
    return np.cumsum(ids == bos, axis=1)
