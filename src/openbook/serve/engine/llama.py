"""The default engine: llama.cpp through xllamacpp, with continuous batching over its slots, for any GGUF."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from openbook.errors import OpenbookError
from openbook.serve.engine import tools, wire
from openbook.serve.engine.channel import Channel
from openbook.serve.engine.interface import (
    Conversation,
    Delta,
    EngineGoneError,
    RefusedError,
    Sampling,
    Token,
    TokenLogprob,
)
from openbook.serve.engine.scorer import Scorer
from openbook.serve.target import Target


class LlamaEngine:
    """Talks to llama.cpp's server in a child process; closing an answer's iterator frees its slot."""

    def __init__(self, target: Target, *, context: int, parallel: int, threads: int) -> None:
        self.context = context
        self.parallel = parallel
        self.vocabulary = target.header.length("tokenizer.ggml.tokens")
        wish = {"model": str(target.gguf), "context": context, "threads": threads}
        answering = {"parallel": parallel, "connections": 2 * parallel + 8, "embedding": False}
        self._channel = Channel(wish | answering)  # a thread for each open answer and some for quick questions
        self._embedding_wish = wish | {"parallel": 1, "connections": 4, "embedding": True}
        # a model that says how its vectors are pooled was made to embed; of others the mean is taken
        self._embedding_wish["pooling"] = f"{target.header.architecture}.pooling_type" not in target.header.metadata
        self._embedder: Channel | None = None
        self._template_calls = False
        self._starting = asyncio.Lock()
        self._scorer = Scorer(target, context=context, threads=threads)

    @property
    def alive(self) -> bool:
        return self._channel.alive

    async def start(self) -> None:
        """Load the model; OpenbookError when llama.cpp cannot."""
        await self._channel.start()
        capabilities = (await self._channel.look("/props")).get("chat_template_caps") or {}
        self._template_calls = bool(capabilities.get("supports_tools") and capabilities.get("supports_tool_calls"))

    async def close(self) -> None:
        await self._channel.close()
        await self._scorer.close()
        if self._embedder is not None:
            await self._embedder.close()

    def complete(self, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
        if sampling.top_logprobs is not None:
            return self._measured(prompt, sampling, sampling.top_logprobs)
        fields = wire.sampling_fields(sampling) | wire.form_fields(sampling)
        return self._stream("/v1/completions", fields | {"prompt": self._checked(prompt)})

    def converse(self, conversation: Conversation, sampling: Sampling) -> AsyncIterator[Delta]:
        if sampling.top_logprobs is not None:
            return self._measured(conversation, sampling, sampling.top_logprobs)
        if conversation.tools and not self._template_calls:
            return self._calling(conversation, sampling)
        fields = wire.sampling_fields(sampling) | _laid_out(conversation) | wire.form_fields(sampling, chat=True)
        return self._stream("/v1/chat/completions", fields)

    async def _stream(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[Delta]:
        async with contextlib.aclosing(self._channel.lines(path, body)) as lines:
            ended = False
            async for line in lines:
                delta = wire.delta(line)
                if delta is not None:
                    ended = ended or delta.finish is not None
                    yield delta
            if not ended:  # a cut answer must not pass for a whole one
                raise EngineGoneError("The engine ended before its answer did.")

    async def _calling(self, conversation: Conversation, sampling: Sampling) -> AsyncIterator[Delta]:
        spoken, schema = tools.in_words(conversation)
        answer = Delta()
        async for piece in self.converse(spoken, replace(sampling, schema=schema)):
            finish, usage = piece.finish or answer.finish, piece.usage or answer.usage
            answer = Delta(answer.text + piece.text, finish=finish, usage=usage)
        yield tools.called(answer)

    async def _measured(
        self, prompt: str | Sequence[int] | Conversation, sampling: Sampling, top: int
    ) -> AsyncIterator[Delta]:
        """An answer with its log-probabilities, in one piece.

        llama.cpp leaves out those of tokens that end within a character (so most of Greek or Georgian written in
        bytes); then the whole answer is scored anew.
        """
        if isinstance(prompt, Conversation):
            prompt = str((await self._channel.ask("/apply-template", _laid_out(prompt)))["prompt"])
        fields = wire.sampling_fields(sampling) | wire.form_fields(sampling)
        fields |= {"stream": False, "n_probs": max(1, top), "return_tokens": True, "prompt": self._checked(prompt)}
        delta, written = wire.whole(await self._channel.ask("/completion", fields))
        if len(delta.logprobs) < len(written):
            read = [token.id for token in await self.tokenize(prompt, True)] if isinstance(prompt, str) else [*prompt]
            scored = await self.score(read + written, max(1, top))
            delta = replace(delta, logprobs=tuple(scored[len(read) :]))
        yield delta

    async def score(self, ids: Sequence[int], top: int) -> list[TokenLogprob]:
        return await self._scorer.score(self._checked_ids(ids), top)

    async def embed(self, texts: Sequence[str | Sequence[int]]) -> tuple[list[np.ndarray], int]:
        body = {"input": [self._checked(text) for text in texts]}
        answer = await (await self._embedding_channel()).ask("/v1/embeddings", body)
        rows = sorted(answer["data"], key=lambda row: row["index"])
        return [np.asarray(row["embedding"], np.float32) for row in rows], int(answer["usage"]["prompt_tokens"])

    async def _embedding_channel(self) -> Channel:
        """A second process, started when it is first needed: llama.cpp's server either answers or embeds."""
        async with self._starting:
            if self._embedder is None:
                channel = Channel(self._embedding_wish)
                try:
                    await channel.start()
                except OpenbookError as trouble:
                    raise RefusedError(str(trouble), 501) from None
                self._embedder = channel
        return self._embedder

    async def tokenize(self, text: str, add_special: bool) -> list[Token]:
        body = {"content": text, "add_special": add_special, "with_pieces": True, "parse_special": True}
        answer = await self._channel.ask("/tokenize", body)
        return [Token(item["id"], _piece(item["piece"])) for item in answer["tokens"]]

    async def detokenize(self, ids: Sequence[int]) -> str:
        return str((await self._channel.ask("/detokenize", {"tokens": self._checked_ids(ids)}))["content"])

    async def count(self, conversation: Conversation) -> int:
        laid_out = await self._channel.ask("/apply-template", _laid_out(conversation))
        return len(await self.tokenize(laid_out["prompt"], add_special=True))

    def _checked(self, prompt: str | Sequence[int]) -> str | Sequence[int]:
        return prompt if isinstance(prompt, str) else self._checked_ids(prompt)

    def _checked_ids(self, ids: Sequence[int]) -> Sequence[int]:
        for number in ids:
            if not 0 <= number < self.vocabulary:
                raise RefusedError(f"{number} is not a token of this model; it has {self.vocabulary}.")
        return ids


def _laid_out(conversation: Conversation) -> dict[str, Any]:
    body: dict[str, Any] = {"messages": list(conversation.messages)}
    if conversation.tools:
        body["tools"] = list(conversation.tools)
        body["parallel_tool_calls"] = conversation.parallel_tool_calls
        if conversation.tool_choice is not None:
            body["tool_choice"] = conversation.tool_choice
    if conversation.template_values:
        body["chat_template_kwargs"] = dict(conversation.template_values)
    return body


def _piece(value: str | list[int]) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)
