"""How llama.cpp's answers read: its server-sent events turned into Deltas, and its errors into ours."""

from collections.abc import Mapping
from typing import Any

import orjson

from openbook.serve.engine.interface import Delta, RefusedError, Sampling, Token, TokenLogprob, Usage

RANDOM_SEED = 0xFFFFFFFF  # llama.cpp draws a seed of its own when it is given this one
UNLIMITED = -1
CACHED = "timings/cache_n"  # where the last event of a stream says how many tokens were not read again
FORM_REFUSALS = ("failed to parse grammar", "JSON schema error")
"""What llama.cpp says of a form that it cannot hold to, of those that our own check lets through."""
COMPACT = {"x-guidance": {"whitespace_flexible": False}}
"""A weak model would otherwise fill its answer with blanks, which JSON allows between any two words."""


def sampling_fields(sampling: Sampling) -> dict[str, Any]:
    """The sampling settings as llama.cpp's server names them; all are given, so that its defaults never decide."""
    fields: dict[str, Any] = {
        "max_tokens": UNLIMITED if sampling.max_tokens is None else sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "repeat_penalty": sampling.repeat_penalty,
        "repeat_last_n": 64,
        "samplers": ["penalties", "top_k", "top_p", "min_p", "temperature"],
        "seed": RANDOM_SEED if sampling.seed is None else sampling.seed % RANDOM_SEED,
        "cache_prompt": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if sampling.stop:
        fields["stop"] = list(sampling.stop)
    if sampling.logit_bias:
        fields["logit_bias"] = [list(pair) for pair in sampling.logit_bias]
    return fields


def form_fields(sampling: Sampling, *, chat: bool = False) -> dict[str, Any]:
    """The form that the answer must have; a chat names a schema in OpenAI's way, so that its template may word it."""
    if sampling.grammar is not None:
        return {"grammar": sampling.grammar}
    if sampling.schema is None:
        return {}
    schema = dict(sampling.schema)
    if chat:
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}}
    return {"json_schema": schema | COMPACT}


def schema_grammar(schema: Mapping[str, Any]) -> str:
    """The schema in the form of llguidance's grammars, for a conversation that is laid out by us."""
    return f"%llguidance {{}}\nstart: %json {orjson.dumps({**schema, **COMPACT}).decode()}"


def delta(line: bytes) -> Delta | None:
    """The Delta in one line of an event stream; None for lines that carry none (comments, blanks, the end mark)."""
    if not line.startswith(b"data: "):
        return None
    if line.startswith(b"data: [DONE]"):
        return None
    event = orjson.loads(line[6:])
    if "error" in event:
        raise refusal(event)
    usage = _usage(event.get("usage"))
    choices = event.get("choices")
    if not choices:
        return Delta(usage=usage) if usage else None
    choice = choices[0]
    said = choice.get("delta") or {}
    return Delta(
        text=choice.get("text") or said.get("content") or "",
        reasoning=said.get("reasoning_content") or "",
        tool_calls=tuple(said.get("tool_calls") or ()),
        finish=choice.get("finish_reason"),
        usage=usage,
    )


def native_fields() -> dict[str, Any]:
    """What llama.cpp's own form of a stream, which costs it less a token than OpenAI's, is to say in its last event."""
    return {"response_fields": ["content", "stop_type", "tokens_evaluated", "tokens_predicted", CACHED]}


def native_delta(line: bytes) -> Delta | None:
    """The Delta in one line of llama.cpp's own stream; None for lines that carry none."""
    if not line.startswith(b"data: {"):
        return None
    event = orjson.loads(line[6:])
    if "stop_type" in event:
        usage = Usage(event["tokens_evaluated"], event["tokens_predicted"], int(event.get(CACHED) or 0))
        return Delta(event["content"], finish=_finish(event["stop_type"]), usage=usage)
    if "error" in event:
        raise refusal(event)
    return Delta(event["content"])


def _finish(stop_type: str) -> str:
    return "length" if stop_type in ("limit", "none") else "stop"


def refusal(body: Mapping[str, Any]) -> RefusedError:
    """The error in an answer of llama.cpp's server."""
    error = body.get("error")
    error = error if isinstance(error, Mapping) else {}
    message = str(error.get("message") or "the engine refused the request")
    if error.get("type") == "exceed_context_size_error":
        return RefusedError(message, 400, "context_length_exceeded")
    if any(word in message for word in FORM_REFUSALS):
        return RefusedError(f"The form asked for cannot be enforced: {message}.", 422, "invalid_form")
    status = error.get("code")
    return RefusedError(message, status if isinstance(status, int) and 400 <= status < 600 else 500)


def _usage(value: Mapping[str, Any] | None) -> Usage | None:
    if not value:
        return None
    cached = (value.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    return Usage(int(value["prompt_tokens"]), int(value["completion_tokens"]), int(cached))


def whole(answer: Mapping[str, Any]) -> tuple[Delta, list[int]]:
    """The Delta in a whole answer of /completion, and the tokens it was written with."""
    timings = answer.get("timings") or {}
    usage = Usage(answer["tokens_evaluated"], answer["tokens_predicted"], int(timings.get("cache_n", 0)))
    told = tuple(
        TokenLogprob(_token(item), item["logprob"], tuple(map(_likely, item["top_logprobs"])))
        for item in answer.get("completion_probabilities") or ()
    )
    return Delta(answer["content"], logprobs=told, finish=_finish(answer["stop_type"]), usage=usage), list(
        answer["tokens"]
    )


def _likely(item: Mapping[str, Any]) -> TokenLogprob:
    return TokenLogprob(_token(item), item["logprob"])


def _token(item: Mapping[str, Any]) -> Token:
    return Token(int(item["id"]), bytes(item["bytes"]))
