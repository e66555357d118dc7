"""Which text the merges are learned from: a balanced sample of each language's training documents, counted as words.

A document is drawn by a hash of its id, so the draw depends neither on order nor on what else is in the corpus.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openbook.books.store import atomic_path
from openbook.corpus import Corpus
from openbook.tokenizer.scheme import SCHEMES
from openbook.tokenizer.settings import TokenizerSettings
from openbook.tokenizer.words import Words, count_words


@dataclass(frozen=True)
class Draw:
    """How much of one language is drawn."""

    folder: str
    language: str
    chance: float
    """Of a document to be drawn; 1 draws all."""
    most_bytes: int
    seed: int
    digits: str
    file: str


def quotas(available: Mapping[str, int], total: int, temperature: float) -> dict[str, int]:
    """Bytes to draw of each language: shares as bytes^(1/temperature); what a small one lacks, the others share."""
    left = {language: size for language, size in available.items() if size > 0}
    quota = dict.fromkeys(available, 0)
    budget = min(total, sum(left.values()))
    while left:
        weights = {language: size ** (1 / temperature) for language, size in left.items()}
        scale = budget / sum(weights.values())
        full = sorted(language for language, weight in weights.items() if weight * scale >= left[language])
        for language in full or sorted(left):
            quota[language] = left[language] if full else int(weights[language] * scale)
            budget -= quota[language]
            del left[language]
    return quota


def fair_share(available: Mapping[str, int], total: int, temperature: float) -> dict[str, float]:
    """The share of each language before asking how much it has."""
    weights = {language: size ** (1 / temperature) for language, size in available.items() if size > 0}
    whole = sum(weights.values())
    return {language: total * weight / whole for language, weight in weights.items()}


def repeats(available: Mapping[str, int], quota: Mapping[str, int], settings: TokenizerSettings) -> dict[str, int]:
    """How often the text of each language counts: more than once where it has less than its share."""
    shares = fair_share(available, sum(quota.values()), settings.temperature)
    return {
        language: max(1, min(settings.most_repeats, round(shares.get(language, 0) / max(1, quota[language]))))
        for language in quota
    }


def draws(corpus: Corpus, available: Mapping[str, int], settings: TokenizerSettings, folder: Path) -> list[Draw]:
    """One task a language, each of which writes its counted words to a file under `folder`."""
    quota = quotas(available, settings.sample_bytes, settings.temperature)
    return [
        Draw(
            str(corpus.folder),
            language,
            quota[language] / available[language],
            quota[language] + quota[language] // 4,
            settings.seed,
            settings.digits,
            str(folder / f"{language}.npz"),
        )
        for language in sorted(quota)
        if quota[language]
    ]


def drawn(draw: Draw, document: str) -> bool:
    if draw.chance >= 1:
        return True
    digest = hashlib.sha256(f"{draw.seed}\x00tokenizer sample\x00{document}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < draw.chance * 2**64


def texts(draw: Draw) -> Iterator[bytes]:
    """The drawn documents in order of id, until `most_bytes` are full."""
    taken = 0
    corpus = Corpus.open(Path(draw.folder))
    for row in corpus.documents(draw.language, split="train", columns=["id", "text"]):
        if not drawn(draw, row["id"]):
            continue
        text = row["text"].encode("utf-8", "replace")
        if draw.chance < 1 and taken + len(text) > draw.most_bytes and taken:
            continue
        taken += len(text)
        yield text


def count(draw: Draw) -> tuple[str, int, int]:
    """Write the counted words of one language; returns (language, documents, bytes)."""
    batch = list(texts(draw))
    words = count_words(batch, SCHEMES[draw.digits])
    with atomic_path(Path(draw.file)) as path, path.open("wb") as file:
        np.savez(file, data=words.data, starts=words.starts, counts=words.counts)
    return draw.language, len(batch), sum(map(len, batch))


def read(path: Path) -> Words:
    with np.load(path) as file:
        return Words(file["data"], file["starts"], file["counts"])
