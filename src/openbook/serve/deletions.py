"""The output filter: an answer that begins to reproduce a removed text is ended before it does, with a notice."""

import functools
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from openbook.release import statement
from openbook.release.deletions import Deletions, Search, read
from openbook.serve.answers import Job
from openbook.serve.engine.interface import Delta, Usage
from openbook.serve.stream import Start

NOTICE = "\n[This answer was stopped: it began to repeat a text that was removed from the training data.]"
FINISH = "content_filter"
"""OpenAI's word for an answer that a filter has ended."""


@dataclass(frozen=True)
class OutputFilter:
    lists: Sequence[Deletions]
    """At least one."""

    @classmethod
    def of(cls, files: Sequence[Path], signer: Path | None) -> "OutputFilter | None":
        """None without files. `signer`: PEM of the public key that must have signed each. Raises OpenbookError."""
        key = statement.read_public_key(signer) if signer else None
        return cls([read(path, key) for path in files]) if files else None

    def guard(self, job: Job) -> Job:
        """The same job, every answer of it filtered."""
        return replace(job, starts=[functools.partial(self.filtered, start) for start in job.starts])

    async def filtered(self, start: Start) -> AsyncIterator[Delta]:
        """An answer's pieces, each held back until the words that it holds are whole; computing ends with the answer.

        A list's run of n words never comes out whole: what stands before its last word does, then the notice.
        """
        said, thought, calls = (_Channel(self.lists) for _ in range(3))
        held: deque[Delta] = deque()
        finished = False
        async with aclosing(start()) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                finished = piece.finish is not None
                in_call = calls.stops("".join(_arguments(piece)), finished)
                found = said.stops(piece.text, finished) | thought.stops(piece.reasoning, finished) | in_call
                held.append(replace(piece, tool_calls=()) if in_call else piece)
                for one in _passing(held, said, thought):
                    yield one
                if found:
                    yield _ended(held, said, thought, piece.usage)
                    return
        if not finished and said.stops("", True) | thought.stops("", True):
            for one in _passing(held, said, thought):
                yield one
            yield _ended(held, said, thought, None)
            return
        for piece in held:
            yield piece


def _passing(held: deque[Delta], said: "_Channel", thought: "_Channel") -> Iterator[Delta]:
    """The pieces whose words are known to be none of a list's runs."""
    while held and said.may_pass(held[0].text) and thought.may_pass(held[0].reasoning):
        piece = held.popleft()
        said.passed += len(piece.text)
        thought.passed += len(piece.reasoning)
        yield piece


def _ended(held: deque[Delta], said: "_Channel", thought: "_Channel", usage: Usage | None) -> Delta:
    """The last piece of an answer that is stopped: what may still be said of the piece in which it must end."""
    cut = held[0] if held else Delta()
    text, reasoning = said.before_the_end(cut.text), thought.before_the_end(cut.reasoning)
    return Delta(text=text + NOTICE, reasoning=reasoning, finish=FINISH, usage=usage)


class _Channel:
    """One stream of text of an answer: how far it was searched, handed on, and where it must end."""

    def __init__(self, lists: Sequence[Deletions]) -> None:
        self._searches = [Search(one) for one in lists]
        self.passed = 0
        """Characters handed on."""
        self._end: int | None = None

    def stops(self, piece: str, last: bool) -> bool:
        ends = [end for end in (search.feed(piece, last) for search in self._searches) if end is not None]
        if ends:
            self._end = min(ends)
        return bool(ends)

    def may_pass(self, piece: str) -> bool:
        bound = min(search.safe for search in self._searches) if self._end is None else self._end
        return self.passed + len(piece) <= bound

    def before_the_end(self, piece: str) -> str:
        return piece[: max(0, self._end - self.passed)] if self._end is not None else ""


def _arguments(piece: Delta) -> list[str]:
    return [str((call.get("function") or {}).get("arguments") or "") for call in piece.tool_calls]
