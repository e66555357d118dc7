"""What does parity-aware merging give the languages that are worst off, and what does it cost all of them?

    python benchmarks/tokenizer/parity.py RUN [--vocabularies 8192 32768] [--peer]

RUN is a finished run: its corpus (the sample as its recipe draws it) and its parallel text, whose even lines steer and
whose odd ones are measured. Plain merging and parity-aware merging learn from the same counted words. With --peer
Hugging Face `tokenizers` learns plain merges from the same documents, each language's given as often.
"""

import argparse
import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("RAYON_NUM_THREADS", "1")

from openbook.compute import local
from openbook.context import Context
from openbook.corpus import Corpus
from openbook.corpus.parallel import ParallelText
from openbook.progress import quiet
from openbook.tokenizer import TokenizerSettings, files, sample, train
from openbook.tokenizer.artifact import Tokenizer
from openbook.tokenizer.encoder import load
from openbook.tokenizer.scheme import SCHEMES, special_tokens


def learned(
    settings: TokenizerSettings, corpus: Corpus, parallel: ParallelText, folder: Path
) -> dict[str, float | str]:
    """Figures of one tokenizer: tokens and Gini on the measured half, tokens of held-out documents, seconds."""
    context = Context(local(1), quiet(), folder / "cache")
    available = {
        code: corpus.counts(code)["bytes"] - corpus.counts(code)["held_out_bytes"] for code in corpus.languages
    }
    available = {code: size for code, size in available.items() if size > 0}
    begun = time.process_time()
    drawn = train.count(settings, corpus, available, folder, context)
    words = {code: sample.read(folder / train.COUNTED / f"{code}.npz") for code in drawn}
    merges = train.merge(settings, words, available, {code: size for code, (_, size) in drawn.items()}, parallel)
    seconds = time.process_time() - begun
    files.write(folder, merges, special_tokens(settings.reserved), SCHEMES[settings.digits])
    tokenizer = Tokenizer.open(folder)
    texts = train.held_out(corpus)
    prices = train.prices_of(tokenizer, parallel, texts, corpus.languages)
    encoder = load(folder / files.DEFINITION)
    documents = sum(len(encoder.encode(own)[0]) for own in texts.values())
    assert prices.gini is not None and prices.worst is not None
    return {
        "gini": prices.gini, "tokens": prices.parallel_tokens, "documents": documents, "worst": prices.worst,
        "ratio": prices.worst_ratio or 0.0, "seconds": seconds,
    }  # fmt: skip


def peer(settings: TokenizerSettings, corpus: Corpus, folder: Path) -> float:
    """Processor seconds of `tokenizers` over the same documents."""
    from tokenizers import Regex, pre_tokenizers, trainers
    from tokenizers import Tokenizer as HuggingFace
    from tokenizers.models import BPE

    available = {
        code: corpus.counts(code)["bytes"] - corpus.counts(code)["held_out_bytes"] for code in corpus.languages
    }
    available = {code: size for code, size in available.items() if size > 0}
    draws = sample.draws(corpus, available, settings, folder)
    texts = {one.language: [text.decode() for text in sample.texts(one)] for one in draws}
    sizes = {code: sum(len(text.encode()) for text in own) for code, own in texts.items()}
    times = sample.repeats(available, sizes, settings)
    tokenizer = HuggingFace(BPE())
    split = pre_tokenizers.Split(Regex(SCHEMES[settings.digits].pattern), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocabulary, special_tokens=special_tokens(settings.reserved), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    begun = time.process_time()
    tokenizer.train_from_iterator(
        (text for code, own in texts.items() for _ in range(times[code]) for text in own), trainer
    )
    return time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--vocabularies", type=int, nargs="+", default=[8192, 32768])
    parser.add_argument("--peer", action="store_true")
    asked = parser.parse_args()
    corpus, parallel = Corpus.open(asked.run / "corpus"), ParallelText.open(asked.run / "parallel")
    told = json.loads((asked.run / "tokenizer" / "record.json").read_text())["settings"]["tokenizer"]
    for vocabulary in asked.vocabularies:
        found = {}
        for balance in ("temperature", "parity"):
            settings = TokenizerSettings.model_validate(
                told | {"vocabulary": vocabulary, "balance": balance, "gates": {}}
            )
            with TemporaryDirectory() as folder:
                found[balance] = learned(settings, corpus, parallel, Path(folder))
        plain, fair = found["temperature"], found["parity"]
        print(f"\n{vocabulary:,} entries, {len(corpus.languages)} languages")
        for name, one in (("plain", plain), ("parity", fair)):
            print(
                f"  {name:8} Gini {one['gini']:.4f}  tokens {one['tokens']:,}  held-out documents "
                f"{one['documents']:,}  worst {one['worst']} {one['ratio']:.2f} of English  {one['seconds']:.1f} CPU s"
            )
        cost = {key: float(fair[key]) / float(plain[key]) - 1 for key in ("tokens", "documents")}
        print(
            f"  Gini {float(fair['gini']) / float(plain['gini']):.1%} of plain; {cost['tokens']:+.2%} tokens for the "
            f"same content, {cost['documents']:+.2%} on held-out documents"
        )
        if asked.peer:
            settings = TokenizerSettings.model_validate(told | {"vocabulary": vocabulary, "gates": {}})
            with TemporaryDirectory() as folder:
                theirs = peer(settings, corpus, Path(folder))
            print(
                f"  tokenizers, plain: {theirs:.1f} CPU s, {theirs / float(fair['seconds']):.1f} times ours with parity"
            )


if __name__ == "__main__":
    main()
