"""Another model's tokenizer: taken over as it is, or with further entries learned on the recipe's languages.

New merges stand behind the base's, so they are tried when the base has done all of its own: every old entry keeps its
id and its meaning, and a text without a new entry in it has the ids that it had.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openbook.books.digest import canonical_json, sha256_bytes, sha256_file
from openbook.books.store import write_bytes
from openbook.errors import OpenbookError
from openbook.tokenizer import files, sample
from openbook.tokenizer.artifact import Tokenizer
from openbook.tokenizer.encoder import sound
from openbook.tokenizer.extension import Extension
from openbook.tokenizer.merges import Rule, text_of
from openbook.tokenizer.merging import merge
from openbook.tokenizer.scheme import spelled

LEAST_COUNT = 2
TEMPLATE = "chat_template.jinja"
NAMES = (files.DEFINITION, files.CONFIGURATION, files.SPECIAL_TOKENS, TEMPLATE)

Pieces = Mapping[tuple[int, ...], int]
"""Words of two tokens and more, as ids of the base -> how often they occur."""


def digest(folder: Path) -> str:
    """`sha256:` over the tokenizer files of a folder. Raises OpenbookError when it has no tokenizer.json."""
    if not folder.is_dir():
        raise OpenbookError(
            f"tokenizer: there is no folder {folder}. A base is a folder on this machine, by its path from the recipe; "
            "models are not fetched by the name that a hub gives them."
        )
    if not (folder / files.DEFINITION).exists():
        raise OpenbookError(f"tokenizer: {folder} has no {files.DEFINITION}; another's tokenizer is read from that.")
    found = {name: sha256_file(folder / name) for name in NAMES if (folder / name).exists()}
    return f"sha256:{sha256_bytes(canonical_json(found))}"


def take_over(base: Path, work: Path) -> Tokenizer:
    """Copy the tokenizer of a folder. Raises OpenbookError for one that this program cannot read."""
    tokenizer = Tokenizer.open(base)
    _ = tokenizer.bos, tokenizer.vocabulary_size
    for name in NAMES:
        if (base / name).exists():
            write_bytes(work / name, (base / name).read_bytes())
    return Tokenizer.open(work)


@dataclass(frozen=True)
class Draw:
    """One language to count, as words of the base's tokens."""

    sample: sample.Draw
    base: str


def count(draw: Draw) -> tuple[str, int, int, dict[tuple[int, ...], int]]:
    """(language, documents, bytes, its words of several tokens). Words are those of the base's own pre-tokenizer."""
    from tokenizers import Tokenizer as HuggingFace

    base = HuggingFace.from_file(str(Path(draw.base) / files.DEFINITION))
    base.encode_special_tokens = True
    base.no_truncation()
    base.no_padding()
    found: Counter[tuple[int, ...]] = Counter()
    documents, size = 0, 0
    batch: list[str] = []
    for raw in sample.texts(draw.sample):
        documents, size = documents + 1, size + len(raw)
        batch.append(sound(raw.decode("utf-8", "replace")))
        if len(batch) == 256:
            _count(base, batch, found)
            batch = []
    _count(base, batch, found)
    return draw.sample.language, documents, size, dict(found)


def _count(base: Any, texts: Sequence[str], found: Counter[tuple[int, ...]]) -> None:
    for one in base.encode_batch(texts, add_special_tokens=False):
        words = np.array([-1 if word is None else word for word in one.word_ids], np.int64)
        borders = np.flatnonzero(np.diff(words, prepend=-2, append=-2)).tolist()
        found.update(tuple(one.ids[start:end]) for start, end in pairwise(borders) if end - start > 1)


@dataclass(frozen=True)
class Base:
    """A byte-level BPE vocabulary: its entries in order of id, special tokens left out."""

    definition: dict[str, Any]
    size: int
    """Ids, special tokens included: the first new entry gets this one."""
    ids: NDArray[np.int64]
    names: list[str]

    @classmethod
    def read(cls, folder: Path) -> "Base":
        """Raises OpenbookError for a tokenizer that is not byte-level BPE."""
        path = folder / files.DEFINITION
        definition = json.loads(path.read_bytes())
        model = definition["model"]
        byte_level = "ByteLevel" in json.dumps([definition.get("pre_tokenizer"), definition.get("decoder")])
        if model.get("type") != "BPE" or not byte_level or model.get("byte_fallback"):
            raise OpenbookError(
                f"tokenizer.extend: {path} is not a byte-level BPE tokenizer, and only those can be extended: entries "
                'of others overlap in ways that change old ids. Use it as it is: from = "...".'
            )
        if model.get("dropout") or model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
            raise OpenbookError(
                f"tokenizer.extend: {path} merges with dropout, prefixes or suffixes: cannot extend it."
            )
        tokenizer = Tokenizer.open(folder)
        entries = sorted((number, name) for name, number in model["vocab"].items() if name not in tokenizer.specials)
        return cls(
            definition, tokenizer.vocabulary_size, np.array([one for one, _ in entries]), [name for _, name in entries]
        )

    @property
    def merges(self) -> list[tuple[str, str]]:
        return files.merges_of(self.definition["model"])


