"""The examples as ids: what is learned of each, what is too long, what goes into one row together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from openbook.model.config import IGNORED
from openbook.tune import mask
from openbook.tune.data import refuse
from openbook.tune.formats import Example, RowError
from openbook.tune.mask import Preference, Row
from openbook.tune.template import Chat

T = TypeVar("T")


@dataclass(frozen=True)
class Rows:
    rows: list[Row]
    cut: int
    """Rows that were longer than a sequence; their ends are left out."""


@dataclass(frozen=True)
class Packed:
    """Several rows end to end; `lengths` of each, so that none sees another."""

    ids: list[int]
    labels: list[int]
    lengths: list[int]


def supervised(examples: Sequence[Example], chat: Chat, sequence: int) -> Rows:
    """Raises OpenbookError that names file and line of every example of which nothing would be learned."""
    problems: list[str] = []
    found: list[Row] = []
    cut = 0
    for one in examples:
        for row in _each(one, lambda example: mask.rows(example, chat), problems) or ():
            if len(row.ids) > sequence:
                cut += 1
                row = Row(row.ids[:sequence], row.labels[:sequence])
            if row.learned:
                found.append(row)
            else:
                problems.append(
                    f"{one.place}: within the first {sequence} tokens nothing would be learned of it: raise "
                    "method.sequence, or shorten the example."
                )
    refuse(problems)
    return Rows(found, cut)


def preferences(examples: Sequence[Example], chat: Chat, sequence: int) -> tuple[list[Preference], int]:
    """Pairs, and how many have answers that were cut. Raises OpenbookError as `supervised` does."""
    problems: list[str] = []
    found: list[Preference] = []
    cut = 0
    for one in examples:
        pair = _each(one, lambda example: mask.preference(example, chat), problems)
        if pair is None:
            continue
        room = sequence - len(pair.prompt)
        chosen, rejected = pair.chosen[: max(0, room)], pair.rejected[: max(0, room)]
        if chosen == rejected:
            problems.append(
                f"{one.place}: within {sequence} tokens the two answers are the same: raise method.sequence, or "
                "shorten the prompt."
            )
            continue
        cut += len(pair.chosen) > room or len(pair.rejected) > room
        found.append(Preference(pair.prompt, chosen, rejected))
    refuse(problems)
    return found, cut


def _each(example: Example, made: Callable[[Example], T], problems: list[str]) -> T | None:
    try:
        return made(example)
    except RowError as error:
        problems.append(f"{example.place}: {error}.")
        return None


def pack(rows: Sequence[Row], sequence: int) -> list[Packed]:
    """First fit, longest first; the same rows give the same packs. The first token of a row is learned by none."""
    packs: list[list[Row]] = []
    room: list[int] = []
    for at in sorted(range(len(rows)), key=lambda at: (-len(rows[at].ids), at)):
        row = rows[at]
        place = next((n for n, left in enumerate(room) if left >= len(row.ids)), None)
        if place is None:
            packs.append([row])
            room.append(sequence - len(row.ids))
        else:
            packs[place].append(row)
            room[place] -= len(row.ids)
    return [
        Packed(
            [number for row in one for number in row.ids],
            [label for row in one for label in (IGNORED, *row.labels[1:])],
            [len(row.ids) for row in one],
        )
        for one in packs
    ]
