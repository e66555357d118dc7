"""How a transparency log lies in files: checkpoint, tiles of hashes, bundles of entries (C2SP tlog-tiles)."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from openbook.books.merkle import leaf_hash, root_of_hashes, verify_inclusion
from openbook.books.note import VerifierKey, open_note
from openbook.books.signature import strict_base64
from openbook.errors import OpenbookError

CHECKPOINT = "checkpoint"
TILE_WIDTH = 256
MOST_ENTRY_BYTES = 0xFFFF
MOST_ENTRIES = 1 << 40
PROOF_HEAD = "c2sp.org/tlog-proof@v1"


class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """What is signed (C2SP tlog-checkpoint)."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Raises OpenbookError for a text that is no checkpoint."""
    lines = text.split("\n")
    try:
        origin, size, root, last = lines[0], _decimal(lines[1]), strict_base64(lines[2]), lines[-1]
        good = bool(origin) and len(root) == 32 and last == "" and len(lines) >= 4 and all(lines[3:-1])
        good = good and size <= MOST_ENTRIES
    except (ValueError, IndexError):
        good = False
    if not good:
        raise OpenbookError("this is no checkpoint of a log: a name, a size and a root, each on a line of its own.")
    return Checkpoint(origin, size, root)


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 15 or (text[0] == "0" and text != "0"):
        raise ValueError("not a plain number")
    return int(text)


def tile_path(level: int | str, index: int, width: int = TILE_WIDTH) -> str:
    """Path of a tile of hashes, or of a bundle for the level `entries`: 1234067 becomes `x001/x234/067`."""
    digits = [f"{index % 1000:03d}"]
    while index := index // 1000:
        digits.append(f"x{index % 1000:03d}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(digits))}{partial}"


def tile_widths(size: int, level: int) -> Iterator[tuple[int, int]]:
    """(index, width) of the tiles of a level of a tree, the last one partial."""
    hashes = size // TILE_WIDTH**level
    for index in range(-(-hashes // TILE_WIDTH)):
        yield index, min(TILE_WIDTH, hashes - index * TILE_WIDTH)


def read_bounded(path: Path, most: int) -> bytes:
    """A file of at most so many bytes. Raises OpenbookError for one that is missing, longer, or no plain file."""
    if path.is_symlink() or not path.is_file():
        raise OpenbookError(f"{path} is missing.")
    if path.stat().st_size > most:
        raise OpenbookError(f"{path} is longer than the {most:,} bytes that it may have.")
    return path.read_bytes()


def read_tile(folder: Path, level: int | str, index: int, width: int) -> bytes:
    """The tile, or as much of the full one, which may stand in a partial one's place. Raises OpenbookError."""
    most = TILE_WIDTH * ((2 + MOST_ENTRY_BYTES) if level == "entries" else 32)
    path = folder / tile_path(level, index, width)
    if not path.exists():
        path = folder / tile_path(level, index)
    return read_bounded(path, most)


def unbundle(data: bytes) -> list[bytes]:
    """The entries of a bundle: each behind its length, two bytes, big-endian. Raises OpenbookError for broken ones."""
    entries, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        entry = data[at + 2 : at + 2 + size]
        if len(data) < at + 2 or len(entry) != size:
            raise OpenbookError("a bundle of entries is cut off.")
        entries.append(entry)
        at += 2 + size
    return entries


def log_entries(folder: Path, size: int, first: int = 0) -> Iterator[bytes]:
    """Entries [first, size) of a log. Raises OpenbookError for a bundle that is missing or broken."""
    for index, width in tile_widths(size, 0):
        if (index + 1) * TILE_WIDTH <= first:
            continue
        entries = unbundle(read_tile(folder, "entries", index, width))
        if len(entries) < width:
            raise OpenbookError(f"{folder / tile_path('entries', index, width)} holds too few entries.")
        yield from entries[max(0, first - index * TILE_WIDTH) : width]


def open_checkpoint(folder: Path, key: VerifierKey) -> Checkpoint:
    """The log's checkpoint, signed by the key. Raises OpenbookError."""
    try:
        note = read_bounded(folder / CHECKPOINT, 1 << 20).decode()
    except UnicodeDecodeError:
        raise OpenbookError(f"{folder / CHECKPOINT} is not UTF-8.") from None
    return parse_checkpoint(open_note(note, key))


def check_log(folder: Path, key: VerifierKey, before: Checkpoint | None = None) -> tuple[Checkpoint, list[bytes]]:
    """The checkpoint and all entries, read from the bundles, when they give its root.

    With `before`, an older checkpoint, its tree must be the beginning of this one. Raises OpenbookError.
    """
    now = open_checkpoint(folder, key)
    entries = list(log_entries(folder, now.size))
    hashes = [leaf_hash(entry) for entry in entries]
    if root_of_hashes(hashes) != now.root:
        raise OpenbookError(f"{folder}: the entries do not give the root that the checkpoint signs.")
    for index, width in tile_widths(now.size, 0):
        if read_tile(folder, 0, index, width)[: 32 * width] != b"".join(hashes[index * TILE_WIDTH :][:width]):
            raise OpenbookError(f"{folder / tile_path(0, index, width)} does not hold the hashes of the entries.")
    if before is not None and (
        before.origin != now.origin or before.size > now.size or root_of_hashes(hashes[: before.size]) != before.root
    ):
        raise OpenbookError(f"{folder}: the older checkpoint ({before.size:,} entries) is no beginning of this log.")
    return now, entries


def check_proof(text: str, entry: bytes, key: VerifierKey) -> Checkpoint:
    """Whether a proof (C2SP tlog-proof) shows `entry` to be in the log of `key`. Raises OpenbookError when not."""
    head, separator, note = text.partition("\n\n")
    lines = head.split("\n")
    try:
        if not separator or lines.pop(0) != PROOF_HEAD:
            raise ValueError
        if lines and lines[0].startswith("extra "):
            lines.pop(0)
        name, _, number = lines.pop(0).partition(" ")
        if name != "index" or len(lines) > 64:
            raise ValueError
        index, path = _decimal(number), [strict_base64(line) for line in lines]
    except (ValueError, IndexError):
        raise OpenbookError("this is no proof that a log holds an entry.") from None
    found = parse_checkpoint(open_note(note, key))
    if not verify_inclusion(entry, index, found.size, path, found.root):
        raise OpenbookError("the proof does not show that the log holds this entry.")
    return found
