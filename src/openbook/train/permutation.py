"""A keyed permutation of 0..size-1 that is computed for one number at a time, in both directions.

A Feistel network over the next power of four, walked until it lands below `size` (Black and Rogaway 2002). It mixes
the order of training rows; it is no cipher.
"""

from dataclasses import dataclass
from functools import lru_cache

from openbook.books import chance

ROUNDS = 6
_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Permutation:
    size: int
    keys: tuple[int, ...]

    @property
    def _half(self) -> int:
        return max(1, ((self.size - 1).bit_length() + 1) // 2)

    def __call__(self, number: int) -> int:
        """Where `number` goes."""
        half, mask = self._half, (1 << self._half) - 1
        while True:
            left, right = number >> half, number & mask
            for key in self.keys:
                left, right = right, left ^ (_mix(right ^ key) & mask)
            number = left << half | right
            if number < self.size:
                return number

    def inverse(self, number: int) -> int:
        """What goes to `number`."""
        half, mask = self._half, (1 << self._half) - 1
        while True:
            left, right = number >> half, number & mask
            for key in reversed(self.keys):
                left, right = right ^ (_mix(left ^ key) & mask), left
            number = left << half | right
            if number < self.size:
                return number


@lru_cache(maxsize=4096)
def permutation(size: int, seed: int, purpose: str) -> Permutation:
    """The permutation of range(size) that the seed and the purpose give."""
    return Permutation(size, tuple(chance.key(seed, purpose, index) & _MASK for index in range(ROUNDS)))


def _mix(value: int) -> int:
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014)."""
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & _MASK
    return value ^ value >> 31
