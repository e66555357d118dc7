"""The one chat template that travels with the model: which it is, its tokens, and how messages become text and ids.

A tokenizer that begins each text with a token and a template that does not write it would give other ids in training
than in llama.cpp; the template is completed, so that every program begins with one such token.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from openbook.errors import OpenbookError
from openbook.model.checkpoint import TOKENIZER_FILES, read_json, write_json
from openbook.model.gguf_tokenizer import END_OF_TURN
from openbook.tune.formats import Message, RowError

TURNS = ("<|im_start|>", "<|im_end|>")
CONFIGURATION, DEFINITION = "tokenizer_config.json", "tokenizer.json"
BOS_FIRST = "{{- bos_token }}"


@dataclass(frozen=True)
class Chat:
    """A tokenizer folder with its template, as transformers reads it."""

    folder: Path

    @cached_property
    def tokenizer(self) -> Any:
        import transformers

        library: Any = transformers
        return library.AutoTokenizer.from_pretrained(self.folder, local_files_only=True)

    @property
    def template(self) -> str:
        return str(read_json(self.folder / CONFIGURATION)["chat_template"])

    @cached_property
    def bos(self) -> int | None:
        """The token that a text begins with; None for a tokenizer that puts none in front."""
        number = self.tokenizer.bos_token_id
        return number if number is not None and self.tokenizer("a")["input_ids"][:1] == [number] else None

    @cached_property
    def end(self) -> int:
        """The token behind a text. Raises OpenbookError for a tokenizer that names none."""
        number = self.tokenizer.eos_token_id
        if number is None:
            raise OpenbookError(
                "the base's tokenizer_config.json names no eos_token: write there which token ends a text."
            )
        return int(number)

    @property
    def pad(self) -> int:
        number = self.tokenizer.pad_token_id
        return self.end if number is None else int(number)

    @cached_property
    def stops(self) -> tuple[int, ...]:
        """Tokens that end an answer: the tokenizer's end token, and the ends of turns that serving programs know."""
        known = self.tokenizer.get_added_vocab()
        found = [self.end, *(known.get(name) for name in END_OF_TURN)]
        return tuple(dict.fromkeys(number for number in found if number is not None))

    @cached_property
    def specials(self) -> tuple[str, ...]:
        """How special tokens are spelled; a message that spells one would end or begin a turn."""
        return tuple(sorted(token.content for token in self.tokenizer.added_tokens_decoder.values() if token.special))

    def render(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = (), answer: bool = False) -> str:
        """The text; with `answer` up to where the assistant's answer begins. Raises RowError for what the template
        refuses."""
        shown = [{key: value for key, value in one.items() if key != "weight"} for one in messages]
        try:
            text: str = self.tokenizer.apply_chat_template(
                shown, tools=list(tools) or None, add_generation_prompt=answer, tokenize=False
            )
        except Exception as error:  # templates raise what they like
            raise RowError(f"the chat template refuses it ({str(error).splitlines()[0]})") from None
        return text

    def ids(self, text: str) -> list[int]:
        """Ids of rendered text: markers become their one id, nothing is put in front."""
        found: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    def plain(self, text: str, beginning: bool = True) -> list[int]:
        """Ids of text that is no conversation; markers in it are letters."""
        found: list[int] = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return [self.bos, *found] if beginning and self.bos is not None else found

    def same(self, messages: Sequence[Message]) -> list[int]:
        """What transformers itself makes of messages: text and ids in one call."""
        found = self.tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, return_dict=True)
        ids: list[int] = found["input_ids"]
        return ids


def prepare(base: Path, wanted: str, recipe_folder: Path, folder: Path) -> Chat:
    """Write the tokenizer that the tuned model gets into `folder`: the base's, with the one template.

    Raises OpenbookError for a template that is not there, that writes two begin tokens, or that needs tokens which the
    tokenizer does not have.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER_FILES:
        if name != "chat_template.jinja" and (base / name).exists():
            shutil.copyfile(base / name, folder / name)
    settings = read_json(base / CONFIGURATION) if (base / CONFIGURATION).exists() else {}
    template, ours = _chosen(base, settings, wanted, recipe_folder)
    if ours:
        _own_turns(folder, settings)
    write_json(folder / CONFIGURATION, settings | {"chat_template": template})
    chat = Chat(folder)
    if chat.bos is not None:
        begun = _beginnings(chat)
        if begun == 0:
            write_json(folder / CONFIGURATION, settings | {"chat_template": BOS_FIRST + template})
            chat = Chat(folder)
            begun = _beginnings(chat)
        if begun != 1:
            raise OpenbookError(
                f"the chat template begins a conversation with {begun} begin tokens; it must write one: mend it, or "
                'take data.template = "chatml".'
            )
    return chat


def _chosen(base: Path, settings: dict[str, Any], wanted: str, recipe_folder: Path) -> tuple[str, bool]:
    """The template, and whether it is ours."""
    if wanted not in ("base", "chatml"):
        try:
            return (recipe_folder / wanted).read_text(encoding="utf-8"), False
        except (OSError, UnicodeDecodeError) as error:
            raise OpenbookError(f"data.template: {recipe_folder / wanted} cannot be read: {error}.") from None
    own = settings.get("chat_template")
    if wanted == "base" and (base / "chat_template.jinja").exists():
        return (base / "chat_template.jinja").read_text(encoding="utf-8"), False
    if wanted == "base" and isinstance(own, list):
        own = next((one["template"] for one in own if one.get("name") == "default"), None)
    if wanted == "base" and own:
        return str(own), False
    return files("openbook.tune").joinpath("chatml.jinja").read_text(encoding="utf-8"), True


def _own_turns(folder: Path, settings: dict[str, Any]) -> None:
    """ChatML's markers must be tokens: those of the tokenizer, else two of its reserved ones are renamed to them."""
    definition = read_json(folder / DEFINITION)
    added = definition.get("added_tokens", [])
    names = {token["content"] for token in added}
    lacking = [name for name in TURNS if name not in names]
    free = [token["content"] for token in added if token["special"] and "reserved" in token["content"]]
    if len(free) < len(lacking):
        raise OpenbookError(
            "data.template: the tokenizer has no tokens for ChatML's turns and none in reserve to name so: give a "
            "template that does with the tokens there are."
        )
    new = dict(zip(free, lacking, strict=False))
    if not new:
        return
    for token in added:
        token["content"] = new.get(token["content"], token["content"])
    vocabulary = definition["model"]["vocab"]
    definition["model"]["vocab"] = {new.get(token, token): number for token, number in vocabulary.items()}
    (folder / DEFINITION).write_text(json.dumps(definition, ensure_ascii=False), encoding="utf-8")
    for token in settings.get("added_tokens_decoder", {}).values():
        token["content"] = new.get(token["content"], token["content"])


def _beginnings(chat: Chat) -> int:
    """How many begin tokens stand in front of a conversation."""
    ids = chat.ids(chat.render([{"role": "user", "content": "a"}], answer=True))
    count = 0
    while count < len(ids) and ids[count] == chat.bos:
        count += 1
    return count
