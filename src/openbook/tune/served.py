"""Is a conversation the same in training as when it is served? Through transformers and llama.cpp, id by id."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbook.errors import OpenbookError
from openbook.model import Checkpoint
from openbook.model.config import TransformerConfig
from openbook.tune.formats import Message, RowError
from openbook.tune.template import Chat

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": {"place": "Ħamrun"}}}


def _said(role: str, content: str, **more: Any) -> Message:
    return {"role": role, "content": content, **more}


ASKED = _said("user", "What is 2 + 2?")
STRESS: tuple[tuple[str, tuple[Message, ...], bool], ...] = (
    ("one question", (ASKED,), False),
    ("a system message", (_said("system", "Answer in Maltese."), ASKED), False),
    ("several turns", (ASKED, _said("assistant", "Four."), _said("user", "And 3 + 3?")), False),
    (
        "line breaks at the edges",
        (_said("user", "\n\n  indented\n\ttab \n"), _said("assistant", "\nx\n"), ASKED),
        False,
    ),
    ("other scripts", (_said("user", "Καλημέρα, добър ден, გამარჯობა, ħobż, naïve 🙂👩‍👩‍👧"),), False),
    ("signs of markup", (_said("user", "{{ x }} {% if %} </s> <b>\"q\" 'q' \\n & # ```py\n1\n```"),), False),
    ("digits and spaces", (_said("user", "1234567  8,9 ١٢٣\u00a0x"),), False),
    ("an empty question", (_said("user", ""),), False),
    ("a tool on offer", (ASKED,), True),
    (
        "a called tool",
        (
            _said("user", "Weather in Ħamrun?"),
            _said("assistant", "", tool_calls=[CALL]),
            _said("tool", '{"sky": "clear"}', tool_call_id="call_1"),
        ),
        True,
    ),
)
"""Conversations that templates and tokenizers trip over: name, messages, whether a tool is on offer."""


@dataclass(frozen=True)
class Agreement:
    compared: tuple[str, ...]
    refused: tuple[str, ...]
    """Conversations that the template has no form for, here or there."""
    reason: str | None = None
    """Why nothing was compared."""


def check(chat: Chat, config: TransformerConfig, with_tools: bool) -> Agreement:
    """Raises OpenbookError for a conversation of the stress list that llama.cpp reads as other ids.

    `with_tools`: the data calls tools, so those of the list must agree too.
    """
    listed = [one for one in STRESS if with_tools or not one[2]]
    ours: dict[str, list[int]] = {}
    refused = []
    for name, messages, tools in listed:
        try:
            ours[name] = chat.ids(chat.render(messages, [WEATHER] if tools else (), answer=True))
        except RowError:
            refused.append(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat.gguf"
        try:
            write_small(chat.folder, config, path)
        except OpenbookError as error:
            return Agreement((), (), f"llama.cpp cannot follow the tokenizer: {error}")
        kept = [one for one in listed if one[0] in ours]
        theirs = _served(path, kept)
    for (name, _, _), found in zip(kept, theirs, strict=True):
        if isinstance(found, str):
            refused.append(name)
        elif found != ours[name]:
            _differs(name, ours[name], found, chat)
    return Agreement(tuple(name for name in ours if name not in refused), tuple(refused))


def _served(path: Path, listed: Sequence[tuple[str, tuple[Message, ...], bool]]) -> list[list[int] | str]:
    from openbook.model.llama_chat import prompts

    requests: list[dict[str, Any]] = []
    for _, messages, tools in listed:
        request: dict[str, Any] = {"messages": [_as_client(one) for one in messages]}
        requests.append(request | ({"tools": [WEATHER]} if tools else {}))
    return prompts(path, requests)


def _as_client(message: Message) -> Message:
    """As OpenAI's clients send it: arguments are a text."""
    calls = [
        {**call, "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}}
        for call in message.get("tool_calls", ())
    ]
    return {**message, **({"tool_calls": calls} if calls else {})}


def _differs(name: str, ours: Sequence[int], theirs: Sequence[int], chat: Chat) -> None:
    at = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    here, there = (chat.tokenizer.decode(ids[max(0, at - 3) : at + 6]) for ids in (ours, theirs))
    raise OpenbookError(
        f"the chat template gives other tokens when served: {name}, from token {at} on llama.cpp reads {there!r}, "
        f'training would read {here!r}. Mend the template, or take data.template = "chatml".'
    )


def write_small(tokenizer: Path, config: TransformerConfig, path: Path) -> None:
    """A model of no size with this tokenizer and template, for llama.cpp to load."""
    import torch

    from openbook.model.checkpoint import write_huggingface
    from openbook.model.gguf import Provenance, write_gguf
    from openbook.model.transformer import Transformer

    small = TransformerConfig(
        vocabulary=config.vocabulary,
        dim=32,
        layers=1,
        heads=1,
        kv_heads=1,
        feed_forward=32,
        context=64,
        head_dim=32,
        bos=config.bos,
        eos=config.eos,
        pad=config.pad,
    )
    with torch.device("meta"):
        shapes = {name: one.shape for name, one in Transformer(small).named_parameters()}
    folder = path.with_suffix("")
    write_huggingface(folder, {name: torch.zeros(shape) for name, shape in shapes.items()}, small, tokenizer)
    write_gguf(Checkpoint.open(folder), path, "F16", Provenance("template"))
