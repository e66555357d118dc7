"""What does one row of a data file say? Each of the field's formats becomes an Example, or a sentence says why not."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Message = dict[str, Any]
Row = Mapping[str, Any]
ROLES = ("system", "developer", "user", "assistant", "tool")
SHAREGPT_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "function_call",
    "observation": "tool",
    "tool": "tool",
    "system": "system",
}
KEYS = {
    "preference": ("prompt", "chosen", "rejected"),
    "judged": ("prompt", "completion", "label"),
    "completion": ("prompt", "completion"),
    "messages": ("messages",),
    "sharegpt": ("conversations",),
    "alpaca": ("instruction", "output"),
    "text": ("text",),
    "prompt": ("prompt",),
}
"""Format -> the keys that a row of it must have. The first that fits is taken."""


class RowError(Exception):
    """What is wrong with a row, and what to do about it."""


@dataclass(frozen=True)
class Example:
    place: str
    """File and line, as errors name it."""
    messages: tuple[Message, ...] = ()
    """A conversation; of the assistant's messages those with `weight` 0 teach nothing."""
    tools: tuple[dict[str, Any], ...] = ()
    text: str | None = None
    prompt: str | tuple[Message, ...] | None = None
    completion: str | None = None
    chosen: str | tuple[Message, ...] | None = None
    rejected: str | tuple[Message, ...] | None = None
    answer: str | tuple[Message, ...] | None = None
    """The completion once more, of a row that is `judged`."""
    judged: bool | None = None
    """Whether somebody called the completion good."""
    other: dict[str, Any] = field(default_factory=dict)
    """Further columns, for rewards."""


def kind_of(row: Row) -> str:
    """Raises RowError for a row that has the keys of no format."""
    present = {key for key, value in row.items() if value is not None}
    for kind, keys in KEYS.items():
        if present.issuperset(keys):
            return kind
    shapes = "; ".join(" + ".join(keys) for keys in KEYS.values())
    raise RowError(f"its keys ({', '.join(sorted(row)) or 'none'}) are those of no format; give one of: {shapes}")


def example(row: Any, kind: str, place: str) -> Example:
    """Raises RowError."""
    if not isinstance(row, Mapping):
        raise RowError(f"it is {type(row).__name__}, not an object with keys")
    found = kind_of(row) if kind in ("auto", "completion") else kind
    missing = [key for key in KEYS[found] if row.get(key) is None]
    if missing:
        raise RowError(f"{', '.join(missing)} is missing, which data of kind {found!r} must have")
    return READERS[found](row, place)


def _text(row: Row, place: str) -> Example:
    return Example(place, text=_string(row, "text", filled=True))


def _messages(row: Row, place: str) -> Example:
    return Example(place, messages=conversation(row["messages"], "messages"), tools=tools(row))


def _completion(row: Row, place: str) -> Example:
    prompt, completion = row["prompt"], row["completion"]
    if isinstance(prompt, str) and isinstance(completion, str):
        if not completion:
            raise RowError("completion is empty: there is nothing to learn")
        return Example(place, prompt=prompt, completion=completion)
    before = _turns(row, "prompt", "user")
    after = _turns(row, "completion", "assistant")
    asked = tuple({**one, "weight": 0} if one["role"] == "assistant" else one for one in before)
    return Example(place, messages=(*asked, *after), tools=tools(row))


def _judged(row: Row, place: str) -> Example:
    label = row["label"]
    if label not in (True, False):
        raise RowError(f"label is {label!r}; it is true for a good completion, false for a bad one")
    found = _completion(row, place)
    prompt: str | tuple[Message, ...] = row["prompt"]
    answer: str | tuple[Message, ...] = row["completion"]
    if found.messages:
        prompt, answer = _turns(row, "prompt", "user"), _turns(row, "completion", "assistant")
    return replace(found, prompt=prompt, answer=answer, judged=bool(label))


def _preference(row: Row, place: str) -> Example:
    parts = [row[key] for key in ("prompt", "chosen", "rejected")]
    if all(isinstance(part, str) for part in parts):
        prompt, chosen, rejected = parts
    else:
        prompt = _turns(row, "prompt", "user")
        chosen, rejected = _turns(row, "chosen", "assistant"), _turns(row, "rejected", "assistant")
        for key, answer in (("chosen", chosen), ("rejected", rejected)):
            if answer[-1]["role"] != "assistant":
                raise RowError(f"{key} does not end with the assistant's message")
    if chosen == rejected:
        raise RowError("chosen and rejected are the same: there is nothing to prefer")
    if not chosen or not rejected:
        raise RowError("chosen or rejected is empty")
    return Example(place, prompt=prompt, chosen=chosen, rejected=rejected, tools=tools(row))


def _alpaca(row: Row, place: str) -> Example:
    messages: list[Message] = []
    if row.get("system"):
        messages.append({"role": "system", "content": _string(row, "system")})
    for number, pair in enumerate(row.get("history") or (), 1):
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise RowError(f"history, entry {number}: it must be a pair [question, answer]")
        messages += [{"role": "user", "content": str(pair[0])}, {"role": "assistant", "content": str(pair[1])}]
    asked = "\n".join(part for part in (_string(row, "instruction"), str(row.get("input") or "")) if part)
    messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": _string(row, "output", True)}]
    return Example(place, messages=tuple(messages))


