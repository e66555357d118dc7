"""The engine that is another server: any OpenAI-compatible one, whose address only the operator can give."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

import httpx
import numpy as np
import orjson

from openbook.serve.engine import upstream_wire as wire
from openbook.serve.engine.interface import (
    Conversation,
    Delta,
    Engine,
    EngineGoneError,
    RefusedError,
    Sampling,
    Token,
    TokenLogprob,
)
from openbook.serve.target import UpstreamTarget

ASKED_EVERY = 5.0
"""Seconds between two looks at whether the server is there."""
SECONDS_TO_CONNECT = 5.0
OPERATORS = {401, 403, 404}
"""Refusals that mean the operator's key or address, not the client's request."""
COUNTING = {"openbook", "vllm", "llamacpp"}
"""Kinds of servers that tell a text's tokens."""


class UpstreamEngine:
    """Passes requests on; closing an answer's iterator ends the connection, and with it the work there."""

    def __init__(self, target: UpstreamTarget, *, parallel: int) -> None:
        self.context = target.trained_context
        self.parallel = parallel
        self.alive = False
        self._target = target
        self._kind = target.kind
        self._root = target.url.removesuffix("/").removesuffix("/v1")
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {target.key}"} if target.key else {},
            timeout=httpx.Timeout(None, connect=SECONDS_TO_CONNECT),
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.alive = True
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(ASKED_EVERY)
            try:
                answer = await self._client.get(self._url("/models"), timeout=ASKED_EVERY)
                self.alive = answer.status_code == 200
            except httpx.HTTPError:
                self.alive = False

    async def close(self) -> None:
        self.alive = False
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._client.aclose()

    def adapted(self, adapter: str) -> Engine:
        raise RefusedError("Adapters are added by the server that computes.", 501)

    def complete(self, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
        return self._stream("/completions", {"prompt": prompt}, sampling, "logprobs", sampling.top_logprobs)

    def converse(self, conversation: Conversation, sampling: Sampling) -> AsyncIterator[Delta]:
        body: dict[str, Any] = {"messages": list(conversation.messages)}
        if conversation.tools:
            body["tools"] = list(conversation.tools)
            body["parallel_tool_calls"] = conversation.parallel_tool_calls
            if conversation.tool_choice is not None:
                body["tool_choice"] = conversation.tool_choice
        if sampling.top_logprobs is not None:
            body["logprobs"] = True
        return self._stream("/chat/completions", body, sampling, "top_logprobs", sampling.top_logprobs)

    async def _stream(
        self, path: str, body: Mapping[str, Any], sampling: Sampling, name: str, top: int | None
    ) -> AsyncIterator[Delta]:
        fields = self._fields(body, sampling) | {"stream": True, "stream_options": {"include_usage": True}}
        if top is not None:
            fields[name] = top
        finished = False
        async with contextlib.aclosing(self._events(path, fields)) as events:
            async for event in events:
                piece = wire.delta(event)
                if piece is not None:
                    finished = finished or piece.finish is not None
                    yield piece
        if not finished:  # a cut answer must not pass for a whole one
            raise EngineGoneError("The server behind this one ended before its answer did.")

    def _fields(self, body: Mapping[str, Any], sampling: Sampling) -> dict[str, Any]:
        fields = {"model": self._target.name, **body, **wire.sampling_fields(sampling, self._kind)}
        if self._kind == "llamacpp" and sampling.tenant:
            fields["cache_prompt"] = False  # its cache knows no tenants
        return fields

    async def echo(self, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
        body = self._fields({"prompt": prompt, "echo": True, "logprobs": sampling.top_logprobs or 0}, sampling)
        answer = await self._ask(self._url("/completions"), body)
        piece = wire.delta(answer)
        count = piece.usage.prompt if piece is not None and piece.usage else 0
        if piece is None or not count or len(piece.logprobs) < count or piece.logprobs[0].logprob is not None:
            text = (
                "The server behind this one gives no log-probabilities of a prompt, so nothing can be scored with it."
            )
            raise RefusedError(text, 501)
        yield piece

    async def score(self, ids: Sequence[int], top: int) -> list[TokenLogprob]:
        async for piece in self.echo(ids, Sampling(max_tokens=0, temperature=0, top_logprobs=top)):
            return list(piece.logprobs)
        raise AssertionError("an echo is one piece")

    async def embed(self, texts: Sequence[str | Sequence[int]]) -> tuple[list[np.ndarray], int]:
        body = {"model": self._target.name, "input": list(texts), "encoding_format": "float"}
        answer = await self._ask(self._url("/embeddings"), body)
        rows = sorted(answer["data"], key=lambda row: row["index"])
        vectors = [np.asarray(row["embedding"], np.float32) for row in rows]
        return [one / max(float(np.linalg.norm(one)), 1e-12) for one in vectors], int(answer["usage"]["prompt_tokens"])

    async def tokenize(self, text: str, add_special: bool) -> list[Token]:
        """Their ids; most servers do not tell their bytes."""
        self._counts()
        if self._kind == "llamacpp":
            body: dict[str, Any] = {"content": text, "add_special": add_special, "parse_special": True}
        else:
            body = {"model": self._target.name, "prompt": text, "add_special_tokens": add_special}
        answer = await self._ask(f"{self._root}/tokenize", body)
        return [Token(int(number), b"") for number in answer["tokens"]]

    async def detokenize(self, ids: Sequence[int]) -> str:
        self._counts()
        model = {} if self._kind == "llamacpp" else {"model": self._target.name}
        answer = await self._ask(f"{self._root}/detokenize", {"tokens": list(ids), **model})
        return str(answer["content" if self._kind == "llamacpp" else "prompt"])

    def _counts(self) -> None:
        if self._kind not in COUNTING:
            raise RefusedError("The server behind this one does not tell the tokens of a text.", 501)

    async def lay_out(self, conversation: Conversation) -> list[int]:
        if self._kind not in ("openbook", "vllm"):
            raise RefusedError("The server behind this one does not tell the tokens of messages.", 501)
        body: dict[str, Any] = {"model": self._target.name, "messages": list(conversation.messages)}
        if conversation.tools:
            body["tools"] = list(conversation.tools)
        return [int(number) for number in (await self._ask(f"{self._root}/tokenize", body))["tokens"]]

    def _url(self, path: str) -> str:
        return self._target.url.removesuffix("/") + path

    async def _ask(self, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = await self._client.post(url, content=orjson.dumps(body), headers=JSON)
            self.alive = True
            content = orjson.loads(answer.content) if answer.content else {}
        except httpx.HTTPError as trouble:
            self.alive = False
            raise EngineGoneError("The server behind this one does not answer; try again.") from trouble
        except orjson.JSONDecodeError as trouble:
            raise EngineGoneError("The server behind this one did not answer with JSON.") from trouble
        if answer.status_code != 200:
            raise _refusal(answer.status_code, content)
        return dict(content)

    async def _events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The events of a streamed answer, to the end mark."""
        try:
            async with self._client.stream("POST", self._url(path), content=orjson.dumps(body), headers=JSON) as answer:
                self.alive = True
                if answer.status_code != 200:
                    raise _refusal(answer.status_code, orjson.loads(await answer.aread()))
                async for line in answer.aiter_lines():
                    if not line.startswith("data:") or line.startswith("data: [DONE]"):
                        continue
                    event = orjson.loads(line[5:])
                    if event.get("error"):
                        raise _refusal(500, event)
                    yield event
        except (httpx.HTTPError, orjson.JSONDecodeError) as trouble:
            self.alive = not isinstance(trouble, httpx.HTTPError)  # until the next look shows that it is there
            raise EngineGoneError("The server behind this one stopped while it was answering.") from trouble


JSON = {"Content-Type": "application/json"}


def _refusal(status: int, content: object) -> RefusedError | EngineGoneError:
    """What its error means here."""
    error = content.get("error") if isinstance(content, Mapping) else None
    told = error if isinstance(error, Mapping) else {}
    message = str(told.get("message") or "The server behind this one refused the request.")
    if status in OPERATORS:
        return RefusedError(f"The server behind this one refused this server: {message}", 502)
    if status >= 500:
        return EngineGoneError(message)
    code = told.get("code")
    kind = str(told.get("type"))
    if kind == "exceed_context_size_error":
        code = "context_length_exceeded"
    param = told.get("param")
    return RefusedError(
        message, status, code if isinstance(code, str) else None, param if isinstance(param, str) else None
    )
