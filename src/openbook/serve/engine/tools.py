"""Tool calls for models whose chat template knows none: tools are told in words, the call is enforced by a schema."""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from openbook.serve.engine.interface import Conversation, Delta
from openbook.serve.schemas import moved

CALL_NEEDED = "Call exactly one of these tools. Answer with a JSON object holding its name and its arguments."
CALL_POSSIBLE = (
    "If one of these tools helps, answer with a JSON object holding its name and its arguments. "
    'Otherwise answer with {"answer": "..."}.'
)


BEGUN = re.compile(r'\s*\{\s*"answer"\s*:\s*"')
LONGEST_ESCAPE = 13
"""Letters that a cut may leave of one character in JSON (two halves of a surrogate pair), and one."""


def in_words(conversation: Conversation) -> tuple[Conversation, Mapping[str, Any]]:
    """The conversation without tools, which its first message now tells, and the schema that the answer must follow."""
    needed = conversation.tool_choice == "required"
    told = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in conversation.tools)
    lead = f"You can use these tools:\n{told}\n{CALL_NEEDED if needed else CALL_POSSIBLE}"
    messages = [_plain(message) for message in conversation.messages]
    if messages and messages[0]["role"] == "system":
        lead = f"{messages.pop(0)['content']}\n\n{lead}"
    spoken = replace(
        conversation, messages=[{"role": "system", "content": lead}, *messages], tools=(), tool_choice=None
    )
    forms = [_call_schema(tool["function"]["name"], place) for place, tool in enumerate(conversation.tools)]
    if not needed:
        forms.append(_object({"answer": {"type": "string"}}))
    shared = {
        f"tool_{place}": moved(_parameters(tool["function"]), f"#/$defs/tool_{place}")
        for place, tool in enumerate(conversation.tools)
    }
    return spoken, {"$defs": shared} | (forms[0] if len(forms) == 1 else {"anyOf": forms})


def called(answer: Delta) -> Delta:
    """A whole answer in that form as a tool call, or as text where the model chose to answer."""
    try:
        content = json.loads(answer.text)
    except ValueError:  # cut off by max_tokens: half a call is nothing that anybody could read
        return replace(answer, text=_begun(answer.text))
    if "name" not in content:
        return replace(answer, text=str(content.get("answer", "")))
    function = {"name": content["name"], "arguments": json.dumps(content["arguments"], ensure_ascii=False)}
    call = {"index": 0, "id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", "function": function}
    return replace(answer, text="", tool_calls=(call,), finish="tool_calls")


def _begun(text: str) -> str:
    """The words of an answer that was cut off; nothing of a call that was."""
    found = BEGUN.match(text)
    written = text[found.end() :] if found else ""
    for end in range(len(written), max(-1, len(written) - LONGEST_ESCAPE), -1):
        try:
            return str(json.loads(f'"{written[:end]}"'))
        except ValueError:
            continue
    return ""


def _call_schema(name: str, place: int) -> dict[str, Any]:
    return _object({"name": {"const": name}, "arguments": {"$ref": f"#/$defs/tool_{place}"}})


def _parameters(function: Mapping[str, Any]) -> Mapping[str, Any]:
    return function.get("parameters") or {"type": "object"}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _plain(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message without the fields that such a template would pass over."""
    if message["role"] == "tool":
        return {"role": "user", "content": f"The tool's result: {message['content']}"}
    calls: Sequence[Mapping[str, Any]] = message.get("tool_calls") or ()
    if calls:
        function = calls[0]["function"]
        content = f'{{"name": {json.dumps(function["name"])}, "arguments": {function["arguments"]}}}'
        return {"role": message["role"], "content": content}
    return dict(message)
