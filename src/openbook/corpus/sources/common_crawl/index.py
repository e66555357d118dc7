"""Where the captures of some addresses lie: cluster.idx by binary search, then only the blocks that hold the keys.

A search costs about log2(size / 64 KiB) requests, some eleven for 130 MB, of which searches share the first; the
HTTP index server would answer in fewer but turns most clients away, the columnar index needs every file's footer.
"""

import hashlib
import zlib
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from openbook.corpus.sources import media
from openbook.corpus.sources.common_crawl.listing import address
from openbook.corpus.sources.common_crawl.surt import covering, prefixes
from openbook.corpus.sources.page import MAX_BODY
from openbook.corpus.sources.remote import Web
from openbook.corpus.sources.settings import CommonCrawlSource
from openbook.errors import OpenbookError

PIECE = 1 << 16
RUN_BYTES = 4 << 20
"""Neighboring blocks are asked for together up to this size."""
MOST_CAPTURES = 3_000_000
"""Held in memory at once, about half a kilobyte each."""


@dataclass(frozen=True, slots=True, order=True)
class Capture:
    """One record of the crawl."""

    file: str
    offset: int
    length: int
    url: str
    timestamp: str
    digest: str


@dataclass(frozen=True)
class Block:
    """A compressed member of an index file, some 3,000 lines long."""

    file: str
    offset: int
    length: int


class _Lines:
    """A sorted text file elsewhere, read in pieces of 64 KiB, the last 256 of which are kept."""

    def __init__(self, web: Web, url: str) -> None:
        self.web, self.url = web, url
        self.pieces: OrderedDict[int, bytes] = OrderedDict()
        self.size = 0
        self.piece(0)

    def piece(self, number: int) -> bytes:
        if number in self.pieces:
            self.pieces.move_to_end(number)
        else:
            self.pieces[number], self.size = self.web.piece(self.url, number * PIECE, (number + 1) * PIECE)
            if len(self.pieces) > 256:
                self.pieces.popitem(last=False)
        return self.pieces[number]

    def from_piece(self, number: int) -> Iterator[bytes]:
        """Lines that begin in this piece, and all behind it."""
        begun = number == 0
        rest = b""
        while number * PIECE < self.size:
            data = self.piece(number)
            if not begun:
                at = data.find(b"\n")
                begun, data = at >= 0, data[at + 1 :] if at >= 0 else b""
            *whole, rest = (rest + data).split(b"\n")
            yield from whole
            number += 1
        if rest:
            yield rest

    def around(self, prefix: bytes) -> Iterator[bytes]:
        """The lines that begin with the prefix, and the one before them."""
        low, high = 0, -(-self.size // PIECE)  # the first piece whose first line is not before the prefix
        while low < high:
            middle = (low + high) // 2
            if next(self.from_piece(middle), prefix) >= prefix:
                high = middle
            else:
                low = middle + 1
        before: bytes | None = None
        for line in self.from_piece(max(low - 1, 0)):
            if line < prefix:
                before = line
                continue
            if before is not None:
                yield before
                before = None
            if not line.startswith(prefix):
                return
            yield line
        if before is not None:
            yield before


def captures(source: CommonCrawlSource, web: Web) -> tuple[list[Capture], Counter[str], dict[str, Any]]:
    """Records that may hold pages in the order of their places, what was left out and why, what the search took.

    Raises OpenbookError when the index cannot be read or has nothing under any of the prefixes.
    """
    folder = f"cc-index/collections/{source.crawl}/indexes"
    wanted = covering(prefix for url in source.urls or () for prefix in prefixes(url))
    clusters = _Lines(web, address(source, f"{folder}/cluster.idx"))
    blocks = sorted(
        {_block(line) for prefix in wanted for line in clusters.around(prefix)}, key=lambda one: (one.file, one.offset)
    )
    found: list[Capture] = []
    total = 0
    left_out: Counter[str] = Counter()
    for line in _block_lines(web, address(source, folder), blocks):
        if any(line.startswith(prefix) for prefix in wanted):
            capture = _capture(line, left_out)
            if capture is not None:
                total += 1
                found.append(capture)
                if source.pages and len(found) >= 2 * source.pages + 1000:
                    found = choose(found, source.pages)
                elif len(found) > MOST_CAPTURES:
                    raise OpenbookError(
                        f"source {source.name!r}: more than {MOST_CAPTURES:,} records of {source.crawl} lie under its "
                        "`urls`: bound them with `pages`, or divide them among several sources."
                    )
    found = choose(found, source.pages)
    if len(found) < total:
        left_out["beyond the bound on pages"] = total - len(found)
    if all(media.is_policy_file(capture.url) for capture in found):
        reasons = ", ".join(f"{count:,} of {kind}" for kind, count in left_out.most_common(3)) or "nothing at all"
        raise OpenbookError(
            f"source {source.name!r} is empty: {source.crawl} holds no page under {', '.join((source.urls or [])[:3])} "
            f"(its index has {reasons})."
        )
    return found, left_out, {"index_bytes": clusters.size, "index_blocks": len(blocks)}


def choose(found: list[Capture], most: int | None) -> list[Capture]:
    """By the hash of address and time, in the order of the places."""
    if most is None or len(found) <= most:
        return sorted(found)
    return sorted(sorted(found, key=_hash)[:most])


def _hash(capture: Capture) -> bytes:
    return hashlib.sha256(f"{capture.url}\n{capture.timestamp}".encode()).digest()


def _block(line: bytes) -> Block:
    fields = line.split(b"\t")
    try:
        return Block(fields[1].decode(), int(fields[2]), int(fields[3]))
    except (IndexError, ValueError):
        raise OpenbookError(f"the crawl's cluster.idx holds a line that cannot be read: {line[:80]!r}.") from None


def _block_lines(web: Web, folder: str, blocks: list[Block]) -> Iterator[bytes]:
    """Lines of the blocks; neighbors in a file are fetched together."""
    at = 0
    while at < len(blocks):
        first = last = blocks[at]
        run = [first]
        while at + len(run) < len(blocks):
            following = blocks[at + len(run)]
            joins = following.file == last.file and following.offset == last.offset + last.length
            if not joins or following.offset + following.length - first.offset > RUN_BYTES:
                break
            run.append(last := following)
        data, _ = web.piece(f"{folder}/{first.file}", first.offset, last.offset + last.length)
        for block in run:
            start = block.offset - first.offset
            try:
                yield from zlib.decompress(data[start : start + block.length], 31).splitlines()
            except zlib.error as error:
                raise OpenbookError(f"{folder}/{block.file}, byte {block.offset:,}: damaged index ({error}).") from None
        at += len(run)


def _capture(line: bytes, left_out: Counter[str]) -> Capture | None:
    """None, and counted, for what is no page."""
    try:
        _, timestamp, fields = line.split(b" ", 2)
        row = orjson.loads(fields)
        status, length = str(row.get("status", "")), int(row["length"])
        found = Capture(
            row["filename"], int(row["offset"]), length, row["url"], timestamp.decode(), row.get("digest", "")
        )
    except (ValueError, KeyError, TypeError):
        left_out["unreadable line of the index"] += 1
        return None
    declared, identified = row.get("mime"), row.get("mime-detected")
    if not status.startswith("2"):
        left_out[f"status {status[:3]}"] += 1
    elif not media.is_policy_file(found.url) and not media.may_be_page(declared, identified):
        left_out[media.kind_of(media.declared_type(declared, identified))] += 1
    elif length > MAX_BODY:
        left_out["too large"] += 1
    else:
        return found
    return None
