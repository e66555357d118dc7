"""From texts to a folder's tokens and back: its tokenizer, its chat template, its end tokens."""

import codecs
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from openbook.errors import OpenbookError
from openbook.serve.engine.interface import Conversation, RefusedError, Token
from openbook.serve.target import FolderTarget
from openbook.tokenizer import Tokenizer


class Words:
    """The tokenizer of a folder as the engine asks for it."""

    def __init__(self, target: FolderTarget) -> None:
        import tokenizers

        folder = target.path
        self._target = target
        self._table = Tokenizer.open(folder)
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as trouble:  # the library raises no class of its own
            raise OpenbookError(f"{folder / 'tokenizer.json'} cannot be read: {trouble}.") from None
        self.vocabulary = target.checkpoint.config.vocabulary
        self.specials = frozenset(self._table.specials.values())
        self.ends = frozenset(_ends(folder, target.checkpoint.config.eos)) | self._named_end()
        self._template: Any = None

    def _named_end(self) -> frozenset[int]:
        number = self._table.specials.get(self._target.specials.get("eos") or "")
        return frozenset() if number is None else frozenset((number,))

    @property
    def definition(self) -> str:
        """tokenizer.json, for whoever builds a matcher of it."""
        return str(self._tokenizer.to_str())

    def encode(self, text: str, add_special: bool) -> list[int]:
        """Special tokens that the text spells become their id, as in llama.cpp's server."""
        return list(self._tokenizer.encode(text, add_special_tokens=add_special).ids)

    def token(self, number: int) -> Token:
        return Token(number, self.bytes(number))

    def bytes(self, number: int) -> bytes:
        """A token's bytes; none for a place of the table that no token has."""
        return self._table.token_bytes(number) if number < self._table.vocabulary_size else b""

    def decode(self, ids: Sequence[int]) -> str:
        return b"".join(map(self.bytes, ids)).decode("utf-8", "replace")

    def laid_out(self, conversation: Conversation) -> list[int]:
        """The tokens of the messages as the model's template lays them out; RefusedError where it cannot."""
        import jinja2

        try:
            text = self._compiled().render(
                messages=list(conversation.messages),
                add_generation_prompt=True,
                bos_token=self._target.specials.get("bos") or "",
                eos_token=self._target.specials.get("eos") or "",
                **conversation.template_values,
            )
        except (jinja2.TemplateError, TypeError) as trouble:
            raise RefusedError(f"The model's chat template cannot lay these messages out: {trouble}.") from None
        first = self._target.specials.get("bos")
        return self.encode(text, add_special=not (first and text.startswith(first)))

    def _compiled(self) -> Any:
        """The template, in a sandbox: it comes with the model."""
        if self._template is None:
            from jinja2.sandbox import ImmutableSandboxedEnvironment

            places = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
            places.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
            places.globals["raise_exception"] = _raise
            places.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
            self._template = places.from_string(self._target.chat_template or "")
        return self._template


def _raise(message: str) -> None:
    import jinja2

    raise jinja2.TemplateError(message)


def _ends(folder: Path, known: Sequence[int]) -> set[int]:
    """The tokens that end an answer: those of config.json and of generation_config.json."""
    path = folder / "generation_config.json"
    content: Mapping[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
    more = content.get("eos_token_id")
    return {*known, *(more if isinstance(more, list) else [more] if isinstance(more, int) else [])}


class Writing:
    """An answer's text as it grows: whole characters only, and nothing that may become a stop string."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = stops
        self._held = ""
        self.stopped = False

    def add(self, raw: bytes, last: bool = False) -> str:
        """What may be said now; after a stop string nothing any more."""
        if self.stopped:
            return ""
        self._held += self._decoder.decode(raw, last)
        ends = [found for found in (self._held.find(stop) for stop in self._stops) if found >= 0]
        if ends:
            self.stopped = True
            return self._held[: min(ends)]
        keep = 0 if last else self._possible()
        said, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return said

    def _possible(self) -> int:
        """Characters at the end that begin a stop string."""
        longest = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(self._held)), longest, -1):
                if self._held.endswith(stop[:length]):
                    longest = length
                    break
        return longest