def _sharegpt(row: Row, place: str) -> Example:
    turns = row["conversations"]
    if not isinstance(turns, Sequence) or isinstance(turns, str) or not turns:
        raise RowError("conversations must be a list of {from, value}")
    messages: list[Message] = [{"role": "system", "content": _string(row, "system")}] if row.get("system") else []
    for number, turn in enumerate(turns, 1):
        if not isinstance(turn, Mapping) or not isinstance(turn.get("from"), str):
            raise RowError(f"conversations, turn {number}: it must be an object with `from` and `value`")
        role, value = SHAREGPT_ROLES.get(turn["from"]), turn.get("value")
        if role is None:
            raise RowError(
                f"conversations, turn {number}: there is no {turn['from']!r}; use {', '.join(SHAREGPT_ROLES)}"
            )
        if not isinstance(value, str):
            raise RowError(f"conversations, turn {number}: value is not a text")
        weight = {} if turn.get("weight") is None else {"weight": turn["weight"]}
        if role == "function_call":
            calls = _parsed(value, f"conversations, turn {number}: value")
            many = calls if isinstance(calls, list) else [calls]
            messages.append({"role": "assistant", "content": "", "tool_calls": many, **weight})
        else:
            messages.append({"role": role, "content": value, **weight})
    return Example(place, messages=conversation(messages, "conversations"), tools=tools(row))


def _prompt(row: Row, place: str) -> Example:
    other = {key: value for key, value in row.items() if key not in ("prompt", "tools")}
    return Example(place, prompt=_turns(row, "prompt", "user"), tools=tools(row), other=other)


READERS: dict[str, Callable[[Row, str], Example]] = {
    "text": _text,
    "messages": _messages,
    "judged": _judged,
    "completion": _completion,
    "preference": _preference,
    "alpaca": _alpaca,
    "sharegpt": _sharegpt,
    "prompt": _prompt,
}


def conversation(value: Any, where: str) -> tuple[Message, ...]:
    """Messages as templates expect them: text contents, tool calls with arguments as objects. Raises RowError."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise RowError(f"{where} must be a list of messages {{role, content}}, and not empty")
    return tuple(_message(one, f"{where}, message {number}") for number, one in enumerate(value, 1))


def _message(value: Any, where: str) -> Message:
    if not isinstance(value, Mapping):
        raise RowError(f"{where}: it must be an object with `role` and `content`")
    role = value.get("role")
    if role not in ROLES:
        raise RowError(f"{where}: role is {role!r}; it must be one of {', '.join(ROLES)}")
    message: Message = {"role": role, "content": _content(value.get("content"), where)}
    if value.get("tool_calls"):
        if role != "assistant":
            raise RowError(f"{where}: only the assistant calls tools")
        message["tool_calls"] = [_call(one, where) for one in value["tool_calls"]]
    elif value.get("content") is None:
        raise RowError(f"{where}: content is missing")
    if value.get("weight") is not None:
        if role != "assistant" or isinstance(value["weight"], str) or value["weight"] not in (0, 1):
            raise RowError(
                f"{where}: weight is {value['weight']!r}; it is 0 or 1, and only for the assistant's messages"
            )
        message["weight"] = int(value["weight"])
    return message | {key: value[key] for key in ("name", "tool_call_id", "reasoning_content") if value.get(key)}


def _content(value: Any, where: str) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, Sequence) and all(isinstance(part, Mapping) for part in value):
        strange = [part.get("type") for part in value if part.get("type") != "text"]
        if strange:
            raise RowError(f"{where}: a part of type {strange[0]!r}; only text can be learned")
        return "".join(str(part.get("text") or "") for part in value)
    raise RowError(f"{where}: content must be a text or a list of parts of type text")


def _call(value: Any, where: str) -> dict[str, Any]:
    function = value.get("function", value) if isinstance(value, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise RowError(f"{where}: a tool call must name its function")
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        arguments = _parsed(arguments, f"{where}: arguments of {function['name']}")
    if not isinstance(arguments, Mapping):
        raise RowError(f"{where}: arguments of {function['name']} must be an object, or a text that holds one")
    told = {"id": value["id"]} if isinstance(value.get("id"), str) else {}
    # Parquet gives every row the keys of all: those without a value are not the row's.
    given = {key: one for key, one in arguments.items() if one is not None}
    return {**told, "type": "function", "function": {"name": function["name"], "arguments": given}}


def tools(row: Row) -> tuple[dict[str, Any], ...]:
    """The tools that a row offers, as objects or as a text that holds them. Raises RowError."""
    value = row.get("tools") or ()
    if isinstance(value, str):
        value = _parsed(value, "tools") if value.strip() else ()
    if not isinstance(value, Sequence) or not all(isinstance(one, Mapping) for one in value):
        raise RowError("tools must be a list of objects")
    return tuple(dict(one) if "function" in one else {"type": "function", "function": dict(one)} for one in value)


def _turns(row: Row, key: str, role: str) -> tuple[Message, ...]:
    """A list of messages, or one text said by `role`."""
    value = row[key]
    return ({"role": role, "content": value},) if isinstance(value, str) else conversation(value, key)


def _string(row: Row, key: str, filled: bool = False) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise RowError(f"{key} is {type(value).__name__}, not a text")
    if filled and not value.strip():
        raise RowError(f"{key} is empty: there is nothing to learn")
    return value


def _parsed(value: str, what: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise RowError(f"{what} is a text that is not JSON ({error})") from None
