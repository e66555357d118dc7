"""What other OpenAI-compatible servers are asked and answer: which fields each kind takes, and how its answers read."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from openbook.serve.engine.interface import Delta, RefusedError, Sampling, Token, TokenLogprob, Usage

UNKNOWN = -1
"""The id of a token that a server has told by its text only."""

EXTRAS: Mapping[str, Mapping[str, str]] = {
    "openbook": {name: name for name in ("top_k", "min_p", "repeat_penalty", "grammar")} | {"tenant": "cache_salt"},
    "llamacpp": {name: name for name in ("top_k", "min_p", "repeat_penalty", "grammar")},
    "vllm": {"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repetition_penalty", "tenant": "cache_salt"},
    "sglang": {"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repetition_penalty"},
}
"""Kind of server -> our name of a field beyond OpenAI's -> its name there. All are always sent, so that its
own defaults never decide."""
PLAIN = Sampling()
BYTES = re.compile(r"\\x([0-9a-f]{2})")


def sampling_fields(sampling: Sampling, kind: str) -> dict[str, Any]:
    """The fields of a request. Raises RefusedError for one that such a server would pass over."""
    fields: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    extras = EXTRAS.get(kind, {})
    for name in ("top_k", "min_p", "repeat_penalty", "grammar", "tenant"):
        value = getattr(sampling, name)
        if name in extras and value is not None:
            fields[extras[name]] = value
        elif name != "tenant" and value != getattr(PLAIN, name):
            raise RefusedError(f"{name} cannot be honored: the server behind this one does not take it.")
    if sampling.max_tokens is not None:
        fields["max_tokens"] = sampling.max_tokens
    if sampling.seed is not None:
        fields["seed"] = sampling.seed
    if sampling.stop:
        fields["stop"] = list(sampling.stop)
    if sampling.logit_bias:
        fields["logit_bias"] = {str(token): value for token, value in sampling.logit_bias}
    if sampling.schema is not None:
        schema = {"name": "answer", "schema": dict(sampling.schema), "strict": True}
        fields["response_format"] = {"type": "json_schema", "json_schema": schema}
    return fields


def delta(event: Mapping[str, Any]) -> Delta | None:
    """The Delta in one chunk, or in a whole answer; None when it says nothing."""
    counted = usage(event.get("usage"))
    choices = event.get("choices")
    if not choices:
        return Delta(usage=counted) if counted else None
    choice = choices[0]
    said = choice.get("delta") or choice.get("message") or {}
    return Delta(
        text=choice.get("text") or said.get("content") or "",
        reasoning=said.get("reasoning_content") or said.get("reasoning") or "",
        tool_calls=tuple(said.get("tool_calls") or ()),
        logprobs=logprobs(choice.get("logprobs")),
        finish=choice.get("finish_reason"),
        usage=counted,
    )


def usage(value: Mapping[str, Any] | None) -> Usage | None:
    if not value:
        return None
    cached = (value.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return Usage(int(value.get("prompt_tokens") or 0), int(value.get("completion_tokens") or 0), int(cached))


def logprobs(value: Mapping[str, Any] | None) -> tuple[TokenLogprob, ...]:
    """Log-probabilities in the chat's form or in the legacy one."""
    if not value:
        return ()
    if value.get("content") is not None:
        return tuple(_entry(item) for item in value["content"])
    tokens: Sequence[str] = value.get("tokens") or ()
    chosen = value.get("token_logprobs") or [None] * len(tokens)
    tops = value.get("top_logprobs") or [None] * len(tokens)
    return tuple(
        TokenLogprob(_token(text), own, tuple(TokenLogprob(_token(name), one) for name, one in (top or {}).items()))
        for text, own, top in zip(tokens, chosen, tops, strict=True)
    )


def _entry(item: Mapping[str, Any]) -> TokenLogprob:
    raw = item.get("bytes")
    token = Token(UNKNOWN, bytes(raw)) if raw is not None else _token(str(item["token"]))
    return TokenLogprob(token, item["logprob"], tuple(_entry(other) for other in item.get("top_logprobs") or ()))


def _token(text: str) -> Token:
    """A token told by its text; bytes that are no character are spelled `bytes:\\xff`, as OpenAI does."""
    if text.startswith("bytes:") and BYTES.search(text):
        return Token(UNKNOWN, bytes(int(found, 16) for found in BYTES.findall(text)))
    return Token(UNKNOWN, text.encode())
