"""How likely is each token of a text? Asks a process that computes whole rows; started when it is first needed."""

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from openbook.serve.engine.interface import EngineGoneError, RefusedError, Token, TokenLogprob
from openbook.serve.engine.vocabulary import token_bytes
from openbook.serve.target import GgufTarget

LONGEST_LINE = 2**28  # bytes of one answer


class Scorer:
    """Scores one row at a time; others wait. The model's file is mapped, so its weights are in memory once."""

    def __init__(self, target: GgufTarget, *, context: int, threads: int, adapter: Path | None = None) -> None:
        self._wish: dict[str, Any] = {"model": str(target.gguf), "context": context, "threads": threads}
        self._wish["adapter"] = str(adapter) if adapter else None
        self._context = context
        self._kind = target.header.text("tokenizer.ggml.model") or ""
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    async def score(self, ids: Sequence[int], top: int) -> list[TokenLogprob]:
        """One entry a token, with the `top` likeliest at its place."""
        if len(ids) > self._context:
            text = f"The text has {len(ids)} tokens; the context holds {self._context}."
            raise RefusedError(text, 400, "context_length_exceeded")
        answer = await self._ask({"ids": list(ids), "top": top})
        texts = {int(token): token_bytes(text, self._kind) for token, text in answer["texts"].items()}
        found = [TokenLogprob(Token(ids[0], texts[ids[0]]), None)]
        for token, chosen, likeliest in zip(ids[1:], answer["chosen"], answer["top"], strict=True):
            others = tuple(TokenLogprob(Token(other, texts[other]), value) for other, value in likeliest)
            found.append(TokenLogprob(Token(token, texts[token]), chosen, others))
        return found

    async def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        async with self._lock:
            try:
                process = await self._running()
                answer = await self._exchange(process, question)
            except BaseException:
                await self._end()  # an answer half read would be taken for the next one's
                raise
        if "error" in answer:
            raise RefusedError(str(answer["error"]))
        return answer

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "openbook.serve.engine.score_worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=LONGEST_LINE,
                start_new_session=True,
            )
            ready = await self._exchange(self._process, self._wish)
            if "error" in ready:
                raise RefusedError(str(ready["error"]), 501)
        return self._process

    async def _exchange(self, process: asyncio.subprocess.Process, line: dict[str, Any]) -> dict[str, Any]:
        assert process.stdin and process.stdout
        try:
            process.stdin.write(orjson.dumps(line) + b"\n")
            await process.stdin.drain()
            return dict(orjson.loads(await process.stdout.readline()))
        except (ConnectionError, orjson.JSONDecodeError) as trouble:
            raise EngineGoneError("The engine stopped while it was scoring; try again.") from trouble

    async def _end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._process = None

    async def close(self) -> None:
        await self._end()
