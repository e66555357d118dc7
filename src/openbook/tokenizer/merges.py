"""Which pairs of tokens to merge, in which order: byte-pair encoding, plain or parity-aware, over counted words.

Plain: the most frequent pair (Sennrich et al. 2016), ties to the smaller ids, as Hugging Face `tokenizers` breaks them.
Parity-aware: the language that is worst off on aligned text picks its own most frequent pair (arXiv 2508.04796).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbook.tokenizer.merging import merge
from openbook.tokenizer.pairs import TEXT
from openbook.tokenizer.scheme import byte_order
from openbook.tokenizer.words import Words


@dataclass(frozen=True)
class Merges:
    """`pairs[i]` (ids left and right) were merged into token `made[i]`; ids below `first_id` are given."""

    pairs: NDArray[np.int32]
    made: NDArray[np.int32]
    tokens: list[bytes]
    """Every token from id `first_id - 256` on: the 256 bytes, then what was made, in order of id."""
    pickers: NDArray[np.int32]
    """Which language picked each merge; -1 where all of them did."""


def learn(
    training: Sequence[Words],
    steering: Sequence[Words],
    *,
    merged: int,
    first_id: int,
    least_count: int = 2,
    longest: int = 1 << 30,
    plain: int | None = None,
    scales: Sequence[float] | None = None,
    sharpness: int | None = None,
    window: int = 0,
    share: float = 1.0,
) -> Merges:
    """Learn merges until `merged` new tokens exist or no pair occurs `least_count` times.

    `training` holds the words of each language. The first `plain` new tokens (default: all) come from the pairs most
    frequent over all languages; afterwards the language whose `steering` text (one Words per language) is longest in
    tokens, times `scales`, picks. With a `window`, no language may have picked more than `share` of the last `window`
    merges. With a `sharpness`, all languages pick together and a pair counts more in a language that is worse off: see
    `merging.weigh`; toward infinity that is the worst off alone. Tokens longer than `longest` bytes are not made.
    """
    groups = list(training) + list(steering)
    rank = np.zeros(256, np.int32)
    rank[byte_order()] = np.arange(256)
    symbols = np.concatenate([rank[words.data] for words in groups]) + np.int32(first_id - 256)
    sizes = [np.diff(words.starts) for words in groups]
    lengths = np.concatenate(sizes)
    weight = np.repeat(np.concatenate([words.counts for words in groups]), lengths)
    if weight.size and weight.max() >= 1 << 31:
        raise OverflowError("a word occurs more often than a 32-bit count holds")
    if symbols.size >= 1 << 31:
        raise OverflowError("the sample holds too many distinct words")
    owner = np.repeat(np.arange(len(groups), dtype=np.int16), [int(size.sum()) for size in sizes])
    ends = np.cumsum(lengths) - 1
    count = len(training)
    together = np.where(owner < count, 0, owner - count + 1).astype(np.int16)
    language = np.minimum(owner, count).astype(np.int16)
    text = text_of(symbols, weight, ends, together, language)
    vocabulary = _Vocabulary(first_id, merged)
    first = merged if plain is None or not steering else min(plain, merged)
    weights = np.asarray(scales if scales is not None else np.ones(len(steering)), np.float64)
    limits = (least_count, longest)
    stretches = []
    if first:
        rule = Rule(False, np.ones(count), np.ones(count), 0, 0, 1.0)
        stretches.append(vocabulary.grow(text, 1, len(steering), first, limits, rule))
    if first < merged and sharpness is not None:
        rule = Rule(False, weights, _evened(training, steering, weights), sharpness, 0, 1.0)
        stretches.append(vocabulary.grow(text, 1, count, merged, limits, rule))
    elif first < merged:
        rule = Rule(True, weights, np.ones(count), 0, window, share)
        text["group"] = owner
        stretches.append(vocabulary.grow(text, count, count, merged, limits, rule))
    pairs, made, pickers = (np.concatenate(parts) for parts in zip(*stretches, strict=True))
    return Merges(pairs, made, vocabulary.tokens(), pickers)


def _evened(training: Sequence[Words], steering: Sequence[Words], scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """What makes up for unequal samples: the content that a language is steered by over the text it is trained on."""

    def volume(words: Words) -> float:
        return float(np.diff(words.starts) @ words.counts)

    return np.array(
        [
            volume(steer) * scale / max(1.0, volume(train))
            for train, steer, scale in zip(training, steering, scales, strict=True)
        ]
    )


class Rule(NamedTuple):
    """Who picks the next pair: see `learn`."""

    worst_picks: bool
    scales: NDArray[np.float64]
    evened: NDArray[np.float64]
    sharpness: int
    window: int
    share: float


class _Vocabulary:
    """The bytes of every token, growing; the same bytes never get two ids."""

    def __init__(self, first_id: int, merged: int) -> None:
        self.first_id = first_id
        self.starts = np.zeros(first_id + merged + 1, np.int64)
        base = first_id - 256
        self.starts[base : first_id + 1] = np.arange(257)
        self.arena = np.zeros(1 << 16, np.uint8)
        self.arena[:256] = byte_order()
        self.size = first_id

    def tokens(self) -> list[bytes]:
        return [
            self.arena[self.starts[token] : self.starts[token + 1]].tobytes()
            for token in range(self.first_id - 256, self.size)
        ]

    def grow(
        self, text: NDArray[np.void], pickers: int, steered: int, until: int, limits: tuple[int, int], rule: Rule
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """Merge in `text` until `until` tokens were made; what was merged, into what, and who picked."""
        first, end = self.first_id - 256, self.first_id + until
        lefts, rights, made, who, size, self.arena = merge(
            text, pickers, steered, self.arena, self.starts, first, self.size, end, *limits, rule
        )
        self.size = int(size)
        return np.stack([lefts, rights], axis=1), made, who


def text_of(
    symbols: NDArray[np.int32],
    weight: NDArray[np.int64],
    ends: NDArray[np.int64],
    group: NDArray[np.int16],
    language: NDArray[np.int16],
) -> NDArray[np.void]:
    """Words as the merging loop reads them: tokens end to end, chained within each word, whose last stand at `ends`."""
    text = np.zeros(len(symbols), TEXT)
    text["symbol"], text["weight"], text["group"], text["language"] = symbols, weight, group, language
    text["following"] = np.arange(1, len(symbols) + 1)
    text["preceding"] = np.arange(-1, len(symbols) - 1)
    text["following"][ends] = -1
    text["preceding"][ends[:-1] + 1] = -1
    return text
