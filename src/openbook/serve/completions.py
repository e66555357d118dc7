"""/v1/completions: from the request's body to what is computed and how it is answered."""

import functools
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from openbook.serve import shapes
from openbook.serve.answers import Collected, Job
from openbook.serve.engine.interface import Delta, Engine, Sampling, Usage
from openbook.serve.identity import Identity
from openbook.serve.requests import CompletionBody
from openbook.serve.responses import dumps
from openbook.serve.settings import Limits
from openbook.serve.stream import event

DEFAULT_MAX_TOKENS = 16  # OpenAI's


@dataclass(frozen=True)
class CompletionShape:
    """OpenAI's `text_completion` objects."""

    served: Identity
    prompts: int
    echoes: Sequence[str]  # text put before each answer; empty strings unless asked for
    top: int | None
    id: str
    created: int
    sent: dict[int, int] = field(
        default_factory=dict
    )  # characters of each answer already streamed, if probabilities are

    def _frame(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.served.name,
            "system_fingerprint": self.served.fingerprint,
            "choices": choices,
        }

    def whole(self, answers: Sequence[Collected]) -> dict[str, Any]:
        choices = [
            {
                "index": index,
                "text": self.echoes[index] + answer.text,
                "logprobs": self._logprobs(Delta(logprobs=tuple(answer.logprobs)), len(self.echoes[index])),
                "finish_reason": answer.finish,
            }
            for index, answer in enumerate(answers)
        ]
        used = shapes.usage([answer.usage for answer in answers if answer.usage], self.prompts)
        return self._frame(choices) | {"usage": used}

    def opening(self, index: int) -> bytes:
        echo = self.echoes[index]
        return self._event(index, echo, None, None) if echo else b""

    def piece(self, index: int, piece: Delta) -> bytes:
        if not (piece.text or piece.finish or piece.logprobs):
            return b""
        if self.top is None:
            return self._event(index, piece.text, None, piece.finish)
        offset = self.sent.get(index, len(self.echoes[index]))
        self.sent[index] = offset + len(piece.text)
        return self._event(index, piece.text, self._logprobs(piece, offset), piece.finish)

    def closing(self, usages: Sequence[Usage]) -> bytes:
        return event(dumps(self._frame([]) | {"usage": shapes.usage(usages, self.prompts)}))

    @functools.cached_property
    def _opened(self) -> bytes:
        """An event up to its one choice: all that is the same in every event of a request."""
        return b"data: " + dumps(self._frame([])).removesuffix(b"]}")

    def _event(self, index: int, text: str, logprobs: dict[str, Any] | None, finish: str | None) -> bytes:
        if logprobs is None and finish is None:
            return b'%b{"index":%d,"text":%b,"logprobs":null,"finish_reason":null}]}\n\n' % (
                self._opened, index, dumps(text),
            )  # fmt: skip
        choice = {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}
        return self._opened + dumps(choice) + b"]}\n\n"

    def _logprobs(self, piece: Delta, offset: int) -> dict[str, Any] | None:
        if self.top is None or not piece.logprobs:
            return None
        texts = [shapes.token_text(item) for item in piece.logprobs]
        return shapes.legacy_logprobs(piece.logprobs, texts, offset, self.top)


async def job(body: CompletionBody, engine: Engine, served: Identity, tenant: str, limits: Limits) -> Job:
    """What is to be done for a checked body."""
    prompts, choices = body.prompts(limits), body.choices(limits)
    asked = DEFAULT_MAX_TOKENS if body.max_tokens is None else body.max_tokens
    sampling = replace(body.sampling(limits, asked, body.logprobs), tenant=tenant)
    echoes, starts = [], []
    start = _echoed if body.echo and body.logprobs is not None else _start
    for given in prompts:
        prompt: str | Sequence[int] = given
        if isinstance(prompt, str) and not body.add_special_tokens:
            prompt = [token.id for token in await engine.tokenize(prompt, False)]
        echo = ""
        if body.echo and body.logprobs is None:
            echo = prompt if isinstance(prompt, str) else await engine.detokenize(prompt)
        for choice in range(choices):
            echoes.append(echo)
            starts.append(functools.partial(start, engine, prompt, _numbered(sampling, choice)))
    shape = CompletionShape(served, len(prompts), echoes, body.logprobs, f"cmpl-{uuid.uuid4().hex}", int(time.time()))
    include_usage = bool(body.stream_options and body.stream_options.include_usage)
    return Job(starts, shape, bool(body.stream), include_usage, served.headers)


def _numbered(sampling: Sampling, choice: int) -> Sampling:
    """The sampling for the choice-th of n answers: other seeds, so that they differ."""
    return sampling if sampling.seed is None or not choice else replace(sampling, seed=sampling.seed + choice)


def _start(engine: Engine, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
    return _nothing(engine, prompt) if sampling.max_tokens == 0 else engine.complete(prompt, sampling)


async def _nothing(engine: Engine, prompt: str | Sequence[int]) -> AsyncIterator[Delta]:
    """An answer of no tokens, with the prompt counted."""
    count = len(await engine.tokenize(prompt, add_special=True)) if isinstance(prompt, str) else len(prompt)
    yield Delta(finish="length", usage=Usage(count, 0))


def _echoed(engine: Engine, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
    return engine.echo(prompt, sampling)
