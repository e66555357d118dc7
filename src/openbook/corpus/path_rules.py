"""Which paths a list of patterns allows or disallows: `*` is anything, `$` for the end (RFC 9309, 2.2.2, 2.2.3).

Patterns come from strangers: each is matched piece by piece, leftmost first, in time linear in the path, and only
those are tried whose beginning is that of the path.
"""

from collections.abc import Sequence
from functools import cached_property
from urllib.parse import unquote_to_bytes

Decision = tuple[int, bool]
"""Octets of the pattern that decides, and whether it allows: of two patterns the greater decision counts."""
NOTHING: Decision = (-1, True)
"""No pattern matches."""
UNDECIDED: Decision = (1 << 40, False)
"""It would take too long to find out: as if the path were disallowed."""
MOST_WORK = 1 << 26
"""Octets of paths that patterns with a `*` are sought in, for one decision: 30,000 patterns in 2,000 octets."""


class Pattern:
    """A path with wildcards."""

    __slots__ = ("beginning", "decision", "ends", "pieces")

    def __init__(self, path: str, allowed: bool) -> None:
        self.ends = path.endswith("$")
        self.decision: Decision = (len(path.encode("utf-8", "surrogatepass")), allowed)
        first, *rest = ((path[:-1] if self.ends else path) or "").split("*")
        self.beginning = unquote_to_bytes(first)
        pieces = [unquote_to_bytes(piece) for piece in rest]
        # An empty piece stands between two stars, and says nothing; the last one says whether the end is bound.
        self.pieces = [piece for piece in pieces[:-1] if piece] + pieces[-1:]

    def goes_on(self, path: bytes) -> bool:
        """Whether a path that starts with `beginning` matches."""
        if not self.pieces:
            return not self.ends or len(path) == len(self.beginning)
        at = len(self.beginning)
        for piece in self.pieces[:-1]:
            found = path.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        last = self.pieces[-1]
        if self.ends:
            return len(path) - len(last) >= at and path.endswith(last)
        return path.find(last, at) >= 0


class Rules:
    """Paths allowed and disallowed, of one group of agents or of one file."""

    def __init__(self, lines: Sequence[tuple[bool, str]] = ()) -> None:
        self.lines = list(lines)
        """(allowed, pattern)."""

    @cached_property
    def _by_beginning(self) -> dict[int, dict[bytes, list[Pattern]]]:
        """Length of the beginning -> beginning -> patterns, those first that decide over others."""
        made: dict[int, dict[bytes, list[Pattern]]] = {}
        for allowed, path in dict.fromkeys(self.lines):
            pattern = Pattern(path, allowed)
            made.setdefault(len(pattern.beginning), {}).setdefault(pattern.beginning, []).append(pattern)
        for patterns in (patterns for beginnings in made.values() for patterns in beginnings.values()):
            patterns.sort(key=lambda one: one.decision, reverse=True)
        return made

    def decide(self, path: bytes) -> Decision:
        """The longest pattern that matches decides; of two as long, the one that allows."""
        best, left = NOTHING, MOST_WORK // (len(path) + 1)
        for length, beginnings in self._by_beginning.items():
            for pattern in beginnings.get(path[:length], ()):
                if pattern.decision <= best:
                    break
                left -= bool(pattern.pieces)
                if left < 0:
                    return UNDECIDED
                if pattern.goes_on(path):
                    best = pattern.decision
                    break
        return best

    def disallows(self, path: bytes) -> bool:
        return not self.decide(path)[1]
