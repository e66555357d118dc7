"""The default engine: llama.cpp through xllamacpp, with continuous batching over its slots, for any GGUF."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson

from openbook.serve.engine import echoing, tools, wire
from openbook.serve.engine.channel import Channel
from openbook.serve.engine.embedder import Embedder
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
from openbook.serve.engine.scorer import Scorer
from openbook.serve.engine.slots import Slots
from openbook.serve.target import GgufTarget

EMPTY: Mapping[str, Path] = MappingProxyType({})


class LlamaEngine:
    """Talks to llama.cpp's server in a child process; closing an answer's iterator frees its slot."""

    def __init__(
        self, target: GgufTarget, *, context: int, parallel: int, threads: int, adapters: Mapping[str, Path] = EMPTY
    ) -> None:
        """`adapters`: GGUF adapters by name; the process reads them with the model, and applies what is asked for."""
        self.context = context
        self.parallel = parallel
        self.vocabulary = target.header.length("tokenizer.ggml.tokens")
        self._adapters = dict(adapters)
        self._allowed = set(adapters)
        self._slots = Slots[str](parallel)
        wish = {"model": str(target.gguf), "context": context, "threads": threads}
        answering = {"parallel": parallel, "connections": 2 * parallel + 8, "embedding": False}
        # a thread for each open answer and some for quick questions
        self._channel = Channel(wish | answering | {"adapters": [str(path) for path in adapters.values()]})
        embedding = wish | {"parallel": 1, "connections": 4, "embedding": True}
        # a model that says how its vectors are pooled was made to embed; of others the mean is taken
        embedding["pooling"] = f"{target.header.architecture}.pooling_type" not in target.header.metadata
        self._template_calls = False
        paths: dict[str | None, Path | None] = {None: None}
        paths.update(adapters)
        self._embedders = {
            name: Embedder(embedding | {"adapters": [str(path)] if path else []}) for name, path in paths.items()
        }
        self._scorers = {
            name: Scorer(target, context=context, threads=threads, adapter=path) for name, path in paths.items()
        }

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
        for scorer in self._scorers.values():
            await scorer.close()
        for embedder in self._embedders.values():
            await embedder.close()

    async def load_adapter(self, name: str, path: Path) -> None:
        """Answer with the adapter again; llama.cpp reads its weights with the model and keeps them."""
        self._allowed.add(name)

    async def unload_adapter(self, name: str) -> None:
        self._allowed.discard(name)

    def adapted(self, adapter: str) -> "Engine":
        return AdaptedLlamaEngine(self, adapter)

    def complete(self, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
        return self.complete_with(prompt, sampling, None)

    def converse(self, conversation: Conversation, sampling: Sampling) -> AsyncIterator[Delta]:
        return self.converse_with(conversation, sampling, None)

    def echo(self, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
        return echoing.echoed(self, prompt, sampling)

    def complete_with(
        self, prompt: str | Sequence[int], sampling: Sampling, adapter: str | None
    ) -> AsyncIterator[Delta]:
        """Go on from a text, by the model or by it and an adapter."""
        self._checked_ids([number for number, _ in sampling.logit_bias], "logit_bias")
        if sampling.top_logprobs is not None:
            return self._measured(prompt, sampling, sampling.top_logprobs, adapter)
        fields = wire.sampling_fields(sampling) | wire.form_fields(sampling) | wire.native_fields()
        body = fields | {"prompt": self._checked(prompt)}
        return self._stream("/completion", body, wire.native_delta, sampling, adapter)

    def converse_with(
        self, conversation: Conversation, sampling: Sampling, adapter: str | None
    ) -> AsyncIterator[Delta]:
        """Answer messages, by the model or by it and an adapter."""
        self._checked_ids([number for number, _ in sampling.logit_bias], "logit_bias")
        if sampling.top_logprobs is not None:
            return self._measured(conversation, sampling, sampling.top_logprobs, adapter)
        if conversation.tools and not self._template_calls:
            return self._calling(conversation, sampling, adapter)
        fields = wire.sampling_fields(sampling) | _laid_out(conversation) | wire.form_fields(sampling, chat=True)
        return self._stream("/v1/chat/completions", fields, wire.delta, sampling, adapter)

    @contextlib.contextmanager
    def _slot(self, sampling: Sampling, adapter: str | None, prompt: object) -> Iterator[dict[str, Any]]:
        """The fields that put a request into a slot whose cache may serve it.

        llama.cpp drops what a slot has read with other weights only when an adapter is switched on, not when it is
        switched off again, and knows no tenants: so the slot is chosen here, and told to forget another owner's prompt.
        """
        if adapter is not None and adapter not in self._allowed:
            raise EngineGoneError(f"The adapter {adapter} is not loaded.")
        owner = f"{sampling.tenant}\0{adapter or ''}"
        key = prompt if isinstance(prompt, str) else orjson.dumps(prompt).decode()
        taken = self._slots.take(owner, key)
        fields: dict[str, Any] = {"cache_prompt": taken is not None and taken.own}
        if taken is not None:
            fields["id_slot"] = taken.number
        if self._adapters:
            fields["lora"] = [{"id": at, "scale": float(name == adapter)} for at, name in enumerate(self._adapters)]
        try:
            yield fields
        finally:
            if taken is not None:
                self._slots.give_back(taken.number, owner, key)

    async def _stream(
        self,
        path: str,
        body: Mapping[str, Any],
        read: Callable[[bytes], Delta | None],
        sampling: Sampling,
        adapter: str | None,
    ) -> AsyncIterator[Delta]:
        with self._slot(sampling, adapter, body["prompt"] if "prompt" in body else body["messages"]) as place:
            async with contextlib.aclosing(self._channel.lines(path, {**body, **place})) as answer:
                ended = False
                async for lines in answer:
                    for line in lines:
                        delta = read(line)
                        if delta is not None:
                            ended = ended or delta.finish is not None
                            yield delta
                if not ended:  # a cut answer must not pass for a whole one
                    raise EngineGoneError("The engine ended before its answer did.")

    async def _calling(
        self, conversation: Conversation, sampling: Sampling, adapter: str | None
    ) -> AsyncIterator[Delta]:
        spoken, schema = tools.in_words(conversation)
        answer = Delta()
        formed = replace(sampling, schema=None, grammar=wire.schema_grammar(schema))
        async for piece in self.converse_with(spoken, formed, adapter):
            finish, usage = piece.finish or answer.finish, piece.usage or answer.usage
            answer = Delta(answer.text + piece.text, finish=finish, usage=usage)
        yield tools.called(answer)

    async def _measured(
        self, prompt: str | Sequence[int] | Conversation, sampling: Sampling, top: int, adapter: str | None
    ) -> AsyncIterator[Delta]:
        """An answer with its log-probabilities, in one piece.

        llama.cpp leaves out those of tokens that end within a character (so most of Greek or Georgian written in
        bytes); then the whole answer is scored anew.
        """
        if isinstance(prompt, Conversation):
            prompt = str((await self._channel.ask("/apply-template", _laid_out(prompt)))["prompt"])
        fields = wire.sampling_fields(sampling) | wire.form_fields(sampling)
        fields |= {"stream": False, "n_probs": max(1, top), "return_tokens": True, "prompt": self._checked(prompt)}
        with self._slot(sampling, adapter, prompt) as place:
            delta, written = wire.whole(await self._channel.ask("/completion", fields | place))
        if len(delta.logprobs) < len(written):
            read = [token.id for token in await self.tokenize(prompt, True)] if isinstance(prompt, str) else [*prompt]
            scored = await self.score_with(read + written, max(1, top), adapter)
            delta = replace(delta, logprobs=tuple(scored[len(read) :]))
        yield delta

    async def score(self, ids: Sequence[int], top: int) -> list[TokenLogprob]:
        return await self.score_with(ids, top, None)

    async def score_with(self, ids: Sequence[int], top: int, adapter: str | None) -> list[TokenLogprob]:
        return await self._scorers[adapter].score(self._checked_ids(ids), top)

    async def embed(self, texts: Sequence[str | Sequence[int]]) -> tuple[list[np.ndarray], int]:
        return await self.embed_with(texts, None)

    async def embed_with(
        self, texts: Sequence[str | Sequence[int]], adapter: str | None
    ) -> tuple[list[np.ndarray], int]:
        for place, text in enumerate(texts):
            count = len(text.encode()) + 2 if isinstance(text, str) else len(text)  # no text has more tokens than that
            if count > self.context and isinstance(text, str):
                count = len(await self.tokenize(text, True))
            if count > self.context:
                told = f"input {place} has {count} tokens; the context holds {self.context}."
                raise RefusedError(told, 400, "context_length_exceeded", "input")
        return await self._embedders[adapter].embed([self._checked(text) for text in texts])

    async def tokenize(self, text: str, add_special: bool) -> list[Token]:
        body = {"content": text, "add_special": add_special, "with_pieces": True, "parse_special": True}
        answer = await self._channel.ask("/tokenize", body)
        return [Token(item["id"], _piece(item["piece"])) for item in answer["tokens"]]

    async def detokenize(self, ids: Sequence[int]) -> str:
        return str((await self._channel.ask("/detokenize", {"tokens": self._checked_ids(ids)}))["content"])

    async def lay_out(self, conversation: Conversation) -> list[int]:
        if conversation.tools and not self._template_calls:
            conversation, _ = tools.in_words(conversation)
        laid_out = await self._channel.ask("/apply-template", _laid_out(conversation))
        return [token.id for token in await self.tokenize(laid_out["prompt"], add_special=True)]

    def _checked(self, prompt: str | Sequence[int]) -> str | Sequence[int]:
        return prompt if isinstance(prompt, str) else self._checked_ids(prompt)

    def _checked_ids(self, ids: Sequence[int], param: str | None = None) -> Sequence[int]:
        for number in ids:
            if not 0 <= number < self.vocabulary:
                text = f"{number} is not a token of this model; it has {self.vocabulary}."
                raise RefusedError(f"{param}: {text}" if param else text, param=param)
        return ids


class AdaptedLlamaEngine:
    """A LlamaEngine with one adapter switched on."""

    def __init__(self, engine: LlamaEngine, adapter: str) -> None:
        self._engine = engine
        self._adapter = adapter
        self.context, self.parallel = engine.context, engine.parallel
        self.tokenize, self.detokenize, self.lay_out = engine.tokenize, engine.detokenize, engine.lay_out

    @property
    def alive(self) -> bool:
        return self._engine.alive

    def complete(self, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
        return self._engine.complete_with(prompt, sampling, self._adapter)

    def converse(self, conversation: Conversation, sampling: Sampling) -> AsyncIterator[Delta]:
        return self._engine.converse_with(conversation, sampling, self._adapter)

    def echo(self, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
        return echoing.echoed(self, prompt, sampling)

    def adapted(self, adapter: str) -> Engine:
        return self._engine.adapted(adapter)

    async def score(self, ids: Sequence[int], top: int) -> list[TokenLogprob]:
        return await self._engine.score_with(ids, top, self._adapter)

    async def embed(self, texts: Sequence[str | Sequence[int]]) -> tuple[list[np.ndarray], int]:
        return await self._engine.embed_with(texts, self._adapter)

    async def close(self) -> None:
        """The engine is closed with its model."""


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
