"""An append-only log in a folder: entries that are added once and never change, and proofs of that.

C2SP tlog-tiles, so that any file server can publish it and any monitor or witness can read it.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from openbook.books import store, tree
from openbook.books.merkle import leaf_hash, root_of_hashes
from openbook.books.note import good_key_name, sign_note
from openbook.books.tiles import (
    CHECKPOINT,
    MOST_ENTRY_BYTES,
    PROOF_HEAD,
    TILE_WIDTH,
    Checkpoint,
    log_entries,
    parse_checkpoint,
    read_bounded,
    read_tile,
    tile_path,
)
from openbook.errors import OpenbookError

Sign = Callable[[bytes], bytes]
"""A message -> its Ed25519 signature."""


class TileLog:
    """A log as its checkpoint describes it; what lies in the folder beyond that was never signed and does not count."""

    def __init__(self, folder: Path, note: str | None) -> None:
        self.folder = folder
        self.note = note
        """The checkpoint as it is signed; None for a log without entries."""
        self.checkpoint = parse_checkpoint(note.rpartition("\n\n")[0] + "\n") if note else None

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Reads the checkpoint and the few hashes at the tree's right edge, whatever the log's size.

        Raises OpenbookError when they do not fit together.
        """
        if not (folder / CHECKPOINT).exists():
            return cls(folder, None)
        try:
            log = cls(folder, read_bounded(folder / CHECKPOINT, 1 << 20).decode())
        except UnicodeDecodeError:
            raise OpenbookError(f"{folder / CHECKPOINT} is not UTF-8.") from None
        if log.root(log.size) != log.root_now:
            raise OpenbookError(f"{folder}: the hashes in tile/ do not give the checkpoint's root: one was changed.")
        return log

    @property
    def size(self) -> int:
        return self.checkpoint.size if self.checkpoint else 0

    @property
    def root_now(self) -> bytes:
        return self.checkpoint.root if self.checkpoint else self.root(0)

    def root(self, size: int) -> bytes:
        """The root of the first `size` entries. Raises OpenbookError for more than there are."""
        if not 0 <= size <= self.size:
            raise OpenbookError(f"{self.folder} has {self.size:,} entries, not {size:,}.")
        return tree.subtree(self._stored, 0, size)

    def entry(self, index: int) -> bytes:
        """Raises OpenbookError when there is no such entry."""
        if not 0 <= index < self.size:
            raise OpenbookError(f"{self.folder} has no entry {index:,}; there are {self.size:,}, counted from 0.")
        return next(log_entries(self.folder, self.size, index))

    def entries(self, first: int = 0) -> list[bytes]:
        return list(log_entries(self.folder, self.size, first))

    def consistency(self, first: int, second: int) -> list[bytes]:
        """The proof of RFC 6962 that the log of `first` entries is the beginning of that of `second`."""
        if not 0 < first <= second <= self.size:
            raise OpenbookError(f"{self.folder} has {self.size:,} entries: there is no proof from {first} to {second}.")
        return tree.consistency(self._stored, first, second)

    def proof(self, index: int) -> str:
        """The proof that an entry is in the log, whole in itself, as C2SP tlog-proof writes it."""
        self.entry(index)
        path = tree.inclusion(self._stored, index, self.size)
        lines = [PROOF_HEAD, f"index {index}", *(b64encode(one).decode() for one in path)]
        return "\n".join(lines) + f"\n\n{self.note}"

    def append(self, entries: Sequence[bytes], origin: str, public: bytes, sign: Sign) -> Checkpoint:
        """Add entries and sign the new checkpoint. One process at a time; the checkpoint is written last.

        Raises OpenbookError for an entry that is too long, another origin, or a folder that another process writes.
        """
        too_long = [entry for entry in entries if not 0 < len(entry) <= MOST_ENTRY_BYTES]
        if too_long or not entries:
            raise OpenbookError(f"an entry of a log has 1 to {MOST_ENTRY_BYTES:,} bytes.")
        if not good_key_name(origin):
            raise OpenbookError(f"{origin!r} cannot name a log: no spaces and no plus signs, such as example.org/log.")
        with store.lock(self.folder):
            now = type(self).open(self.folder)
            if now.checkpoint and now.checkpoint.origin != origin:
                raise OpenbookError(f"{self.folder} is the log {now.checkpoint.origin}, not {origin}.")
            size = now.size + len(entries)
            _write_bundles(now, entries, size)
            _write_hashes(now, [leaf_hash(entry) for entry in entries], size)
            grown = Checkpoint(origin, size, tree.subtree(_stored(self.folder, size), 0, size))
            note = sign_note(grown.text(), origin, public, sign)
            store.write_bytes(self.folder / CHECKPOINT, note.encode())
        self.note, self.checkpoint = note, grown
        return grown

    def _stored(self, level: int, first: int, count: int) -> bytes:
        return _stored(self.folder, self.size)(level, first, count)


def _stored(folder: Path, size: int) -> tree.Stored:
    def stored(level: int, first: int, count: int) -> bytes:
        index, start = divmod(first, TILE_WIDTH)
        width = min(TILE_WIDTH, size // TILE_WIDTH**level - index * TILE_WIDTH)
        joined = read_tile(folder, level, index, width)[32 * start : 32 * (start + count)]
        if len(joined) != 32 * count:
            raise OpenbookError(f"{folder / tile_path(level, index, width)} holds too few hashes.")
        return joined

    return stored


def _write_bundles(log: TileLog, entries: Sequence[bytes], size: int) -> None:
    """Bundles that were written by a process that died before it signed are written over."""
    first = log.size // TILE_WIDTH * TILE_WIDTH
    held = [*log.entries(first), *entries] if first < log.size else list(entries)
    for at in range(0, len(held), TILE_WIDTH):
        part = held[at : at + TILE_WIDTH]
        data = b"".join(len(entry).to_bytes(2, "big") + entry for entry in part)
        store.write_bytes(log.folder / tile_path("entries", (first + at) // TILE_WIDTH, len(part)), data)


def _write_hashes(log: TileLog, new: Sequence[bytes], size: int) -> None:
    """Level by level: the hashes of full tiles that were added go into the level above."""
    level, hashes = 0, list(new)
    while hashes:
        old = log.size // TILE_WIDTH**level
        first = old // TILE_WIDTH * TILE_WIDTH
        kept = _stored(log.folder, log.size)(level, first, old - first) if old > first else b""
        held = [*(kept[at : at + 32] for at in range(0, len(kept), 32)), *hashes]
        above = []
        for at in range(0, len(held), TILE_WIDTH):
            part = held[at : at + TILE_WIDTH]
            path = log.folder / tile_path(level, (first + at) // TILE_WIDTH, len(part))
            store.write_bytes(path, b"".join(part))
            if len(part) == TILE_WIDTH:
                above.append(root_of_hashes(part))
        level, hashes = level + 1, above
