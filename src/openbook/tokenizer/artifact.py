"""The tokenizer as the later stages see it: text to ids and back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from openbook.errors import OpenbookError
from openbook.tokenizer import encoder, files
from openbook.tokenizer.scheme import END_OF_TEXT, QWEN35, SCHEMES, Scheme, spelled


@dataclass(frozen=True)
class Tokenizer:
    """A folder with tokenizer.json. Encoding never yields a special token; `bos` is put in front of a document."""

    folder: Path
    _definition: dict[str, Any] = field(repr=False, compare=False)

    @classmethod
    def open(cls, folder: Path) -> Self:
        path = Path(folder) / files.DEFINITION
        try:
            definition = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise OpenbookError(f"{folder} holds no tokenizer: it has no {files.DEFINITION}.") from None
        except (OSError, ValueError) as error:
            raise OpenbookError(f"{path} cannot be read as a tokenizer: {error}.") from None
        model = definition.get("model") if isinstance(definition, dict) else None
        if not isinstance(model, dict) or model.get("type") != "BPE" or not isinstance(model.get("vocab"), dict):
            raise OpenbookError(f"{path} is not a byte-pair tokenizer; Openbook reads those of its own making.")
        return cls(Path(folder), definition)

    @cached_property
    def _encoder(self) -> encoder.Encoder:
        return encoder.load(self.folder / files.DEFINITION)

    @cached_property
    def specials(self) -> dict[str, int]:
        """Special token -> id."""
        return {token["content"]: int(token["id"]) for token in self._definition.get("added_tokens", [])}

    @cached_property
    def _bytes(self) -> list[bytes]:
        names: dict[str, int] = self._definition["model"]["vocab"]
        table = [b""] * (max([*names.values(), *self.specials.values()]) + 1)
        for name, number in names.items():
            if name in self.specials:
                continue
            try:
                table[number] = sentence_piece(name) if self._sentence_pieces else spelled(name)
            except KeyError:
                raise OpenbookError(f"{self.folder / files.DEFINITION} is not byte-level: entry {name!r}.") from None
        for name, number in self.specials.items():
            table[number] = name.encode()
        return table

    @property
    def vocabulary_size(self) -> int:
        return len(self._bytes)

    @property
    def _sentence_pieces(self) -> bool:
        """Whether entries are spelled in letters, with bytes to fall back on, as SentencePiece's BPE does."""
        return "ByteFallback" in json.dumps(self._definition.get("decoder"))

    @cached_property
    def _named(self) -> dict[str, int]:
        """The special tokens that tokenizer_config.json names: `bos_token` -> id."""
        path = self.folder / files.CONFIGURATION
        content = json.loads(path.read_bytes()) if path.exists() else {}
        texts = {
            name: value.get("content") if isinstance(value, dict) else value
            for name, value in content.items()
            if name in ("bos_token", "eos_token")
        }
        return {name: self.specials[text] for name, text in texts.items() if text in self.specials}

    @property
    def bos(self) -> int:
        """Stands in front of every document. With our own tokenizers the same token ends one.

        Raises OpenbookError for another's tokenizer that names no such token.
        """
        for number in (self._named.get("bos_token"), self.specials.get(END_OF_TEXT), self._named.get("eos_token")):
            if number is not None:
                return number
        raise OpenbookError(
            f"{self.folder} names no token that begins a document: give tokenizer_config.json a bos_token or eos_token."
        )

    @property
    def end(self) -> int | None:
        """Stands behind every document, where a tokenizer has another token for that than `bos`."""
        number = self._named.get("eos_token")
        return number if number is not None and number != self.bos else None

    @property
    def scheme(self) -> Scheme:
        """How text is split before merging; `scheme.name` is what llama.cpp calls it."""
        text = json.dumps(self._definition.get("pre_tokenizer"))
        for scheme in SCHEMES.values():
            if json.dumps(scheme.pattern) in text:
                return scheme
        raise OpenbookError(
            f"{self.folder / files.DEFINITION} splits text by a pattern that llama.cpp has no name for here; "
            f"Openbook's own is {QWEN35.name}."
        )

    @property
    def merges(self) -> list[tuple[str, str]]:
        """In the spelling of tokenizer.json."""
        return files.merges_of(self._definition["model"])

    @property
    def names(self) -> list[str]:
        """Entries by id, in the spelling of tokenizer.json."""
        names = [""] * self.vocabulary_size
        for name, number in {**self._definition["model"]["vocab"], **self.specials}.items():
            names[number] = name
        return names

    def encode(self, text: str) -> list[int]:
        """Ids without any special token, also where the text spells one."""
        ids: list[int] = self._encoder.encode([text])[0].tolist()
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[NDArray[np.uint32]]:
        ids, starts = self.encode_flat(texts)
        return [ids[start:end] for start, end in pairwise(starts)]

    def encode_flat(self, texts: Sequence[str]) -> encoder.Flat:
        """The ids of all texts, end to end, and where each begins (one place more than texts)."""
        return self._encoder.encode(texts)

    def decode(self, ids: Sequence[int] | NDArray[np.integer[Any]], *, specials: bool = False) -> str:
        """The text of ids; special tokens only when asked for; bytes that are no UTF-8 become U+FFFD."""
        hidden = set() if specials else set(self.specials.values())
        return b"".join(self.token_bytes(int(token)) for token in ids if int(token) not in hidden).decode(
            "utf-8", "replace"
        )

    def token_bytes(self, token: int) -> bytes:
        if not 0 <= token < len(self._bytes):
            raise OpenbookError(f"token {token} is not in the vocabulary of {len(self._bytes)} entries.")
        return self._bytes[token]


def sentence_piece(name: str) -> bytes:
    """The bytes of an entry of SentencePiece's BPE: `<0xNN>` is a byte, U+2581 a space."""
    if len(name) == 6 and name.startswith("<0x") and name.endswith(">"):
        return bytes([int(name[3:5], 16)])
    return name.replace("\u2581", " ").encode()
