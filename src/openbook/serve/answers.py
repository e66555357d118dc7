"""Runs the answers to one request: whole (`collect`) or as events (`respond`), within the server's limits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.requests import Request

from openbook.serve.engine.interface import Delta, TokenLogprob, Usage
from openbook.serve.errors import as_api_error
from openbook.serve.ledger import Ledger
from openbook.serve.limits import Gate
from openbook.serve.responses import JsonResponse, dumps
from openbook.serve.stream import (
    DONE,
    FIRST_PIECE_SECONDS,
    KEEP_ALIVE_SECONDS,
    EventStream,
    Fan,
    Start,
    attended,
    event,
)


@dataclass
class Collected:
    """One answer, whole."""

    text: str = ""
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    finish: str | None = None
    usage: Usage | None = None

    def add(self, piece: Delta) -> None:
        self.text += piece.text
        self.reasoning += piece.reasoning
        self.logprobs.extend(piece.logprobs)
        for part in piece.tool_calls:
            self._add_call(part)
        self.finish = piece.finish or self.finish
        self.usage = piece.usage or self.usage

    def _add_call(self, part: dict[str, Any]) -> None:
        place = int(part.get("index", 0))
        while len(self.tool_calls) <= place:
            self.tool_calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        call = self.tool_calls[place]
        call["id"] = part.get("id") or call["id"]
        function = part.get("function") or {}
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""


class Shape(Protocol):
    """How one kind of request is answered on the wire."""

    def whole(self, answers: Sequence[Collected]) -> dict[str, Any]: ...

    def opening(self, index: int) -> list[dict[str, Any]]:
        """Chunks before an answer's first piece."""

    def chunk(self, index: int, piece: Delta) -> dict[str, Any] | None:
        """The chunk for a piece; None when there is nothing to say."""

    def closing(self, usages: Sequence[Usage]) -> dict[str, Any]:
        """The last chunk, with the usage."""


@dataclass(frozen=True)
class Job:
    """A checked request: what to compute, how to answer."""

    starts: Sequence[Start]
    shape: Shape
    stream: bool
    include_usage: bool
    headers: Mapping[str, str] = field(default_factory=dict)  # of the answer: which model it comes from


async def respond(request: Request, gate: Gate, job: Job, ledger: Ledger) -> JsonResponse | EventStream:
    """Compute the answers and say them in the way the request wants; the ledger is told what they took."""
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(gate.request())
        stack.push_async_callback(ledger.close)
        fan = Fan(gate, job.starts)
        stack.push_async_callback(fan.close)
        if not job.stream:
            answers = await attended(request, collect(fan, len(job.starts), ledger))
            ledger.answered([answer.usage for answer in answers if answer.usage])
            return JsonResponse(job.shape.whole(answers), headers=dict(job.headers))
        first = await attended(request, _first(fan))
        kept = stack.pop_all()
        return EventStream(_events(fan, job, first, ledger), kept.aclose, job.headers)
    raise AssertionError("an exit stack does not swallow errors")


async def collect(fan: Fan, count: int, ledger: Ledger) -> list[Collected]:
    answers = [Collected() for _ in range(count)]
    while (item := await fan.get()) is not None:
        ledger.piece()
        answers[item[0]].add(item[1])
    return answers


async def _first(fan: Fan) -> tuple[int, Delta] | None:
    """The first piece, or None when it takes so long that the answer should begin without it."""
    try:
        async with asyncio.timeout(FIRST_PIECE_SECONDS):
            return await fan.get()
    except TimeoutError:
        return None


async def _events(fan: Fan, job: Job, first: tuple[int, Delta] | None, ledger: Ledger) -> AsyncIterator[bytes]:
    shape, begun, usages = job.shape, set[int](), dict[int, Usage]()

    def written(index: int, piece: Delta) -> bytes:
        ledger.piece()
        chunks: list[dict[str, Any] | None] = []
        if index not in begun:
            begun.add(index)
            chunks += shape.opening(index)
        if piece.usage:
            usages[index] = piece.usage
        chunks.append(shape.chunk(index, piece))
        return b"".join(event(dumps(chunk)) for chunk in chunks if chunk is not None)

    try:
        if first is not None:
            yield written(*first)
        while True:
            try:
                async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                    item = await fan.get()
            except TimeoutError:
                yield b": keep-alive\n\n"
                continue
            if item is None:
                break
            pieces = [written(*item)]
            while fan.ready() and (item := await fan.get()) is not None:
                pieces.append(written(*item))
            yield b"".join(pieces)
    except Exception as trouble:
        yield event(dumps(as_api_error(trouble).body())) + DONE
        return
    ordered = [usages[index] for index in sorted(usages)]
    ledger.answered(ordered)
    if job.include_usage:
        yield event(dumps(shape.closing(ordered)))
    yield DONE
