"""How a tokenizer is made: sample, count, merge, write, measure, and fail where the recipe's gates say so."""

import json
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openbook.books.record import Outcome
from openbook.books.store import remove_leftovers, write_bytes
from openbook.context import Context
from openbook.corpus import Corpus
from openbook.corpus.parallel import ParallelText
from openbook.errors import OpenbookError
from openbook.tokenizer import files, measure, page, sample
from openbook.tokenizer.artifact import Tokenizer
from openbook.tokenizer.content import REFERENCE, halves
from openbook.tokenizer.encoder import load
from openbook.tokenizer.measure import PriceList
from openbook.tokenizer.merges import Merges, learn
from openbook.tokenizer.scheme import SCHEMES, special_tokens
from openbook.tokenizer.settings import TokenizerSettings
from openbook.tokenizer.words import Words, count_words

REPORT = "report.json"
PAGE = "report.html"
COUNTED = "words"
HELD_OUT_BYTES = 256 << 10
"""Of each language, for measuring."""


def run(
    settings: TokenizerSettings,
    corpus: Corpus,
    parallel: ParallelText,
    work: Path,
    context: Context,
    base: Path | None = None,
) -> Outcome:
    """Write tokenizer.json, its companions and the price list into `work`. `base`: the folder of the tokenizer that the
    settings take over or extend.

    Raises OpenbookError when the corpus has no training text or a gate of the settings is not kept; the report is
    written first, so that it can be looked at.
    """
    work.mkdir(parents=True, exist_ok=True)
    remove_leftovers(work)
    counts = {language: corpus.counts(language) for language in sorted(corpus.languages)}
    available = {language: one["bytes"] - one["held_out_bytes"] for language, one in counts.items()}
    available = {language: size for language, size in available.items() if size > 0}
    if not available:
        raise OpenbookError(f"{corpus.folder} holds no training text to learn a tokenizer from.")
    if settings.foreign is not None:
        from openbook.tokenizer import foreign

        return foreign.run(settings, corpus, available, parallel, work, context, base)
    started = time.process_time()
    drawn = count(settings, corpus, available, work, context)
    words = {language: sample.read(work / COUNTED / f"{language}.npz") for language in drawn}
    counted = time.process_time()
    merges = merge(settings, words, available, {name: size for name, (_, size) in drawn.items()}, parallel)
    specials = special_tokens(settings.reserved)
    files.write(work, merges, specials, SCHEMES[settings.digits])
    merged = time.process_time()
    tokenizer = Tokenizer.open(work)
    prices = prices_of(tokenizer, parallel, held_out(corpus), corpus.languages)
    write_report(work, settings, prices, drawn)
    shutil.rmtree(work / COUNTED)
    check(settings, prices, work)
    return Outcome(
        counts={
            "vocabulary": tokenizer.vocabulary_size,
            "merges": len(merges.made),
            "languages": len(drawn),
            "sample_documents": sum(documents for documents, _ in drawn.values()),
            "sample_bytes": sum(size for _, size in drawn.values()),
            "gini": prices.gini if prices.gini is not None else -1,
            "worst_ratio": prices.worst_ratio if prices.worst_ratio is not None else -1,
            "unreachable": prices.unreachable or 0,
        },
        measures={"count_cpu_seconds": counted - started, "merge_cpu_seconds": merged - counted},
    )


def count(
    settings: TokenizerSettings, corpus: Corpus, available: Mapping[str, int], work: Path, context: Context
) -> dict[str, tuple[int, int]]:
    """Draw and count every language's sample; language -> (documents, bytes)."""
    folder = work / COUNTED
    shutil.rmtree(folder, ignore_errors=True)
    tasks = sample.draws(corpus, available, settings, folder)
    with context.progress.task("tokenizer: counting words", len(tasks), "languages") as bar:
        results = context.engine.map(sample.count, tasks, lambda _: bar.advance())
        return {language: (documents, size) for language, documents, size in results if documents}


def merge(
    settings: TokenizerSettings,
    words: Mapping[str, Words],
    available: Mapping[str, int],
    drawn: Mapping[str, int],
    parallel: ParallelText,
) -> Merges:
    """Learn the merges of the settings' kind."""
    times = sample.repeats(available, drawn, settings)
    training = {language: Words(one.data, one.starts, one.counts * times[language]) for language, one in words.items()}
    first_id = len(special_tokens(settings.reserved)) + 256
    wanted = settings.vocabulary - first_id
    texts = list(training.values())
    if settings.balance == "temperature" or not parallel.languages:
        return learn(texts, [], merged=wanted, first_id=first_id, longest=settings.longest_token)
    steering, scales = steer(settings, words, parallel)
    plain = round(settings.plain_share * wanted)
    return learn(
        texts,
        steering,
        merged=wanted,
        first_id=first_id,
        longest=settings.longest_token,
        plain=plain,
        scales=scales,
        sharpness=settings.sharpness,
        window=settings.window,
        share=settings.window_share / len(texts),
    )


