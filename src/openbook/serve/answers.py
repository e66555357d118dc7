"""Runs the answers to one request: whole (`collect`) or as events (`respond`), within the server's limits."""

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

    def opening(self, index: int) -> bytes:
        """The events before an answer's first piece."""

    def piece(self, index: int, piece: Delta) -> bytes:
        """The event for a piece; nothing when there is nothing to say."""

    def closing(self, usages: Sequence[Usage]) -> bytes:
        """The last event, with the usage."""


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
        fan.attend(request.receive)
        if not job.stream:
            answers = await collect(fan, len(job.starts), ledger)
            ledger.answered([answer.usage for answer in answers if answer.usage])
            return JsonResponse(job.shape.whole(answers), headers=dict(job.headers))
        first = await _first(fan)
        kept = stack.pop_all()
        return EventStream(_events(fan, job, first, ledger), kept.aclose, job.headers)
    raise AssertionError("an exit stack does not swallow errors")


async def collect(fan: Fan, count: int, ledger: Ledger) -> list[Collected]:
    """All `count` answers, whole. Raises what an answer fails with."""
    answers = [Collected() for _ in range(count)]
    while ready := await fan.get():
        ledger.piece()
        for index, piece in ready:
            answers[index].add(piece)
    return answers


async def _first(fan: Fan) -> list[tuple[int, Delta]] | None:
    """The first pieces, or None when they take so long that the answer should begin without them."""
    try:
        return await fan.get(FIRST_PIECE_SECONDS)
    except TimeoutError:
        return None


async def _events(fan: Fan, job: Job, first: list[tuple[int, Delta]] | None, ledger: Ledger) -> AsyncIterator[bytes]:
    """What is sent, all that is ready in one piece."""
    shape, begun, usages = job.shape, set[int](), dict[int, Usage]()

    def written(index: int, piece: Delta) -> bytes:
        if piece.usage:
            usages[index] = piece.usage
        if index in begun:
            return shape.piece(index, piece)
        begun.add(index)
        return shape.opening(index) + shape.piece(index, piece)

    def closing() -> bytes:
        ordered = [usages[index] for index in sorted(usages)]
        ledger.answered(ordered)
        return (shape.closing(ordered) if job.include_usage else b"") + DONE

    try:
        ready = first
        while ready is None or ready:
            if ready is not None:
                ledger.piece()
                said = b"".join([written(index, piece) for index, piece in ready])
                if fan.whole:
                    yield said + closing()
                    return
                if said:
                    yield said
            try:
                ready = await fan.get(KEEP_ALIVE_SECONDS)
            except TimeoutError:
                ready = None
                yield b": keep-alive\n\n"
    except Exception as trouble:
        yield event(dumps(as_api_error(trouble).body())) + DONE
        return
    yield closing()
