"""Which slot reads a prompt? One of the same owner that has read its beginning; another owner's is never shared.

An owner is a tenant and an adapter: what one tenant's prompts leave in a cache must not be told to another by how
soon an answer comes, and keys computed with one adapter's weights are wrong for every other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Unit = TypeVar("Unit")  # a token, or a letter


@dataclass(frozen=True)
class Taken:
    """A slot in use; `common`: how much of the prompt it holds, `own`: whether the same owner used it last."""

    number: int
    common: int
    own: bool


@dataclass
class _Slot(Generic[Unit]):
    owner: str | None = None
    held: Sequence[Unit] = ()
    used: int = 0
    free: bool = True


class Slots(Generic[Unit]):
    """The places of an engine where answers are computed, and what each holds of earlier prompts."""

    def __init__(self, count: int) -> None:
        self._slots = [_Slot[Unit]() for _ in range(count)]
        self._clock = 0

    @property
    def free(self) -> bool:
        return any(slot.free for slot in self._slots)

    def take(self, owner: str, prompt: Sequence[Unit]) -> Taken | None:
        """A free slot, None when there is none. It holds nothing of the prompt when another owner used it last.

        The longest beginning wins; then a slot that nobody has used, then the one that was left first.
        """
        best, most = -1, (-1, 0, 0)
        for number, slot in enumerate(self._slots):
            if slot.free:
                common = common_beginning(slot.held, prompt) if slot.owner == owner else 0
                rank = (common, int(slot.owner is None), -slot.used)
                if best < 0 or rank > most:
                    best, most = number, rank
        if best < 0:
            return None
        self._slots[best].free = False
        return Taken(best, most[0], self._slots[best].owner == owner)

    def give_back(self, number: int, owner: str, held: Sequence[Unit]) -> None:
        self._clock += 1
        self._slots[number] = _Slot(owner, held, self._clock)


def common_beginning(first: Sequence[Unit], second: Sequence[Unit]) -> int:
    """How many units two rows share from the start on."""
    length = min(len(first), len(second))
    if first[:length] == second[:length]:
        return length
    low, high = 0, length - 1  # the beginnings of `low` agree, those of `high` + 1 do not
    while low < high:
        middle = (low + high + 1) // 2
        if first[:middle] == second[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
