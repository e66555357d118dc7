"""How text becomes ids in bulk: by a fast library with the same ids as Hugging Face `tokenizers`, or by the latter.

Both stand behind `Encoder`, so that either can be replaced; a test compares their ids on every language.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from openbook.errors import OpenbookError

Flat = tuple[NDArray[np.uint32], NDArray[np.int64]]
"""The ids of all texts, end to end, and where each text begins; one place more than texts."""


class Encoder(Protocol):
    """Special tokens are never read out of a text: `<|endoftext|>` in a page is eleven letters and signs."""

    def encode(self, texts: Sequence[str]) -> Flat: ...


class Reference:
    """Hugging Face `tokenizers`."""

    def __init__(self, definition: str) -> None:
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_str(definition)
        self.tokenizer.encode_special_tokens = True

    def encode(self, texts: Sequence[str]) -> Flat:
        found = self.tokenizer.encode_batch_fast([sound(text) for text in texts], add_special_tokens=False)
        sizes = [len(one.ids) for one in found]
        ids = np.fromiter((token for one in found for token in one.ids), np.uint32, sum(sizes))
        return ids, np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)


class Fast:
    """fastokens (Apache-2.0, Crusoe): the same ids at more than ten times the speed."""

    def __init__(self, definition: str) -> None:
        import fastokens

        self.tokenizer = fastokens.Tokenizer.from_json_str(definition)

    def encode(self, texts: Sequence[str]) -> Flat:
        clean = [sound(text) for text in texts]
        ids, starts = self.tokenizer.encode_batch_flat(clean, split_special_tokens=True)
        return np.frombuffer(ids, "<u4").astype(np.uint32, copy=False), np.frombuffer(starts, "<u8").astype(np.int64)


def sound(text: str) -> str:
    """The text without half surrogates, which UTF-8 cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def load(path: Path, kind: Literal["fast", "reference"] = "fast") -> Encoder:
    """The encoder for a tokenizer.json."""
    try:
        definition = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OpenbookError(
            f"{path} cannot be read as a tokenizer.json: {getattr(error, 'strerror', None) or error}."
        ) from None
    try:
        return Fast(definition) if kind == "fast" else Reference(definition)
    except ImportError:
        return Reference(definition)
    except Exception as error:  # both libraries raise bare Exception for a definition that they cannot read
        if kind == "fast":
            return load(path, "reference")
        raise OpenbookError(f"{path} is not a tokenizer.json that `tokenizers` reads: {error}.") from None
