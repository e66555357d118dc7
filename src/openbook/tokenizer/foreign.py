"""The tokenizer step for another model's tokenizer: take it over or extend it, and measure what every language pays."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from openbook.books.record import Outcome
from openbook.books.store import write_bytes
from openbook.context import Context
from openbook.corpus import Corpus
from openbook.corpus.parallel import ParallelText
from openbook.errors import OpenbookError
from openbook.tokenizer import extend, files, page, sample
from openbook.tokenizer.artifact import Tokenizer
from openbook.tokenizer.content import halves
from openbook.tokenizer.encoder import load
from openbook.tokenizer.others import prices_of_file
from openbook.tokenizer.settings import ExtendSettings, TokenizerSettings
from openbook.tokenizer.stress import stress_texts
from openbook.tokenizer.train import PAGE, check, held_out, write_report


def run(
    settings: TokenizerSettings,
    corpus: Corpus,
    available: Mapping[str, int],
    parallel: ParallelText,
    work: Path,
    context: Context,
    base: Path | None,
) -> Outcome:
    """As `train.run`; the report of an extended tokenizer holds the base's prices too, under `base`.

    Raises OpenbookError when `base` is not the folder that the settings name, or cannot be extended.
    """
    if base is None or extend.digest(base) != settings.foreign:
        raise OpenbookError(f"tokenizer: {base} is not the tokenizer {settings.foreign} that the settings name.")
    started = time.process_time()
    drawn: dict[str, tuple[int, int]] = {}
    entries = 0
    if settings.extend is None:
        tokenizer = extend.take_over(base, work)
    else:
        tokenizer, drawn, entries = _extend(settings, settings.extend, corpus, available, base, work, context)
    learned = time.process_time()
    texts = held_out(corpus)
    same_ids(tokenizer, [text for code, some in texts.items() for text in [*some[:3], *stress_texts(code)]])
    _, half = halves(parallel, corpus.languages)
    prices = prices_of_file(work / files.DEFINITION, half.texts, texts, half.scales)
    write_report(work, settings, prices, drawn)
    if settings.extend is not None:
        before = prices_of_file(base / files.DEFINITION, half.texts, texts, half.scales)
        page.write(work / PAGE, {"this": prices, "base": before})
        report = work / "report.json"
        content = json.loads(report.read_bytes()) | {"base": before.as_dict()}
        write_bytes(report, json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n")
    if "unreachable" not in settings.gates.model_fields_set:  # entries of others are not ours to answer for
        settings = settings.model_copy(update={"gates": settings.gates.model_copy(update={"unreachable": None})})
    check(settings, prices, work)
    return Outcome(
        counts={
            "vocabulary": tokenizer.vocabulary_size,
            "new_entries": entries,
            "languages": len(drawn) or len(available),
            "sample_documents": sum(documents for documents, _ in drawn.values()),
            "sample_bytes": sum(size for _, size in drawn.values()),
            "gini": prices.gini if prices.gini is not None else -1,
            "worst_ratio": prices.worst_ratio if prices.worst_ratio is not None else -1,
            "unreachable": prices.unreachable if prices.unreachable is not None else -1,
        },
        measures={"learn_cpu_seconds": learned - started},
    )


def _extend(
    settings: TokenizerSettings,
    wanted: ExtendSettings,
    corpus: Corpus,
    available: Mapping[str, int],
    folder: Path,
    work: Path,
    context: Context,
) -> tuple[Tokenizer, dict[str, tuple[int, int]], int]:
    """(tokenizer, language -> (documents, bytes) of the sample, new entries)."""
    base = extend.Base.read(folder)
    tasks = [extend.Draw(one, str(folder)) for one in sample.draws(corpus, available, settings, work / "words")]
    with context.progress.task("tokenizer: counting words", len(tasks), "languages") as bar:
        counted = list(context.engine.map(extend.count, tasks, lambda _: bar.advance()))
    drawn = {language: (documents, size) for language, documents, size, _ in counted if documents}
    times = sample.repeats(available, {language: size for language, (_, size) in drawn.items()}, settings)
    words = {language: found for language, _, _, found in counted if language in drawn}
    learned = extend.learn(
        base, list(words.values()), [times[language] for language in words], wanted.entries, settings.longest_token
    )
    if len(learned.merges) < wanted.entries:
        context.progress.say(
            f"The sample held pairs for {len(learned.merges)} new entries only, {wanted.entries} were asked for."
        )
    return extend.write(base, learned, folder, work), drawn, len(learned.merges)


def same_ids(tokenizer: Tokenizer, texts: list[str]) -> None:
    """Raise OpenbookError when the fast encoder does not read another's tokenizer as Hugging Face `tokenizers` does."""
    ids, starts = tokenizer.encode_flat(texts)
    expected, places = load(tokenizer.folder / files.DEFINITION, "reference").encode(texts)
    if not (np.array_equal(ids, expected) and np.array_equal(starts, places)):
        raise OpenbookError(
            f"the fast encoder (fastokens) reads {tokenizer.folder / files.DEFINITION} otherwise than `tokenizers`. "
            "Uninstall fastokens: encoding is then slower and right."
        )
