"""Texts as vectors, by a second process of llama.cpp: its server either answers or embeds."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np

from openbook.errors import OpenbookError
from openbook.serve.engine.channel import Channel
from openbook.serve.engine.interface import RefusedError


class Embedder:
    """Started when it is first needed."""

    def __init__(self, wish: dict[str, Any]) -> None:
        self._wish = wish
        self._channel: Channel | None = None
        self._starting = asyncio.Lock()

    async def embed(self, texts: Sequence[str | Sequence[int]]) -> tuple[list[np.ndarray], int]:
        """A vector of length one for each text, and how many tokens were read."""
        answer = await (await self._started()).ask("/v1/embeddings", {"input": texts})
        rows = sorted(answer["data"], key=lambda row: row["index"])
        return [np.asarray(row["embedding"], np.float32) for row in rows], int(answer["usage"]["prompt_tokens"])

    async def _started(self) -> Channel:
        async with self._starting:
            if self._channel is None:
                channel = Channel(self._wish)
                try:
                    await channel.start()
                except OpenbookError as trouble:
                    raise RefusedError(str(trouble), 501) from None
                self._channel = channel
        return self._channel

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()
