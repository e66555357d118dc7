"""What must an engine be able to do? Complete, converse, count tokens, and say how likely a text is."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np


class RefusedError(Exception):
    """The engine will not compute this request; `status` is the HTTP status that fits, `code` OpenAI's word for it.

    `param` names the field of the request that is wrong.
    """

    def __init__(self, message: str, status: int = 400, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param


class EngineGoneError(Exception):
    """The engine cannot be reached now; the same request may succeed later."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token's id and its bytes, which need not be whole characters."""

    id: int
    bytes: bytes


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """How likely a token was (natural logarithm, before temperature and cuts), and the likeliest at its place.

    The first token of a row has no `logprob`: nothing stands before it.
    """

    token: Token
    logprob: float | None
    top: "tuple[TokenLogprob, ...]" = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written for one answer; `cached` of those read were not computed again."""

    prompt: int
    completion: int
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of an answer. The last one carries `finish` and `usage`."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish: str | None = None  # "stop", "length" or "tool_calls"
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose tokens, and when to stop. The defaults are those of OpenAI's API."""

    max_tokens: int | None = None  # None: until the model stops or the context is full
    temperature: float = 1.0  # 0 always takes the likeliest token
    top_p: float = 1.0
    top_k: int = 0  # 0: all tokens
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repeat_penalty: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: tuple[tuple[int, float], ...] = ()
    top_logprobs: int | None = None  # None: no log-probabilities; else so many alternatives at each place
    grammar: str | None = None  # GBNF
    schema: Mapping[str, Any] | None = None  # JSON schema of the answer
    tenant: str = ""  # a prompt's computed beginning is used again only for requests of the same tenant


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages, tools and choice of tool, in the words of OpenAI's API; checked before they come here."""

    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str | Mapping[str, Any] | None = None
    parallel_tool_calls: bool = False
    template_values: Mapping[str, Any] = field(default_factory=dict)


class Engine(Protocol):
    """Computes for one model. Every method may be called many times at once; closing an iterator stops its work."""

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may have together."""

    @property
    def parallel(self) -> int:
        """Answers computed at the same time; more of them wait."""

    @property
    def alive(self) -> bool:
        """False while the engine cannot compute."""

    def complete(self, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
        """Go on from a text (BOS is put before it where the model wants one) or from tokens (taken as they are)."""

    def converse(self, conversation: Conversation, sampling: Sampling) -> AsyncIterator[Delta]:
        """Answer messages laid out by the model's own chat template."""

    def echo(self, prompt: str | Sequence[int], sampling: Sampling) -> AsyncIterator[Delta]:
        """The prompt and what follows it, with the log-probability of every token of both."""

    def adapted(self, adapter: str) -> "Engine":
        """The same engine with this adapter's weights added; what it keeps of prompts is not shared."""

    async def score(self, ids: Sequence[int], top: int) -> list[TokenLogprob]:
        """How likely each token is after those before it, with the `top` likeliest at its place."""

    async def embed(self, texts: Sequence[str | Sequence[int]]) -> tuple[list[np.ndarray], int]:
        """A vector of length one for each text, and how many tokens were read."""

    async def tokenize(self, text: str, add_special: bool) -> list[Token]:
        """The tokens of a text; `add_special` puts BOS before it where the model wants one."""

    async def detokenize(self, ids: Sequence[int]) -> str:
        """The text of tokens; bytes that are not UTF-8 become U+FFFD."""

    async def lay_out(self, conversation: Conversation) -> list[int]:
        """The tokens of the messages, and of the tools they may use, once laid out by the template."""

    async def close(self) -> None:
        """Stop all work and give the memory back."""
