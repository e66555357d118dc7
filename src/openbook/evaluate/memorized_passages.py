"""Which passages are tried: some that training saw, some that it did not, drawn by a keyed generator."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from openbook.books.chance import generator
from openbook.evaluate.memorized_settings import MemorizationSettings
from openbook.train import Batches, TrainSettings

if TYPE_CHECKING:
    from openbook.tokenizer import TokenizedCorpus

TRIED = 16
"""So many rows or documents are looked at for each passage wanted; a language of short documents may yield fewer."""

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Trained:
    """What a model was trained on: the order of a run is a function of both."""

    settings: TrainSettings
    tokens: "TokenizedCorpus"

    @cached_property
    def languages(self) -> list[str]:
        return [code for code in self.tokens.languages if len(self.tokens.tokens(code)) >= 2]

    def batches(self, vocabulary: int, bos: int) -> Batches:
        return Batches(self.tokens, self.settings, vocabulary, bos)


@dataclass(frozen=True)
class Passages:
    """One language's; each passage is what stands before the continuation, as far as it is wanted, and that itself."""

    language: str
    read: float
    """How often the language was read in the run."""
    trained: tuple[Ids, ...]
    held_out: tuple[Ids, ...]
    canaries: tuple[tuple[int, Ids], ...]
    """(repeats, its tokens)."""
    alternatives: Ids
    """[alternatives, length]; empty where there are no canaries."""


def passages(
    language: str, batches: Batches, tokens: "TokenizedCorpus", settings: MemorizationSettings, seed: int
) -> Passages:
    """The same for the same run, settings and seed."""
    order, bos = batches.order, batches.bos
    drawn = order.canaries.of(language) if order.canaries else ()
    alternatives = np.zeros((0, 0), np.int64)
    if drawn and order.canaries:
        alternatives = order.canaries.alternatives(language, settings.alternatives, batches.pool(language))
    return Passages(
        language,
        order.read(language),
        choose(_rows(language, batches, settings, seed), bos, settings, seed, f"trained/{language}"),
        choose(_held_out(language, tokens, settings, seed), bos, settings, seed, f"held-out/{language}"),
        tuple((canary.repeats, batches.canary_tokens(canary)) for canary in drawn),
        alternatives,
    )


def choose(rows: Iterable[Ids], bos: int, settings: MemorizationSettings, seed: int, purpose: str) -> tuple[Ids, ...]:
    """At most `passages` pieces, one of a row, none across the border of two documents. Rows with room for the longest
    prefix come first, then those with room for shorter ones."""
    found: list[Ids] = []
    waiting = list(rows)
    longest = max(settings.prefixes)
    for prefix in sorted(settings.prefixes, reverse=True):
        left = []
        for at, row in enumerate(waiting):
            places = [
                (place, first)
                for first, end in _documents(row, bos)
                for place in range(first + prefix, end - settings.continuation + 1)
            ]
            if not places or len(found) == settings.passages:
                left.append(row)
                continue
            draw = generator(seed, f"evaluate/memorized/{purpose}/{prefix}", at)
            place, first = places[int(draw.integers(len(places)))]
            found.append(row[max(first, place - longest) : place + settings.continuation])
        waiting = left
    return tuple(found)


def _documents(row: Ids, bos: int) -> Iterator[tuple[int, int]]:
    """[start, end) of the documents' tokens in a row, the `bos` before each left out."""
    borders = np.flatnonzero(row == bos)
    for before, after in pairwise(chain([-1], borders.tolist(), [len(row)])):
        if after > before + 1:
            yield before + 1, after


def _rows(language: str, batches: Batches, settings: MemorizationSettings, seed: int) -> Iterator[Ids]:
    """Rows of the language as training saw them, without their canaries."""
    order = batches.order
    count = order.rows_of(language)
    if not count:
        return
    draw = generator(seed, f"evaluate/memorized/rows/{language}")
    turns = dict.fromkeys(draw.integers(0, count, TRIED * settings.passages).tolist())
    for turn in turns:
        one = order.drawn(language, turn)
        found = order.canary(one)
        tokens, _ = batches.row(one)
        yield tokens[: found[1]] if found else tokens


def _held_out(language: str, tokens: "TokenizedCorpus", settings: MemorizationSettings, seed: int) -> Iterator[Ids]:
    """Held-out documents of the language, for comparison: what a model says rightly without having read it."""
    documents: Sequence[tuple[str, int, int]] = list(tokens.documents(language, "held-out"))
    stream = tokens.tokens(language, "held-out")
    order = generator(seed, f"evaluate/memorized/documents/{language}").permutation(len(documents))
    for at in islice(order.tolist(), TRIED * settings.passages):
        _, start, end = documents[at]
        yield stream[start:end].astype(np.int64)
