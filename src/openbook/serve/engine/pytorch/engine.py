"""The engine for Hugging Face folders: our own Transformer, asked from asyncio, computing in a thread of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from openbook.serve.engine import echoing, tools
from openbook.serve.engine.interface import (
    Conversation,
    Delta,
    EngineGoneError,
    RefusedError,
    Sampling,
    Token,
    TokenLogprob,
)
from openbook.serve.engine.pytorch import lora
from openbook.serve.engine.pytorch.batch import Answer, Batch, Work, pieces
from openbook.serve.engine.pytorch.forward import Cache, Forward, Segment
from openbook.serve.engine.pytorch.words import Words
from openbook.serve.target import FolderTarget
from openbook.serve.watermark import Watermark


class PytorchEngine:
    """Answers for one folder and the adapters on it; closing an answer's iterator frees its slot."""

    def __init__(
        self, target: FolderTarget, *, context: int, parallel: int, threads: int, mark: Watermark | None = None
    ) -> None:
        self.context = context
        self.parallel = parallel
        self._target = target
        self._threads = threads
        self._mark = mark
        self._adapters: dict[str, lora.Adapter] = {}
        self._batch: Batch | None = None
        self._words: Words | None = None
        self._forward: Forward | None = None

    @property
    def alive(self) -> bool:
        return self._batch is not None and self._batch.alive

    async def start(self) -> None:
        """Load the model; OpenbookError when it cannot be."""
        await asyncio.to_thread(self._load)

    def _load(self) -> None:
        torch.set_num_threads(self._threads)
        self._words = Words(self._target)
        model = self._target.checkpoint.load()
        if torch.cuda.is_available():
            model = model.to("cuda").set_compute(torch.bfloat16, "fused")
        self._forward = Forward(model, self.context)
        self._batch = Batch(self._forward, self._words, self.parallel, self.context, self._mark)

    async def close(self) -> None:
        batch, self._batch = self._batch, None
        if batch is not None:
            await asyncio.to_thread(batch.close)
        self._forward = None

    async def load_adapter(self, name: str, folder: Path) -> None:
        """Read an adapter; OpenbookError when it does not fit."""
        adapter = await asyncio.to_thread(lora.read, folder, self._target.checkpoint.config)
        if torch.cuda.is_available():
            adapter = lora.Adapter({key: (a.cuda(), b.cuda()) for key, (a, b) in adapter.pairs.items()})
        self._adapters[name] = adapter

    async def unload_adapter(self, name: str) -> None:
        self._adapters.pop(name, None)

    def adapted(self, adapter: str) -> "AdaptedPytorchEngine":
        return AdaptedPytorchEngine(self, adapter)

    @property
    def words(self) -> Words:
        if self._words is None:
            raise EngineGoneError("The model is not loaded.")
        return self._words

    def complete(self, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
        return self.answer(prompt, sampling, None)

    def converse(self, conversation: Conversation, sampling: Sampling) -> AsyncIterator[Delta]:
        return self.answer(conversation, sampling, None)

    def echo(self, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
        return echoing.echoed(self, prompt, sampling)

    async def answer(
        self, prompt: str | Sequence[int] | Conversation, sampling: Sampling, adapter: str | None
    ) -> AsyncIterator[Delta]:
        """The pieces of an answer by the model, or by it and an adapter."""
        if isinstance(prompt, Conversation) and prompt.tools:
            spoken, schema = tools.in_words(prompt)
            whole = Delta()
            async for piece in self.answer(spoken, replace(sampling, schema=schema), adapter):
                finish, usage = piece.finish or whole.finish, piece.usage or whole.usage
                whole = Delta(whole.text + piece.text, finish=finish, usage=usage)
            yield tools.called(whole)
            return
        ids = self._ids(prompt)
        self._checked([number for number, _ in sampling.logit_bias], "logit_bias")
        loop, arrived = asyncio.get_running_loop(), asyncio.Queue[Delta | Exception]()
        say: Callable[[Delta | Exception], None] = lambda piece: _tell(loop, arrived.put_nowait, piece)  # noqa: E731
        owner = f"{sampling.tenant}\0{adapter or ''}"
        answer = Answer(ids, sampling, self._adapter(adapter), owner, say)
        self._running().add(answer)
        try:
            while True:
                got = await arrived.get()
                if isinstance(got, Exception):
                    raise got
                yield got
                if got.finish is not None:
                    return
        finally:
            answer.given_up = True

    def _ids(self, prompt: str | Sequence[int] | Conversation) -> list[int]:
        if isinstance(prompt, Conversation):
            ids = self.words.laid_out(prompt)
        else:
            ids = self.words.encode(prompt, True) if isinstance(prompt, str) else self._checked(prompt)
        return ids or sorted(self.words.ends)[:1]  # an empty text begins as every document does

    def _checked(self, ids: Sequence[int], param: str | None = None) -> list[int]:
        for number in ids:
            if not 0 <= number < self.words.vocabulary:
                text = f"{number} is not a token of this model; it has {self.words.vocabulary}."
                raise RefusedError(f"{param}: {text}" if param else text, param=param)
        return list(ids)

    def _adapter(self, name: str | None) -> lora.Adapter | None:
        if name is None:
            return None
        if name not in self._adapters:
            raise EngineGoneError(f"The adapter {name} is not loaded.")
        return self._adapters[name]

    def _running(self) -> Batch:
        if self._batch is None:
            raise EngineGoneError("The engine was stopped.")
        return self._batch

    async def score(self, ids: Sequence[int], top: int) -> list[TokenLogprob]:
        return await self.score_with(ids, top, None)

    async def score_with(self, ids: Sequence[int], top: int, adapter: str | None) -> list[TokenLogprob]:
        row, batch, words = self._checked(ids), self._running(), self.words
        found = [TokenLogprob(words.token(number), None) for number in row[:1]]

        def each(hidden: torch.Tensor, start: int) -> None:
            assert self._forward is not None
            following = row[start + 1 : start + 1 + len(hidden)]
            if following:
                logits = self._forward.logits(hidden[: len(following)]).cpu().numpy()
                found.extend(batch.told(one, token, top) for one, token in zip(logits, following, strict=True))

        await self._read(row, adapter, each)
        return found

    async def embed(self, texts: Sequence[str | Sequence[int]]) -> tuple[list[np.ndarray], int]:
        return await self.embed_with(texts, None)

    async def embed_with(
        self, texts: Sequence[str | Sequence[int]], adapter: str | None
    ) -> tuple[list[np.ndarray], int]:
        """The mean of a text's last hidden states, as llama.cpp takes it."""
        vectors, count = [], 0
        for text in texts:
            ids = self._ids(text)
            sums: list[torch.Tensor] = []
            await self._read(ids, adapter, lambda hidden, _, sums=sums: sums.append(hidden.float().sum(0)))  # type: ignore[misc]
            mean = torch.stack(sums).sum(0).cpu().numpy()
            vectors.append(np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32))
            count += len(ids)
        return vectors, count

    async def _read(self, ids: list[int], adapter: str | None, each: Callable[[torch.Tensor, int], None]) -> None:
        """Read a row in parts, between the answers' passes; `each` gets its hidden states and where they begin."""
        if len(ids) > self.context:
            text = f"The text has {len(ids)} tokens; the context holds {self.context}."
            raise RefusedError(text, 400, "context_length_exceeded")
        forward, changed = self._forward, self._adapter(adapter)
        if forward is None:
            raise EngineGoneError("The engine was stopped.")
        loop, done = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
        left = pieces(ids)
        place, cache = 0, list[Cache]()

        def part() -> bool:
            nonlocal place
            if done.cancelled():
                return False
            if not cache:
                cache.append(Cache(forward.model, 1, len(ids)))
            ids_now = left.pop(0)
            each(forward.hidden([Segment(0, place, ids_now, changed)], cache[0]), place)
            place += len(ids_now)
            if not left:
                _tell(loop, _settle, done)
            return bool(left)

        self._running().add(Work(part, lambda trouble: _tell(loop, _break, done, trouble)))
        await done

    async def tokenize(self, text: str, add_special: bool) -> list[Token]:
        return [self.words.token(number) for number in self.words.encode(text, add_special)]

    async def detokenize(self, ids: Sequence[int]) -> str:
        return self.words.decode(self._checked(ids))

    async def lay_out(self, conversation: Conversation) -> list[int]:
        return self.words.laid_out(tools.in_words(conversation)[0] if conversation.tools else conversation)


class AdaptedPytorchEngine:
    """A PytorchEngine with one adapter's weights added."""

    def __init__(self, engine: PytorchEngine, adapter: str) -> None:
        self._engine = engine
        self._adapter = adapter
        self.context, self.parallel = engine.context, engine.parallel
        self.tokenize, self.detokenize, self.lay_out = engine.tokenize, engine.detokenize, engine.lay_out

    @property
    def alive(self) -> bool:
        return self._engine.alive

    def complete(self, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
        return self._engine.answer(prompt, sampling, self._adapter)

    def converse(self, conversation: Conversation, sampling: Sampling) -> AsyncIterator[Delta]:
        return self._engine.answer(conversation, sampling, self._adapter)

    def echo(self, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
        return echoing.echoed(self, prompt, sampling)

    def adapted(self, adapter: str) -> "AdaptedPytorchEngine":
        return self._engine.adapted(adapter)

    async def score(self, ids: Sequence[int], top: int) -> list[TokenLogprob]:
        return await self._engine.score_with(ids, top, self._adapter)

    async def embed(self, texts: Sequence[str | Sequence[int]]) -> tuple[list[np.ndarray], int]:
        return await self._engine.embed_with(texts, self._adapter)

    async def close(self) -> None:
        """The engine is closed with its model."""


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[..., Any], *values: Any) -> None:
    """Call something in the loop's thread, unless the loop has ended."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, *values)


def _settle(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)


def _break(done: "asyncio.Future[None]", trouble: Exception) -> None:
    if not done.done():
        done.set_exception(trouble)
