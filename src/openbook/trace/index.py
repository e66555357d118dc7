"""The index over the training text: shards of documents laid out for comparison, and where their words begin, sorted.

Each shard is a suffix array (Manber and Myers 1990) over its text that keeps the suffixes which begin with a word.
Everything is mapped from disk, so its size does not matter.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from openbook.errors import OpenbookError

if TYPE_CHECKING:
    import pyarrow as pa

INDEX = "index.json"
TEXT, SUFFIXES, DOCUMENTS = "text.bin", "suffixes.bin", "documents.arrow"
FORMAT = 1
STEP = "trace"


@dataclass(frozen=True)
class Source:
    """A document that was trained on. Of a sealed one only `id`, `language` and `rights` are told."""

    id: str
    language: str
    rights: str
    url: str | None
    title: str | None
    license: str | None
    license_evidence: str | None
    reservations: tuple[str, ...]
    tokens: tuple[int, int]
    """Its tokens [start, end) of its language's."""

    @property
    def open(self) -> bool:
        return self.rights == "open"


@dataclass(frozen=True)
class Shard:
    folder: Path

    @cached_property
    def text(self) -> NDArray[np.uint8]:
        return _mapped(self.folder / TEXT, np.dtype(np.uint8))

    @cached_property
    def suffixes(self) -> NDArray[np.uint32]:
        """Where words begin in `text`, in the order of what begins there."""
        return _mapped(self.folder / SUFFIXES, np.dtype("<u4"))

    @cached_property
    def _table(self) -> "pa.Table":
        import pyarrow as pa

        try:
            with pa.memory_map(str(self.folder / DOCUMENTS)) as file:
                return pa.ipc.open_file(file).read_all()
        except (OSError, pa.ArrowInvalid) as error:
            raise OpenbookError(f"{self.folder / DOCUMENTS} cannot be read ({error}): build the index anew.") from None

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each document begins in `text`."""
        return np.asarray(self._table["start"].to_numpy())

    def rows(self, places: NDArray[Any]) -> NDArray[np.int64]:
        """The documents, by number, that hold these places of `text`."""
        return np.searchsorted(self.starts, places, side="right") - 1

    def bounds(self, row: int) -> tuple[int, int]:
        """The bytes [start, end) of a document in `text`."""
        end = int(self.starts[row + 1]) if row + 1 < len(self.starts) else len(self.text)
        return int(self.starts[row]), end - 1

    def source(self, row: int) -> Source:
        told = self._table.slice(row, 1).to_pylist()[0]
        return Source(
            id=told["id"].hex(),
            language=told["language"],
            rights=told["rights"],
            url=told["url"],
            title=told["title"],
            license=told["license"],
            license_evidence=told["license_evidence"],
            reservations=tuple(told["reservations"]),
            tokens=(told["token_start"], told["token_end"]),
        )


@dataclass(frozen=True)
class TraceIndex:
    """index.json and one folder a shard."""

    folder: Path
    facts: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Self:
        """`folder`: an index, or a run that has one. Raises OpenbookError when there is none."""
        place = next((one for one in (folder, folder / STEP) if _is_index(one / INDEX)), None)
        if place is None:
            raise OpenbookError(f"{folder} holds no index to trace in: run the recipe's step `{STEP}`.")
        facts = _read(place / INDEX)
        if facts["format"] != FORMAT:
            raise OpenbookError(f"{place} has format {facts['format']}, this program reads {FORMAT}: build it anew.")
        if not facts["shards"]:
            raise OpenbookError(f"{place} is empty: its recipe says `[trace] index = false`.")
        return cls(place, facts)

    @cached_property
    def shards(self) -> list[Shard]:
        return [Shard(self.folder / name) for name in self.facts["shards"]]

    @property
    def words(self) -> int:
        return int(self.facts["words"])

    @property
    def corpus_root(self) -> str:
        """The root of the corpus that it was made of."""
        return str(self.facts["corpus_root"])

    @property
    def run(self) -> Path | None:
        """The run that it lies in, where it still lies in one."""
        run = self.folder.resolve().parent
        return run if (run / "corpus" / "index.json").is_file() and self.folder.resolve().name == STEP else None


def _is_index(path: Path) -> bool:
    return path.is_file() and "shards" in _read(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise OpenbookError(f"{path} cannot be read: {error}.") from None
    return found if isinstance(found, dict) else {}


def _mapped(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    try:
        return np.memmap(path, dtype, "r") if path.stat().st_size else np.zeros(0, dtype)
    except (OSError, ValueError) as error:
        raise OpenbookError(f"{path} cannot be read ({error}): build the index anew.") from None
