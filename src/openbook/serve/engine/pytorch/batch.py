"""The thread that computes: answers join and leave a running batch, and a slot keeps what it has read."""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from openbook.serve.engine.interface import Delta, EngineGoneError, RefusedError, Sampling, TokenLogprob, Usage
from openbook.serve.engine.pytorch.forms import Forms
from openbook.serve.engine.pytorch.forward import Cache, Forward, Segment
from openbook.serve.engine.pytorch.lora import Adapter
from openbook.serve.engine.pytorch.sampler import Sampler, likeliest, log_softmax
from openbook.serve.engine.pytorch.words import Words, Writing
from openbook.serve.engine.slots import Slots
from openbook.serve.watermark import Watermark

PIECE = 256
"""Tokens of a prompt that are read in one pass, so that a long prompt does not hold up the other answers."""

Say = Callable[[Delta | Exception], None]
"""Takes the pieces of an answer, from the computing thread."""


@dataclass(eq=False)
class Answer:
    """One answer being computed."""

    prompt: list[int]
    sampling: Sampling
    adapter: Adapter | None
    owner: str
    """Whose prompts may share a slot's cache with this one."""
    say: Say
    given_up: bool = False
    slot: int = -1
    read: int = 0
    cached: int = 0
    written: list[int] = field(default_factory=list)
    sampler: Sampler | None = None
    writing: Writing | None = None

    @property
    def row(self) -> list[int]:
        return self.prompt + self.written


@dataclass(eq=False)
class Work:
    """Something else to be done between two passes, a part at a time: scoring, embedding."""

    parts: Callable[[], bool]
    """Does the next part; False when there is none left."""
    fail: Callable[[Exception], None]