def steer(
    settings: TokenizerSettings, words: Mapping[str, Words], parallel: ParallelText
) -> tuple[list[Words], list[float]]:
    """The text by which parity-aware merging sees who is worst off, and what its tokens are multiplied by.

    A language without parallel text is steered by its own, scaled to as many letters as the English half has.
    """
    half, _ = halves(parallel)
    scheme = SCHEMES[settings.digits]
    letters = sum(map(len, half.texts.get(REFERENCE, ()))) or max(sum(map(len, t)) for t in half.texts.values())
    steering, scales = [], []
    for language, own in words.items():
        text = half.texts.get(language)
        if text:
            steering.append(count_words([line.encode() for line in text], scheme))
            scales.append(half.scales[language])
        else:
            steering.append(own)
            scales.append(letters / max(1, _letters(own)))
    return steering, scales


def _letters(words: Words) -> int:
    """Characters of the counted text: bytes that do not continue a character."""
    begins = (words.data & 0xC0) != 0x80
    return int(np.add.reduceat(begins.astype(np.int64), words.starts[:-1]) @ words.counts) if len(words) else 0


def held_out(corpus: Corpus) -> dict[str, list[str]]:
    """Some held-out text of each language, by order of id."""
    texts: dict[str, list[str]] = {}
    for language in corpus.languages:
        chosen: list[str] = []
        size = 0
        for row in corpus.documents(language, split="held-out", columns=["id", "text"]):
            text = row["text"]
            chosen.append(text)
            size += len(text)
            if size >= HELD_OUT_BYTES:
                break
        if chosen:
            texts[language] = chosen
    return texts


def prices_of(
    tokenizer: Tokenizer, parallel: ParallelText, texts: Mapping[str, Sequence[str]], languages: Collection[str]
) -> PriceList:
    """The price list of one of our own tokenizers, for the languages of the corpus."""
    lost = measure.unreachable(tokenizer.names, tokenizer.merges, tokenizer.specials)
    _, half = halves(parallel, languages)
    encoder = load(tokenizer.folder / files.DEFINITION)
    return measure.price_list(encoder, tokenizer.vocabulary_size, half.texts, texts, lost, half.scales)


def write_report(
    work: Path, settings: TokenizerSettings, prices: PriceList, drawn: Mapping[str, tuple[int, int]]
) -> None:
    sampled = {language: {"documents": documents, "bytes": size} for language, (documents, size) in drawn.items()}
    content: dict[str, Any] = {"settings": settings.model_dump(mode="json"), "sample": sampled, **prices.as_dict()}
    write_bytes(work / REPORT, json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n")
    page.write(work / PAGE, {"this": prices})


def check(settings: TokenizerSettings, prices: PriceList, work: Path) -> None:
    """Raise OpenbookError for every gate that is not kept, by name."""
    broken = list(breaches(settings, prices))
    if broken:
        raise OpenbookError(
            f"the tokenizer does not keep the recipe's gates: {'; '.join(broken)}. "
            f'See {work / PAGE}; mend with more text, a larger vocabulary or balance = "parity", or change the gate.'
        )


def breaches(settings: TokenizerSettings, prices: PriceList) -> Iterator[str]:
    """A sentence for each gate that the prices do not pass, with the figure and what was allowed."""
    gates = settings.gates
    if gates.worst_ratio is not None:
        for price in prices.prices:
            ratio = price.relative_to_english
            if ratio is not None and ratio > gates.worst_ratio:
                name = page.named(price.language)
                yield f"worst_ratio: {name} needs {ratio:.2f} tokens for one of English, {gates.worst_ratio} allowed"
    if gates.gini is not None and prices.gini is not None and prices.gini > gates.gini:
        yield f"gini: {prices.gini:.3f} over languages, {gates.gini} allowed"
    if gates.unreachable is not None and (prices.unreachable or 0) > gates.unreachable:
        shown = ", ".join(prices.unreachable_entries[:5])
        yield f"unreachable: {prices.unreachable} entries ({shown}), {gates.unreachable} allowed"
