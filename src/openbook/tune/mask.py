"""Which tokens of a conversation are learned? Those of the assistant's turns, found by rendering prefixes.

No markers are needed in the template. A template that shows an earlier turn otherwise than when it was answered (Qwen 3
leaves out earlier thoughts) gives that turn a row of its own, so that what is learned follows what is served.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openbook.model.config import IGNORED
from openbook.tune.formats import Example, Message, RowError
from openbook.tune.template import Chat


@dataclass(frozen=True)
class Row:
    """Token ids, and for each what is to be learned there: itself, or nothing (IGNORED)."""

    ids: list[int]
    labels: list[int]

    @property
    def learned(self) -> int:
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True)
class Preference:
    prompt: list[int]
    chosen: list[int]
    rejected: list[int]


@dataclass(frozen=True)
class Turn:
    """An answer of the assistant: its place, and where it stands in the text that ends with it."""

    at: int
    before: str
    """What a server gives the model to answer."""
    answer: str


def rows(example: Example, chat: Chat) -> list[Row]:
    """What SFT learns from an example. Raises RowError for an example with no supervised token."""
    if example.text is not None:
        ids = [*chat.plain(example.text), chat.end]
        found = [Row(ids, [IGNORED, *ids[1:]])]
    elif example.completion is not None:
        prompt = chat.plain(str(example.prompt))
        answer = [*chat.plain(example.completion, beginning=False), chat.end]
        found = [Row(prompt + answer, [IGNORED] * len(prompt) + answer)]
    else:
        found = conversation_rows(example.messages, example.tools, chat)
    if not any(row.learned for row in found):
        raise RowError("no token of it would be learned: the assistant says nothing that has weight")
    return found


def conversation_rows(messages: Sequence[Message], tools: Sequence[dict[str, Any]], chat: Chat) -> list[Row]:
    """Rows for all answers of the assistant that count, as few as the template allows. Raises RowError for messages
    that spell a marker, or under which an answer does not follow what a server would give."""
    _refuse_markers(messages, chat)
    _refuse_unseen(messages, tools, chat)
    wanted = [at for at, one in enumerate(messages) if one["role"] == "assistant" and one.get("weight", 1)]
    found: list[Row] = []
    while wanted:
        last = turn(messages, wanted[-1], tools, chat)
        whole = last.before + last.answer
        turns = [last]
        for at in reversed(wanted[:-1]):
            one = turn(messages, at, tools, chat)
            if not last.before.startswith(one.before + one.answer):
                break
            turns.insert(0, one)
        wanted = wanted[: len(wanted) - len(turns)]
        found.insert(0, _row(whole, turns, chat))
    return found


def turn(messages: Sequence[Message], at: int, tools: Sequence[dict[str, Any]], chat: Chat) -> Turn:
    """Raises RowError for a template under which the answer does not follow what a server would give."""
    before = chat.render(messages[:at], tools, answer=True)
    after = chat.render(messages[: at + 1], tools)
    if not after.startswith(before):
        # Some templates prompt for a thought (an open <think>) that an answer without one does not begin with.
        shared = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(after))
        raise RowError(
            f"message {at + 1}: the chat template asks for the answer by {before[shared - 12 :]!r}, and writes it as "
            f"{after[shared - 12 : shared + 12]!r}; what is learned would not follow what is served"
        )
    return Turn(at, before, after[len(before) :])


def _row(whole: str, turns: Sequence[Turn], chat: Chat) -> Row:
    """Each part has its ids by itself, as a server that reads the prompt and writes the answer has."""
    ids: list[int] = []
    labels: list[int] = []
    done = 0
    for one in turns:
        prompt = chat.ids(whole[done : len(one.before)])
        answer = chat.ids(one.answer)
        learned = _until_stop(answer, chat, one.at)
        ids += prompt + answer
        labels += [IGNORED] * len(prompt) + answer[:learned] + [IGNORED] * (len(answer) - learned)
        done = len(one.before) + len(one.answer)
    end = next(at for at in range(len(labels), 0, -1) if labels[at - 1] != IGNORED)
    return Row(ids[:end], labels[:end])


def _until_stop(answer: Sequence[int], chat: Chat, at: int) -> int:
    """Tokens of an answer up to the one that ends it, which is learned too. Raises RowError where none does."""
    ends = [place for place, number in enumerate(answer) if number in chat.stops]
    if not ends:
        raise RowError(
            f"message {at + 1}: the chat template ends the answer with no token that stops a server; the tuned model "
            'would never stop: mend the template, or take data.template = "chatml"'
        )
    return ends[-1] + 1


def preference(example: Example, chat: Chat) -> Preference:
    """Raises RowError."""
    prompt, chosen, rejected = example.prompt, example.chosen, example.rejected
    if isinstance(prompt, str):
        end = [chat.end]
        answers = [chat.plain(str(answer), beginning=False) + end for answer in (chosen, rejected)]
        return Preference(chat.plain(prompt), answers[0], answers[1])
    assert prompt is not None
    found = []
    for answer in (chosen, rejected):
        assert answer is not None and not isinstance(answer, str)
        messages = [*prompt, *answer]
        _refuse_markers(messages, chat)
        _refuse_unseen(messages, example.tools, chat)
        asked = chat.render(prompt, example.tools, answer=True)
        told = chat.render(messages, example.tools)
        if not told.startswith(asked):
            raise RowError("the chat template does not write the answer behind what a server is given to answer")
        ids = chat.ids(told[len(asked) :])
        found.append(ids[: _until_stop(ids, chat, len(messages) - 1)])
    return Preference(chat.ids(chat.render(prompt, example.tools, answer=True)), found[0], found[1])


def _refuse_markers(messages: Sequence[Message], chat: Chat) -> None:
    for number, message in enumerate(messages, 1):
        spelt = next((name for name in chat.specials if name in message["content"]), None)
        if spelt:
            raise RowError(
                f"message {number} spells the special token {spelt}, which would break the turns: take it out"
            )


def _refuse_unseen(messages: Sequence[Message], tools: Sequence[dict[str, Any]], chat: Chat) -> None:
    """Tools and calls that the template does not write would be learned as empty turns."""
    called = [call["function"]["name"] for one in messages for call in one.get("tool_calls", ())]
    offered = [str(tool["function"].get("name")) for tool in tools]
    if not called and not offered:
        return
    text = chat.render(messages, tools)
    unseen = next((name for name in [*called, *offered] if name not in text), None)
    if unseen is not None:
        raise RowError(f'the chat template does not write the tool {unseen!r}: take data.template = "chatml"')
