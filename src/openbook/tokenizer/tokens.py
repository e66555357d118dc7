"""The corpus as ids on disk: per language one row of tokens, and where each document lies in it.

A document is `<|endoftext|>` (with another's tokenizer, its bos) and its tokens, and its eos where that is another
token. Files are read by memory mapping, so their size does not matter.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from openbook.books.record import Outcome
from openbook.books.store import atomic_path, remove_leftovers, write_bytes
from openbook.context import Context
from openbook.corpus import Corpus
from openbook.corpus.absent import absent
from openbook.errors import OpenbookError
from openbook.tokenizer.artifact import Tokenizer
from openbook.tokenizer.settings import TokenizeSettings

with absent("pandas"):  # pyarrow asks once whether a list is one of pandas'; `to_pandas` asks again
    pa.array([])

Split = Literal["train", "held-out"]
SPLITS: tuple[Split, ...] = ("train", "held-out")
INDEX = "index.json"
TOKENS = "tokens.bin"
DOCUMENTS = "documents.parquet"
BATCH_CHARACTERS = 1 << 21
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("source", pa.string()),
        ("quality", pa.map_(pa.string(), pa.float64())),
    ]
)
"""Source and scores are the corpus's: the mixture draws by them, and need not read the texts for it."""


@dataclass(frozen=True)
class TokenizedCorpus:
    """`<code>/tokens.bin` and `<code>/documents.parquet`, the same under `held-out/`, and index.json."""

    folder: Path
    index: dict[str, Any] = field(repr=False)
    _tables: dict[tuple[str, str], tuple[list[str], NDArray[np.int64], NDArray[np.int64]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def open(cls, folder: Path) -> Self:
        path = Path(folder) / INDEX
        try:
            index = json.loads(path.read_bytes())
            if not {"vocabulary", "dtype", "languages"} <= set(index):
                raise ValueError("it lacks vocabulary, dtype or languages")
        except FileNotFoundError:
            raise OpenbookError(f"{folder} holds no tokenized corpus: it has no {INDEX}.") from None
        except (OSError, ValueError, TypeError) as error:
            raise OpenbookError(f"{path} cannot be read: {error}.") from None
        return cls(Path(folder), index)

    @property
    def languages(self) -> list[str]:
        return sorted(self.index["languages"])

    @property
    def vocabulary(self) -> int:
        return int(self.index["vocabulary"])

    @property
    def dtype(self) -> np.dtype[Any]:
        kind: np.dtype[Any] = np.dtype(self.index["dtype"]).newbyteorder("<")
        return kind

    def counts(self, language: str) -> dict[str, int]:
        """tokens, documents, bytes, held_out_tokens, held_out_documents, held_out_bytes."""
        self._known(language)
        counts: dict[str, int] = self.index["languages"][language]
        return counts

    def tokens(self, language: str, split: Split = "train") -> NDArray[Any]:
        """All tokens of a language, mapped from disk."""
        path = self._place(language, split) / TOKENS
        if not path.exists():
            raise OpenbookError(f"{path} is missing: make the tokenized corpus anew.")
        if path.stat().st_size == 0:
            return np.zeros(0, self.dtype)
        return np.memmap(path, self.dtype, "r")

    def document_at(self, language: str, position: int, split: Split = "train") -> tuple[str, int, int]:
        """(id, start, end) of the document that holds the token at `position`."""
        ids, starts, ends = self._table(language, split)
        at = bisect_right(starts, position) - 1
        if at < 0 or position >= ends[at]:
            raise OpenbookError(f"{language} has no token {position}: it has {int(ends[-1]) if len(ends) else 0}.")
        return ids[at], int(starts[at]), int(ends[at])

    def span(self, language: str, document: str, split: Split = "train") -> tuple[int, int] | None:
        """Where a document lies, its leading `<|endoftext|>` included; None if it is not there."""
        ids, starts, ends = self._table(language, split)
        at = bisect_right(ids, document) - 1
        return (int(starts[at]), int(ends[at])) if at >= 0 and ids[at] == document else None

    def documents(self, language: str, split: Split = "train") -> Iterator[tuple[str, int, int]]:
        """(id, start, end) in order of id."""
        ids, starts, ends = self._table(language, split)
        return iter(zip(ids, starts.tolist(), ends.tolist(), strict=True))

    def spans(self, language: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where each document that is trained on starts and ends, in order of id."""
        _, starts, ends = self._table(language, "train")
        return starts, ends

    def sources(self, language: str) -> list[str]:
        """Each document's source, in the same order."""
        return list(map(str, self._column(language, "source")))

    def quality(self, language: str, score: str) -> NDArray[np.float64]:
        """Each document's score of that name, in the same order; NaN where it has none."""
        rows = (dict(one or ()) for one in self._column(language, "quality"))
        return np.array([row.get(score, np.nan) for row in rows], np.float64)

    def _column(self, language: str, name: str) -> list[Any]:
        path = self._place(language, "train") / DOCUMENTS
        try:
            column: list[Any] = pq.ParquetFile(path).read([name])[name].to_pylist()
        except (pa.ArrowInvalid, KeyError):
            raise OpenbookError(f"{path} does not say {name}: make the tokenized corpus anew.") from None
        return column

    def _known(self, language: str) -> None:
        if language not in self.index["languages"]:
            raise OpenbookError(f"{self.folder} holds no {language!r}; it holds {', '.join(self.languages)}.")

    def _place(self, language: str, split: Split) -> Path:
        self._known(language)
        if split not in SPLITS:
            raise OpenbookError(f"a tokenized corpus has the splits {' and '.join(SPLITS)}, not {split!r}.")
        return self.folder / language if split == "train" else self.folder / split / language

    def _table(self, language: str, split: Split) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
        key = (language, split)
        if key not in self._tables:
            table = pq.ParquetFile(self._place(language, split) / DOCUMENTS).read(["id", "start", "end"])
            self._tables[key] = (
                table["id"].to_pylist(),
                table["start"].to_numpy().astype(np.int64),
                table["end"].to_numpy().astype(np.int64),
            )
        return self._tables[key]


@dataclass(frozen=True)
class Part:
    """One language and split to encode."""

    corpus: str
    tokenizer: str
    language: str
    split: Split
    folder: str
    dtype: str


def tokenize(settings: TokenizeSettings, corpus: Corpus, tokenizer: Tokenizer, work: Path, context: Context) -> Outcome:
    """Encode every language of the corpus into `work`; parts that a killed run has finished are kept."""
    work.mkdir(parents=True, exist_ok=True)
    remove_leftovers(work)
    dtype = "uint16" if tokenizer.vocabulary_size <= 1 << 16 else "uint32"
    make = partial(Part, str(corpus.folder), str(tokenizer.folder))
    parts = [
        make(language, split, str(work / language if split == "train" else work / split / language), dtype)
        for language in sorted(corpus.languages)
        for split in SPLITS
    ]
    languages: dict[str, dict[str, int]] = {language: {} for language in sorted(corpus.languages)}
    with context.progress.task("tokens: encoding", len(parts), "parts") as bar:
        encoding = encode if context.engine.workers == 1 else encode_alone
        for part, counts in zip(parts, context.engine.map(encoding, parts, lambda _: bar.advance()), strict=True):
            before = "" if part.split == "train" else "held_out_"
            languages[part.language] |= {f"{before}{name}": value for name, value in counts.items()}
    index = {"vocabulary": tokenizer.vocabulary_size, "dtype": dtype, "languages": languages}
    write_bytes(work / INDEX, json.dumps(index, indent=1, sort_keys=True).encode() + b"\n")
    names = [f"{before}{name}" for before in ("", "held_out_") for name in ("tokens", "documents", "bytes")]
    total: dict[str, int | float] = {name: sum(counts[name] for counts in languages.values()) for name in names}
    return Outcome(counts=total)


def encode_alone(part: Part) -> dict[str, int]:
    """As `encode`, in one of several worker processes: one thread each."""
    import os

    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    os.environ.setdefault("FASTOKENS_BPE_THREADS", "1")
    return encode(part)


def encode(part: Part) -> dict[str, int]:
    """Write tokens.bin and documents.parquet of one part. documents.parquet comes last: it says that both are whole."""
    folder = Path(part.folder)
    if (folder / DOCUMENTS).exists() and (folder / TOKENS).exists():
        return finished(folder, part.dtype)
    corpus = Corpus.open(Path(part.corpus))
    tokenizer = Tokenizer.open(Path(part.tokenizer))
    ids: list[str] = []
    sources: list[str | None] = []
    quality: list[Any] = []
    sizes: list[NDArray[np.int64]] = []
    volume = 0
    with atomic_path(folder / TOKENS) as path, path.open("wb") as file:
        for names, texts, said in batches(corpus, part):
            flat, starts = tokenizer.encode_flat(texts)
            at, marks = starts[:-1], [tokenizer.bos] * (len(starts) - 1)
            if tokenizer.end is not None:
                at = np.stack([starts[:-1], starts[1:]], axis=1).ravel()
                marks = [tokenizer.bos, tokenizer.end] * (len(starts) - 1)
            file.write(np.insert(flat, at, marks).astype(np.dtype(part.dtype)).tobytes())
            ids += names
            sources += [source for source, _ in said]
            quality += [scores for _, scores in said]
            sizes.append(np.diff(starts) + (1 if tokenizer.end is None else 2))
            volume += sum(len(text.encode("utf-8", "replace")) for text in texts)
    ends = np.cumsum(np.concatenate(sizes)) if sizes else np.zeros(0, np.int64)
    begins = ends - np.concatenate(sizes) if sizes else ends
    columns = {"id": ids, "start": begins, "end": ends, "source": sources, "quality": quality}
    table = pa.table(columns, schema=SCHEMA.with_metadata({"bytes": str(volume)}))
    with atomic_path(folder / DOCUMENTS) as path:
        pq.write_table(table, path, compression="zstd")
    return {"tokens": int(ends[-1]) if len(ends) else 0, "documents": len(ids), "bytes": volume}


def finished(folder: Path, dtype: str) -> dict[str, int]:
    """The counts of a part that lies there whole."""
    file = pq.ParquetFile(folder / DOCUMENTS)
    volume = int((file.schema_arrow.metadata or {}).get(b"bytes", b"0"))
    tokens = (folder / TOKENS).stat().st_size // np.dtype(dtype).itemsize
    return {"tokens": tokens, "documents": file.metadata.num_rows, "bytes": volume}


Said = tuple[str | None, Any]
"""A document's source, and its scores by name."""


def batches(corpus: Corpus, part: Part) -> Iterator[tuple[list[str], list[str], list[Said]]]:
    """Documents in order of id, some megabytes at a time. Raises OpenbookError when the corpus is not in that order."""
    names: list[str] = []
    texts: list[str] = []
    said: list[Said] = []
    last, size = "", 0
    for row in corpus.documents(part.language, split=part.split, columns=["id", "text", "source", "quality"]):
        if row["id"] <= last:
            raise OpenbookError(f"the corpus of {part.language} is not sorted by id at {row['id']}: make it anew.")
        last = row["id"]
        names.append(last)
        texts.append(row["text"])
        said.append((row.get("source"), row.get("quality")))
        size += len(row["text"])
        if size >= BATCH_CHARACTERS:
            yield names, texts, said
            names, texts, said, size = [], [], [], 0
    if names:
        yield names, texts, said
