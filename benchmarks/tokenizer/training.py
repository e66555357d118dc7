"""How fast are merges learned beside Hugging Face `tokenizers`, and are they the same?

    python benchmarks/tokenizer/training.py TEXTS [--vocabulary 32768] [--parity] [--megabytes 100]

TEXTS is a folder with `<language>.jsonl` ({"text": ...} a line). Prints processor seconds of both and their ratio.
With --parity: ours against `ParityBpeTrainer`, both after counting text by the worst-off rule (plain share 0).
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("RAYON_NUM_THREADS", "1")

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from openbook.tokenizer.merges import learn
from openbook.tokenizer.scheme import QWEN35, special_tokens, written
from openbook.tokenizer.words import character_classes, count_words

FIRST = 272


def read(folder: Path, most: int) -> dict[str, list[str]]:
    """About as much text of each language, `most` bytes in all."""
    files = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_size)
    texts: dict[str, list[str]] = {}
    for place, path in enumerate(files):
        room = most // (len(files) - place)
        chosen: list[str] = []
        with path.open() as lines:
            for line in lines:
                if room <= 0:
                    break
                chosen.append(json.loads(line)["text"])
                size = len(chosen[-1].encode())
                room -= size
                most -= size
        texts[path.stem] = chosen
    return texts


def empty() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(QWEN35.pattern), "isolated"), byte_level]
    )
    return tokenizer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("texts", type=Path)
    parser.add_argument("--vocabulary", type=int, default=32768)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--parity", action="store_true")
    chosen = parser.parse_args()
    texts = read(chosen.texts, int(chosen.megabytes * 1e6))
    raw = {language: [text.encode() for text in part] for language, part in texts.items()}
    size = sum(len(text) for part in raw.values() for text in part)
    character_classes()
    learn([count_words([b"warm up warm up"])], [count_words([b"warm"])], merged=2, first_id=FIRST, plain=1)
    merged = chosen.vocabulary - FIRST
    begun = time.process_time()
    if chosen.parity:
        words = [count_words(part) for part in raw.values()]
        steering = [count_words(part[:20]) for part in raw.values()]
        counted = time.process_time()
        merges = learn(words, steering, merged=merged, first_id=FIRST, plain=0)
    else:
        words = [count_words([text for part in raw.values() for text in part])]
        counted = time.process_time()
        merges = learn(words, [], merged=merged, first_id=FIRST)
    ours = time.process_time() - begun
    names = [written(token) for token in merges.tokens]
    pairs = [(names[left - 16], names[right - 16]) for left, right in merges.pairs.tolist()]
    print(f"{size / 1e6:.1f} MB, {len(texts)} languages, vocabulary {chosen.vocabulary:,}")
    print(f"openbook: {ours:.2f} CPU s (counting {counted - begun:.2f})", flush=True)
    tokenizer = empty()
    begun = time.process_time()
    if chosen.parity:
        parity = trainers.ParityBpeTrainer(
            num_merges=merged, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        )
        development = [part[:20] for part in texts.values()]
        parity.train_from_iterator(tokenizer, train_iterators=list(texts.values()), dev_iterators=development)
    else:
        plain = trainers.BpeTrainer(
            vocab_size=chosen.vocabulary,
            min_frequency=2,
            special_tokens=special_tokens(12),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator((text for part in texts.values() for text in part), plain)
    theirs = time.process_time() - begun
    print(f"tokenizers: {theirs:.2f} CPU s; ratio {theirs / ours:.1f}")
    if not chosen.parity:
        found = [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
        print(f"the same merges: {found == pairs}")


if __name__ == "__main__":
    main()
