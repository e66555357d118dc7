"""/v1/chat/completions: from the request's messages to what is computed and how it is answered."""

import functools
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from openbook.serve import shapes
from openbook.serve.answers import Collected, Job
from openbook.serve.engine.interface import Delta, Engine, Usage
from openbook.serve.errors import ApiError
from openbook.serve.identity import Identity
from openbook.serve.messages import Message
from openbook.serve.requests import ChatBody
from openbook.serve.responses import dumps
from openbook.serve.settings import Limits
from openbook.serve.stream import event


@dataclass(frozen=True)
class ChatShape:
    """OpenAI's `chat.completion` and `chat.completion.chunk` objects."""

    served: Identity
    top: int | None
    id: str
    created: int

    def _frame(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.served.name,
            "system_fingerprint": self.served.fingerprint,
            "choices": choices,
        }

    def whole(self, answers: Sequence[Collected]) -> dict[str, Any]:
        choices = []
        for index, answer in enumerate(answers):
            message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
            if answer.reasoning:
                message["reasoning_content"] = answer.reasoning
            if answer.tool_calls:
                message |= {"tool_calls": answer.tool_calls, "content": answer.text or None}
            logprobs = None if self.top is None else shapes.chat_logprobs(answer.logprobs, self.top)
            choices.append({"index": index, "message": message, "logprobs": logprobs, "finish_reason": answer.finish})
        used = shapes.usage([answer.usage for answer in answers if answer.usage], 1)
        return self._frame("chat.completion", choices) | {"usage": used}

    def opening(self, index: int) -> bytes:
        return self._event(index, {"role": "assistant", "content": ""}, None, None)

    def piece(self, index: int, piece: Delta) -> bytes:
        said: dict[str, Any] = {}
        if piece.text:
            said["content"] = piece.text
        if piece.reasoning:
            said["reasoning_content"] = piece.reasoning
        if piece.tool_calls:
            said["tool_calls"] = list(piece.tool_calls)
        if not said and not piece.finish and not piece.logprobs:
            return b""
        wanted = self.top is not None and piece.logprobs
        logprobs = shapes.chat_logprobs(piece.logprobs, self.top or 0) if wanted else None
        return self._event(index, said, logprobs, piece.finish)

    def closing(self, usages: Sequence[Usage]) -> bytes:
        return event(dumps(self._frame("chat.completion.chunk", []) | {"usage": shapes.usage(usages, 1)}))

    @functools.cached_property
    def _opened(self) -> bytes:
        """An event up to its one choice: all that is the same in every event of a request."""
        return b"data: " + dumps(self._frame("chat.completion.chunk", [])).removesuffix(b"]}")

    def _event(self, index: int, said: dict[str, Any], logprobs: dict[str, Any] | None, finish: str | None) -> bytes:
        choice = {"index": index, "delta": said, "logprobs": logprobs, "finish_reason": finish}
        return self._opened + dumps(choice) + b"]}\n\n"


def check_messages(messages: Sequence[Message], name: str, has_template: bool, limits: Limits) -> None:
    """ApiError where there is no form for messages, or where they are too many."""
    if not has_template:
        text = f"{name} has no chat template: it completes text. Use /v1/completions."
        raise ApiError(400, text, code="no_chat_template")
    if len(messages) > limits.messages:
        text = f"messages holds {len(messages)}; a request may hold {limits.messages}."
        raise ApiError(422, text, param="messages")


def job(body: ChatBody, engine: Engine, served: Identity, tenant: str, has_template: bool, limits: Limits) -> Job:
    """What is to be done for a checked body."""
    check_messages(body.messages, served.name, has_template, limits)
    if body.max_tokens is not None and body.max_completion_tokens is not None:
        raise ApiError(400, "Give max_tokens or max_completion_tokens, not both.", param="max_tokens")
    asked = body.max_completion_tokens if body.max_tokens is None else body.max_tokens
    if asked == 0:
        raise ApiError(400, "max_tokens must be at least 1 in a chat.", param="max_tokens")
    top = (body.top_logprobs or 0) if body.logprobs else None
    sampling = replace(body.sampling(limits, asked, top), tenant=tenant)
    conversation = body.conversation()
    starts = []
    for choice in range(body.choices(limits)):
        numbered = replace(sampling, seed=None if sampling.seed is None else sampling.seed + choice)
        starts.append(functools.partial(engine.converse, conversation, numbered))
    shape = ChatShape(served, top, f"chatcmpl-{uuid.uuid4().hex}", int(time.time()))
    include_usage = bool(body.stream_options and body.stream_options.include_usage)
    return Job(starts, shape, bool(body.stream), include_usage, served.headers)