class Batch:
    """Computes answers in one thread, up to `slots` at the same time, first come first served."""

    def __init__(self, forward: Forward, words: Words, slots: int, context: int, mark: Watermark | None) -> None:
        self._forward = forward
        self._words = words
        self._forms = Forms(words)
        self._mark = mark
        self._context = context
        self._cache = Cache(forward.model, slots, context)
        self._slots = Slots[int](slots)
        self._inbox: queue.SimpleQueue[Answer | Work | None] = queue.SimpleQueue()
        self._waiting: list[Answer] = []
        self._running: list[Answer] = []
        self._work: list[Work] = []
        self._closing = False
        self._ending = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="openbook-pytorch", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive() and not self._closing

    def add(self, one: Answer | Work) -> None:
        with self._ending:
            if self.alive:
                self._inbox.put(one)
                return
        _gone(one)

    def close(self) -> None:
        """End the thread; answers that are open then hear that the engine is gone."""
        self._closing = True
        self._inbox.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._closing:
                self._receive()
                self._admit()
                if self._running:
                    self._pass()
                if self._work:
                    self._do(self._work[0])
        finally:  # whatever ends this thread, nobody waits for it for ever
            with self._ending:
                self._closing = True
            left: list[Answer | Work] = [*self._running, *self._waiting, *self._work]
            for one in left:
                _gone(one)
            while not self._inbox.empty():
                if late := self._inbox.get():
                    _gone(late)

    def _receive(self) -> None:
        """Take what has come; wait for something when there is nothing to compute."""
        idle = not (self._running or self._waiting or self._work)
        while True:
            try:
                one = self._inbox.get(block=idle)
            except queue.Empty:
                return
            idle = False
            if isinstance(one, Answer):
                self._waiting.append(one)
            elif isinstance(one, Work):
                self._work.append(one)
            elif self._closing:
                return

    def _admit(self) -> None:
        self._waiting = [one for one in self._waiting if not one.given_up]
        while self._waiting and self._slots.free:
            one = self._waiting.pop(0)
            try:
                if len(one.prompt) >= self._context:
                    text = f"The prompt has {len(one.prompt)} tokens; the context holds {self._context}."
                    raise RefusedError(text, 400, "context_length_exceeded")
                form = self._forms.of(one.sampling)
                one.sampler = Sampler(one.sampling, one.prompt, form, self._mark, self._words.ends)
                one.writing = Writing(one.sampling.stop)
            except Exception as trouble:  # this answer's form, say; the others go on
                one.say(_told(trouble))
                continue
            taken = self._slots.take(one.owner, one.prompt)
            assert taken is not None
            one.slot = taken.number
            one.read = one.cached = min(
                taken.common, len(one.prompt) - 1
            )  # the last token must be computed for its logits
            self._running.append(one)

    def _pass(self) -> None:
        """One pass: the next piece of each prompt, the next token of each answer."""
        for one in [one for one in self._running if one.given_up]:
            self._leave(one)
        if not self._running:
            return
        segments = [
            Segment(one.slot, one.read, one.row[one.read : one.read + PIECE], one.adapter) for one in self._running
        ]
        try:
            hidden = self._forward.hidden(segments, self._cache)
            ends, place = [], 0
            for segment in segments:
                place += len(segment.ids)
                ends.append(place - 1)
            logits = self._forward.logits(hidden[ends]).cpu().numpy()
        except Exception as trouble:  # out of memory, say: these answers end, the engine goes on
            for one in list(self._running):
                one.say(_told(trouble))
                self._leave(one, keep=False)
            return
        for one, segment, row in zip(list(self._running), segments, logits, strict=True):
            one.read = segment.end
            if one.read == len(one.prompt) + len(one.written):
                self._next(one, row)

    def _next(self, one: Answer, logits: np.ndarray) -> None:
        assert one.sampler is not None and one.writing is not None
        try:
            token = one.sampler.choose(logits)
        except Exception as trouble:
            one.say(_told(trouble))
            self._leave(one)
            return
        ended = token in self._words.ends
        one.written.append(token)
        full = len(one.written) == one.sampling.max_tokens or len(one.row) >= self._context
        raw = b"" if ended or token in self._words.specials else self._words.bytes(token)
        text = one.writing.add(raw, ended or full)
        finish = "stop" if ended or one.writing.stopped else "length" if full else None
        told = () if one.sampling.top_logprobs is None else (self.told(logits, token, one.sampling.top_logprobs),)
        usage = Usage(len(one.prompt), len(one.written), one.cached) if finish else None
        one.say(Delta(text, logprobs=told, finish=finish, usage=usage))
        if finish:
            self._leave(one)

    def told(self, logits: np.ndarray, token: int, top: int) -> TokenLogprob:
        """How likely a token was, and what was likelier."""
        logprobs = log_softmax(logits)
        others = tuple(
            TokenLogprob(self._words.token(other), float(logprobs[other])) for other in likeliest(logprobs, top)
        )
        return TokenLogprob(self._words.token(token), float(logprobs[token]), others)

    def _leave(self, one: Answer, keep: bool = True) -> None:
        """Free the slot; it remembers the tokens whose keys and values it holds."""
        self._running.remove(one)
        self._slots.give_back(one.slot, one.owner, one.row[: one.read] if keep else ())

    def _do(self, work: Work) -> None:
        try:
            more = work.parts()
        except Exception as trouble:
            work.fail(_told(trouble))
            more = False
        if not more:
            self._work.remove(work)


def _told(trouble: Exception) -> Exception:
    """What the client hears of a failure."""
    if isinstance(trouble, RefusedError):
        return trouble
    return EngineGoneError(f"The engine failed while it was answering ({type(trouble).__name__}).")


def _gone(one: Answer | Work) -> None:
    trouble = EngineGoneError("The engine was stopped while it was answering.")
    if isinstance(one, Answer):
        one.say(trouble)
    else:
        one.fail(trouble)


def pieces(ids: Sequence[int]) -> list[Sequence[int]]:
    """A row in the parts that it is read in."""
    return [ids[start : start + PIECE] for start in range(0, len(ids), PIECE)]
