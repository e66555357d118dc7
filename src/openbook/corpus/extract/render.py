"""The kept blocks as plain text: paragraphs apart, list items as `- ` lines, table cells with ` | `, code as it was."""

import html
from typing import NamedTuple

import numpy as np

from openbook.corpus.extract.building import (
    BLOCK_COLUMNS,
    BLOCK_END,
    BLOCK_NODE,
    BLOCK_START,
    BLOCK_WIDTH,
    NODE_COLUMNS,
    NODE_FIRST,
    NODE_LAST,
    NODE_PARENT,
    NODE_TAG,
)
from openbook.corpus.extract.pointers import AHEAD, address, hold, pointer_bytes, pointer_ints
from openbook.corpus.extract.reader import Blocks, Nodes, block_table, node_table
from openbook.corpus.extract.references import BLANKS, DECODED, HARD, NONE, UNSEEN, put_decoded
from openbook.corpus.extract.scan import kernel, type_bytes, type_ints
from openbook.corpus.extract.tables import TAG

_ITEM, _LIST, _CELL, _CODE, _ROW, _TABLE = range(1, 7)
_ROLES = {
    _ITEM: "li dt dd",
    _LIST: "ul ol menu dir dl",
    _CELL: "td th",
    _CODE: "pre listing xmp",
    _ROW: "tr",
    _TABLE: "table",
}
_ROLE_OF_TAG = np.zeros(64, np.int64)
for _role, _names in _ROLES.items():
    _ROLE_OF_TAG[[TAG[name] for name in _names.split()]] = _role
_LI = TAG["li"]
WIDEST_CELL = 300


class Place(NamedTuple):
    """Where a block stands: its innermost list item, table cell, row, table and code, each a node or 0; how many lists
    are around it. A cell is simple when it is one short block: a cell of data, not of a layout."""

    item: int
    cell: int
    row: int
    table: int
    code: int
    level: int
    simple: bool


@kernel
def place_of(node: int, nodes: pointer_ints, blocks: pointer_ints) -> Place:
    item, cell, row, table, code, level, simple = 0, 0, 0, 0, 0, 0, False
    while node > 0 and table == 0:
        at = NODE_COLUMNS * node
        role = _ROLE_OF_TAG[nodes[at + NODE_TAG]]
        if role == _CODE:
            code = code if code else node
        elif role == _ITEM:
            item = item if item or cell else node
        elif role == _LIST:
            level += cell == 0
        elif role == _CELL:
            if cell == 0:
                cell, first = node, nodes[at + NODE_FIRST]
                simple = nodes[at + NODE_LAST] - first == 1
                simple = simple and blocks[BLOCK_COLUMNS * first + BLOCK_WIDTH] <= WIDEST_CELL
        elif role == _ROW:
            row = row if row else node
        elif role == _TABLE:
            table = node
        node = nodes[at + NODE_PARENT]
    return Place(item, cell, row, table, code, level, simple)


@kernel
def put_between(out: pointer_bytes, at: int, before: Place, here: Place) -> int:
    """Writes what separates two blocks; returns the position behind."""
    if here.code and here.code == before.code:
        out[at] = 10
        return at + 1
    if here.simple and before.simple and here.table == before.table:
        if here.row == before.row and here.row:
            out[at], out[at + 1], out[at + 2] = 32, 124, 32
            return at + 3
        out[at] = 10
        return at + 1
    out[at] = 10
    if here.item and before.item and here.table == before.table:
        return at + 1
    out[at + 1] = 10
    return at + 2


@kernel
def room(kept: type_ints, nodes: pointer_ints, blocks: pointer_ints) -> int:
    """Bytes that the kept blocks may take with what stands between them."""
    size = 0
    for k in kept:
        row = BLOCK_COLUMNS * k
        size += blocks[row + BLOCK_END] - blocks[row + BLOCK_START] + 5
        node = blocks[row + BLOCK_NODE]
        while node > 0:
            size += 2
            node = nodes[NODE_COLUMNS * node + NODE_PARENT]
    return size


@kernel
def put_blocks(
    source: type_bytes, block_rows: type_ints, node_rows: type_ints, kept: type_ints, decode: bool
) -> tuple[type_bytes, int]:
    """The text in UTF-8, and what became of its references: NONE there, DECODED, or HARD, too hard for a kernel."""
    text, blocks, nodes = address(source), address(block_rows), address(node_rows)
    written = np.empty(room(kept, nodes, blocks) + AHEAD, np.uint8)
    out, at, references = address(written), 0, NONE
    before = Place(0, 0, 0, 0, 0, 0, False)
    for number in range(kept.size):
        row = BLOCK_COLUMNS * kept[number]
        here = place_of(blocks[row + BLOCK_NODE], nodes, blocks)
        if number > 0:
            at = put_between(out, at, before, here)
        is_list = here.item > 0 and nodes[NODE_COLUMNS * here.item + NODE_TAG] == _LI
        if is_list and (number == 0 or before.item != here.item):
            for _ in range(2 * (here.level - 1)):
                out[at] = 32
                at += 1
            out[at], out[at + 1] = 45, 32
            at += 2
        at, had = put_decoded(text, blocks[row + BLOCK_START], blocks[row + BLOCK_END], out, at, decode)
        references = max(references, had)
        before = here
    hold(source)
    hold(block_rows)
    hold(node_rows)
    return written[:at], references


@kernel
def write_text(source: type_bytes, blocks: type_ints, nodes: type_ints, kept: type_ints) -> tuple[type_bytes, int]:
    out, references = put_blocks(source, blocks, nodes, kept, True)
    if references == HARD:
        out, _ = put_blocks(source, blocks, nodes, kept, False)
    return out, references


def render(blocks: Blocks, nodes: Nodes, kept: type_ints) -> str:
    """Text of the blocks `kept`, given in the order of the page."""
    return finish(*write_text(blocks.text, block_table(blocks), node_table(nodes), kept))


def finish(written: type_bytes, references: int) -> str:
    """The text as a string, what the kernel left undone done."""
    text = written.tobytes().decode("utf-8", "replace")
    if references == HARD:
        return plain(text)
    if references == DECODED and ("\u3000" in text or "\u205f" in text):
        return BLANKS.sub(" ", text)
    return text


def plain(text: str) -> str:
    """Named references decoded; the blanks among them become spaces, invisible signs go."""
    if "&" in text:
        text = UNSEEN.sub("", BLANKS.sub(" ", html.unescape(text)))
    return text
