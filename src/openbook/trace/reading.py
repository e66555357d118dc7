"""Which training steps read these words of a document? Computed from the run's order, token by token."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from openbook.books.record import FILE_NAME
from openbook.trace.index import Source

if TYPE_CHECKING:
    from openbook.tokenizer import TokenizedCorpus
    from openbook.train import Order


@dataclass(frozen=True)
class Reading:
    """What a run's training read."""

    run: Path

    @classmethod
    def of(cls, run: Path | None) -> "Reading | None":
        """None where there is no run, or where it has trained no model."""
        needed = ("model", "tokens", "tokenizer")
        return cls(run) if run and all((run / step / FILE_NAME).is_file() for step in needed) else None

    def steps(self, source: Source, start: int, end: int) -> tuple[int, ...]:
        """The steps, ascending, that read one of the tokens of a document's laid-out bytes [start, end)."""
        first, last = self._tokens(source, start, end)
        seen = {one.step for one in self._order.seen(source.language, first, last)}
        return tuple(sorted(seen - self._without_effect))

    def _tokens(self, source: Source, start: int, end: int) -> tuple[int, int]:
        """The language's tokens that hold these bytes; the whole document's where its tokens do not spell its text."""
        from openbook.trace.layout import BEHIND, FIRST, FROM, UNTIL, lay_out

        begins, ends = source.tokens
        ids = np.asarray(self._corpus.tokens(source.language)[begins:ends]).astype(np.int64)
        pieces, sizes = self._pieces
        raw = b"".join([pieces[token] for token in ids.tolist()])
        text = raw.decode("utf-8", "replace")
        laid = lay_out(text)
        first = int(np.searchsorted(laid.words[:, FIRST], start))
        last = int(np.searchsorted(laid.words[:, BEHIND], end))
        found = first < len(laid) and last < len(laid)
        if not found or (laid.words[first, FIRST], laid.words[last, BEHIND]) != (start, end):
            return begins, ends
        from_byte = len(text[: laid.words[first, FROM]].encode())
        until_byte = len(text[: laid.words[last, UNTIL]].encode())
        behind = np.cumsum(sizes[ids])
        at = int(np.searchsorted(behind, from_byte, side="right"))
        return begins + at, begins + int(np.searchsorted(behind, until_byte, side="left")) + 1

    @cached_property
    def _corpus(self) -> "TokenizedCorpus":
        from openbook.tokenizer import TokenizedCorpus

        return TokenizedCorpus.open(self.run / "tokens")

    @cached_property
    def _pieces(self) -> tuple[list[bytes], NDArray[np.int64]]:
        """The bytes of each token, and how many; none for special tokens."""
        from openbook.tokenizer import Tokenizer

        tokenizer = Tokenizer.open(self.run / "tokenizer")
        hidden = set(tokenizer.specials.values())
        pieces = [b"" if at in hidden else tokenizer.token_bytes(at) for at in range(tokenizer.vocabulary_size)]
        return pieces, np.array([len(piece) for piece in pieces], np.int64)

    @cached_property
    def _order(self) -> "Order":
        from openbook.trace.lineage import order_of

        return order_of(self.run)

    @cached_property
    def _without_effect(self) -> frozenset[int]:
        from openbook.trace.lineage import without_effect

        return without_effect(self.run)
