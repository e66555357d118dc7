"""What each language pays: tokens for the same content, bytes per token, tokens per word, share of the vocabulary.

Gini over languages as in Foroutan et al. 2025 (arXiv 2508.04796): of the tokens that each language needs for one text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from openbook.tokenizer.content import REFERENCE
from openbook.tokenizer.encoder import Flat
from openbook.tokenizer.scheme import character_bytes

LONGEST_WORDS = 5


class Encodes(Protocol):
    def encode(self, texts: Sequence[str]) -> Flat: ...


@dataclass(frozen=True)
class Price:
    """One language's row of the price list. None: there was no such text."""

    language: str
    bytes_per_token: float | None
    """On held-out documents."""
    fertility: float | None
    """Tokens per word (run between white space) on held-out documents, else on the parallel text."""
    parallel_bytes_per_token: float | None
    relative_to_english: float | None
    """Tokens of the parallel text over the tokens of the same text in English."""
    vocabulary_share: float
    """Share of the vocabulary that the texts of this language use."""
    costly_words: tuple[tuple[str, int], ...]
    """The words of the texts that take the most tokens, with how many."""


@dataclass(frozen=True)
class PriceList:
    vocabulary: int
    prices: tuple[Price, ...]
    gini: float | None
    worst: str | None
    """The language with the highest price in tokens relative to English."""
    worst_ratio: float | None
    bytes_per_token: float | None
    """Over the held-out text of all languages, each with the same weight."""
    parallel_tokens: int
    """Over all languages."""
    unreachable: int | None
    """Entries that encoding never yields; None where the vocabulary cannot be looked into."""
    unreachable_entries: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def gini(values: Sequence[float]) -> float:
    """0: all the same; toward 1: one has everything."""
    ordered = np.sort(np.asarray(values, np.float64))
    count = len(ordered)
    if not count or ordered.sum() == 0:
        return 0.0
    return float(2 * (np.arange(1, count + 1) * ordered).sum() / (count * ordered.sum()) - (count + 1) / count)


def price_list(
    encoder: Encodes,
    vocabulary: int,
    parallel: Mapping[str, Sequence[str]],
    held_out: Mapping[str, Sequence[str]],
    unreachable: Sequence[str] | None = None,
    scales: Mapping[str, float] | None = None,
) -> PriceList:
    """`parallel`: the same content in each language; `held_out`: text of each language not trained on.

    `scales` makes up for parallel texts that are not of the same extent: see `content.Half`.
    """
    languages = sorted({*parallel, *held_out})
    tokens: dict[str, float] = {}
    scale = scales or {}
    rows = []
    for language in languages:
        same, own = list(parallel.get(language, ())), list(held_out.get(language, ()))
        same_ids, _ = encoder.encode(same)
        own_ids, _ = encoder.encode(own)
        if len(same_ids):
            tokens[language] = len(same_ids) * scale.get(language, 1.0)
        used = len(np.unique(np.concatenate([same_ids, own_ids])))
        rows.append((language, same, len(same_ids), own, len(own_ids), used))
    english = tokens.get(REFERENCE)
    prices = tuple(
        Price(
            language,
            _round(_bytes(own) / own_tokens) if own_tokens else None,
            _fertility(own or same, own_tokens if own else same_tokens),
            _round(_bytes(same) / same_tokens) if same_tokens else None,
            _round(tokens[language] / english) if same_tokens and english else None,
            _round(used / vocabulary),
            costly_words(encoder, own or same),
        )
        for language, same, same_tokens, own, own_tokens, used in rows
    )
    ratios = {price.language: price.relative_to_english for price in prices if price.relative_to_english is not None}
    worst = max(sorted(ratios), key=lambda language: ratios[language]) if ratios else None
    per_token = [price.bytes_per_token for price in prices if price.bytes_per_token is not None]
    return PriceList(
        vocabulary,
        prices,
        _round(gini(list(tokens.values()))) if len(tokens) > 1 else None,
        worst,
        ratios[worst] if worst else None,
        _round(float(np.mean(per_token))) if per_token else None,
        round(sum(tokens.values())),
        None if unreachable is None else len(unreachable),
        tuple(unreachable or ())[:100],
    )


def costly_words(encoder: Encodes, texts: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """The words of the texts that take the most tokens; ties to the shorter, then by letter."""
    words = sorted({word for text in texts for word in text.split() if word.isalpha()})
    if not words:
        return ()
    _, starts = encoder.encode([f" {word}" for word in words])
    sizes = np.diff(starts).tolist()
    ranked = sorted(zip(sizes, words, strict=True), key=lambda one: (-one[0], len(one[1]), one[1]))
    return tuple((word, size) for size, word in ranked[:LONGEST_WORDS])


def unreachable(names: Sequence[str], merges: Sequence[tuple[str, str]], specials: Mapping[str, int]) -> list[str]:
    """Entries that their own letters are not merged into. Single bytes and special tokens are not asked.

    A byte that no longer stands alone in any text (the first of a letter whose bytes are always merged) is the fallback
    that makes every text encodable, so it counts as reachable.
    """
    ranks = {pair: rank for rank, pair in reversed(list(enumerate(merges)))}
    alphabet = character_bytes()
    skipped = set(specials) | set(alphabet)
    return [name for name in names if name and name not in skipped and _merged(name, ranks) != [name]]


def _merged(name: str, ranks: Mapping[tuple[str, str], int]) -> list[str]:
    parts = list(name)
    while len(parts) > 1:
        rank, at = min((ranks.get((parts[at], parts[at + 1]), 1 << 60), at) for at in range(len(parts) - 1))
        if rank == 1 << 60:
            break
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts


def _fertility(texts: Sequence[str], tokens: int) -> float | None:
    words = sum(len(text.split()) for text in texts)
    return _round(tokens / words) if words else None


def _bytes(texts: Sequence[str]) -> int:
    return sum(len(text.encode("utf-8", "replace")) for text in texts)


def _round(value: float) -> float:
    return round(value, 6)