@dataclass(frozen=True)
class Learned:
    """New merges in order, in the spelling of tokenizer.json; each makes a new entry."""

    merges: list[tuple[str, str]]
    pieces: list[tuple[int, ...]]
    """What the base splits each new entry into, as ids."""


def learn(base: Base, words: Sequence[Pieces], times: Sequence[int], entries: int, longest: int) -> Learned:
    """Go on merging where the base stops, by the most frequent pair over all languages (each counted `times`)."""
    dense = np.full(base.size, -1, np.int64)
    dense[base.ids] = np.arange(len(base.ids))
    counted = [
        (word, number * factor, language)
        for language, (one, factor) in enumerate(zip(words, times, strict=True))
        for word, number in sorted(one.items())
        if dense[list(word)].min() >= 0
    ]
    if not counted:
        return Learned([], [])
    lengths = np.array([len(word) for word, _, _ in counted])
    symbols = dense[np.concatenate([word for word, _, _ in counted])]
    weight = np.repeat(np.array([number for _, number, _ in counted], np.int64), lengths)
    language = np.repeat(np.array([one for _, _, one in counted], np.int16), lengths)
    group = np.zeros(len(symbols), np.int16)
    text = text_of(symbols.astype(np.int32), weight, np.cumsum(lengths) - 1, group, language)
    raw = [spelled(name) for name in base.names]
    size = len(raw)
    starts = np.zeros(size + entries + 1, np.int64)
    starts[1 : size + 1] = np.cumsum([len(one) for one in raw])
    arena = np.frombuffer(b"".join(raw), np.uint8).copy()
    rule = Rule(False, np.ones(len(words)), np.ones(len(words)), 0, 0, 1.0)
    lefts, rights, made, _, _, _ = merge(text, 1, 0, arena, starts, 0, size, size + entries, LEAST_COUNT, longest, rule)
    return _kept(base, lefts.tolist(), rights.tolist(), made.tolist())


def _kept(base: Base, lefts: Sequence[int], rights: Sequence[int], made: Sequence[int]) -> Learned:
    """The merges without those into an old entry (one that the base itself never reaches) and what was built on them:
    an old entry must not appear where the base does not yield it."""
    names = dict(enumerate(base.names))
    pieces: dict[int, tuple[int, ...]] = {number: (int(old),) for number, old in enumerate(base.ids)}
    merges: list[tuple[str, str]] = []
    found: list[tuple[int, ...]] = []
    for left, right, new in zip(lefts, rights, made, strict=True):
        if new < len(base.names) or new in names or left not in names or right not in names:
            continue
        merges.append((names[left], names[right]))
        names[new] = names[left] + names[right]
        pieces[new] = pieces[left] + pieces[right]
        found.append(pieces[new])
    return Learned(merges, found)


def write(base: Base, learned: Learned, source: Path, work: Path) -> Tokenizer:
    """The base's files with the new entries, and extension.json, which names their pieces."""
    definition = json.loads(json.dumps(base.definition))
    model = definition["model"]
    # A special token that stands beside the vocabulary gets its id by counting entries: it must stand in it.
    model["vocab"] |= {token["content"]: token["id"] for token in definition.get("added_tokens", [])}
    model["vocab"] |= {left + right: base.size + number for number, (left, right) in enumerate(learned.merges)}
    spelt_as_text = bool(model["merges"]) and isinstance(model["merges"][0], str)
    model["merges"] += [f"{left} {right}" if spelt_as_text else [left, right] for left, right in learned.merges]
    for name in NAMES[1:]:
        if (source / name).exists():
            write_bytes(work / name, (source / name).read_bytes())
    if (source / files.CONFIGURATION).exists():
        # Classes of one model family build their own tokenizer from the vocabulary; this one reads tokenizer.json.
        content = json.loads((source / files.CONFIGURATION).read_bytes()) | {
            "tokenizer_class": "PreTrainedTokenizerFast"
        }
        write_bytes(work / files.CONFIGURATION, _json(content))
    write_bytes(work / files.DEFINITION, _json(definition))
    Extension(base.size, tuple(learned.pieces)).write(work)
    return Tokenizer.open(work)


def _json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"
