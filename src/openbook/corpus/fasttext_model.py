"""Any fastText classifier of languages as the identifier: OpenLID, GlotLID, one of one's own, by the path of its file.

The file's digest stands in the books, not its path. `fasttext-predict` reads and runs it (extra `fasttext`).
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from openbook.books.digest import sha256_file
from openbook.errors import OpenbookError

MAGIC, VERSIONS, SUPERVISED = 793712314, (11, 12), 3
_HEAD = struct.Struct("<2i 12i d 3i")
"""Magic, version; dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn, lrUpdateRate, t; entries,
words, labels: the published layout of fastText's FastText::saveModel, Args::save and Dictionary::save."""
ANSWERS = 8
"""Labels that are asked for."""
PREFIX = "__label__"


class FastText:
    """Code -> probability. Raises OpenbookError for a file that is missing, cut off, or no classifier."""

    def __init__(self, path: Path, codes: Mapping[str, str]) -> None:
        """`codes`: ISO 639-3 and script (`nob_Latn`) -> code; a label that is not in it is kept as it is."""
        check(path)
        try:
            import fasttext
        except ImportError:
            raise OpenbookError(
                f"the identifier {path.name} needs fasttext-predict: pip install 'openbook[fasttext]'."
            ) from None
        try:
            self._model: Any = fasttext.load_model(str(path))
        except (ValueError, MemoryError, RuntimeError) as error:
            raise OpenbookError(f"{path} cannot be read as a fastText model ({error}): fetch it again.") from None
        self.name = path.name
        self._codes = codes

    def probabilities(self, text: str) -> dict[str, float]:
        """Code -> probability of the likeliest; empty where the text holds nothing that the model knows."""
        line = " ".join(text.split())
        if not line:
            return {}
        labels, shares = self._model.predict(line.encode("utf-8", "replace").decode(), k=ANSWERS)
        found: dict[str, float] = {}
        for label, share in zip(labels, shares, strict=True):
            code = self._code(label)
            found[code] = found.get(code, 0.0) + min(1.0, max(0.0, float(share)))
        return found

    def likeliest(self, text: str) -> tuple[str, float] | None:
        found = self.probabilities(text)
        return max(found.items(), key=lambda row: (row[1], row[0])) if found else None

    def _code(self, label: str) -> str:
        bare = label.removeprefix(PREFIX)
        return self._codes.get(bare, bare)


def check(path: Path) -> int:
    """The number of labels, from the file's head. Raises OpenbookError when head or end are not a classifier's."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD.size)
            size = path.stat().st_size
            if len(head) < _HEAD.size or struct.unpack_from("<i", head)[0] != MAGIC:
                raise OpenbookError(f"{path} is no fastText model: [annotate] identifier asks for a .bin file.")
            _, version, dim, *middle, labels = _HEAD.unpack(head)
            if version not in VERSIONS:
                raise OpenbookError(f"{path}: a fastText model of version {version}; 11 and 12 can be read.")
            if middle[6] != SUPERVISED or labels < 1:
                raise OpenbookError(f"{path} holds word vectors, not a classifier of languages.")
            # A model that is not quantized ends with a row of floats for each label behind the matrix' two sizes.
            start = size - 16 - 4 * labels * dim
            file.seek(max(0, start))
            if path.suffix != ".ftz" and (start < _HEAD.size or struct.unpack("<2q", file.read(16)) != (labels, dim)):
                raise OpenbookError(f"{path} is cut off or broken: fetch the model again.")
    except FileNotFoundError:
        raise OpenbookError(
            f"there is no identifier {path}: [annotate] identifier is py3langid or the path of a fastText model."
        ) from None
    except IsADirectoryError:
        raise OpenbookError(f"the identifier {path} is a folder: give the path of the .bin file in it.") from None
    return int(labels)


def digest(path: Path) -> str:
    """SHA-256 of the model, hex. Read once for each state of the file."""
    check(path)
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


@lru_cache(8)
def _digest(path: Path, size: int, changed: int) -> str:
    return sha256_file(path)
