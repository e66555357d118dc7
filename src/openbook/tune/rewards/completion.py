"""What a completion says, whether the trainer hands on text or messages."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Completion = str | Sequence[Mapping[str, Any]]
"""Text, or messages with `role` and `content`."""


class Reward(Protocol):
    """What TRL's GRPOTrainer calls: one figure for each completion; the data's other columns come by name."""

    __name__: str

    def __call__(
        self, prompts: Sequence[Completion], completions: Sequence[Completion], **columns: Any
    ) -> list[float]: ...


def said(completion: Completion) -> str:
    """The text of a completion: of messages, the last one's content."""
    if isinstance(completion, str):
        return completion
    content = completion[-1].get("content") if completion else None
    if isinstance(content, str):
        return content
    parts = content or []
    return "".join(str(part.get("text", "")) for part in parts if part.get("type", "text") == "text")


def asked(prompt: Completion) -> str:
    """The text of a prompt: of messages, the last one of the user."""
    if isinstance(prompt, str):
        return prompt
    users = [one for one in prompt if one.get("role") == "user"]
    return said(users[-1:])
