"""The prompt and what follows it, with every token's log-probability: what lm-evaluation-harness reads."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from openbook.serve.engine.interface import Delta, Engine, Sampling, Usage


async def echoed(engine: Engine, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
    """All come from one pass over the whole row, so that a token and its alternatives are exactly comparable."""
    ids = [token.id for token in await engine.tokenize(prompt, True)] if isinstance(prompt, str) else list(prompt)
    text = prompt if isinstance(prompt, str) else await engine.detokenize(prompt)
    top = max(1, sampling.top_logprobs or 0)
    if sampling.max_tokens == 0:
        scored = await engine.score(ids, top)
        yield Delta(text, logprobs=tuple(scored), finish="length", usage=Usage(len(ids), 0))
        return
    answer = Delta()
    async for piece in engine.complete(ids, sampling):
        finish, usage = piece.finish or answer.finish, piece.usage or answer.usage
        told = answer.logprobs + piece.logprobs
        answer = Delta(answer.text + piece.text, logprobs=told, finish=finish, usage=usage)
    scored = await engine.score(ids + [item.token.id for item in answer.logprobs], top)
    yield replace(answer, text=text + answer.text, logprobs=tuple(scored))
