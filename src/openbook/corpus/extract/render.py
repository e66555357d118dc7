"""The kept blocks as plain text: paragraphs apart, list items as `- ` lines, table cells with ` | `, code as it was."""

import html
import re
from typing import NamedTuple

import numpy as np

from openbook.corpus.extract.reader import Blocks, Nodes
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

_BLANKS = re.compile("[\xa0\u2000-\u200a\u202f\u205f\u3000]")
_UNSEEN = re.compile("[\xad\u200b\ufeff]")


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
def place_of(
    node: int,
    tags: type_ints,
    parents: type_ints,
    first: type_ints,
    last: type_ints,
    width: type_ints,
    roles: type_ints,
) -> Place:
    item, cell, row, table, code, level, simple = 0, 0, 0, 0, 0, 0, False
    while node > 0 and table == 0:
        role = roles[tags[node]]
        if role == _CODE:
            code = code if code else node
        elif role == _ITEM:
            item = item if item or cell else node
        elif role == _LIST:
            level += cell == 0
        elif role == _CELL:
            if cell == 0:
                cell = node
                simple = last[node] - first[node] == 1 and width[first[node]] <= WIDEST_CELL
        elif role == _ROW:
            row = row if row else node
        elif role == _TABLE:
            table = node
        node = parents[node]
    return Place(item, cell, row, table, code, level, simple)


@kernel
def put_between(out: type_bytes, at: int, before: Place, here: Place) -> int:
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
def put_blocks(
    text: type_bytes,
    start: type_ints,
    end: type_ints,
    node_of: type_ints,
    width: type_ints,
    tags: type_ints,
    parents: type_ints,
    first: type_ints,
    last: type_ints,
    kept: type_ints,
    roles: type_ints,
) -> type_bytes:
    size = 0
    for k in kept:
        size += end[k] - start[k] + 5
        node = node_of[k]
        while node > 0:
            size += 2
            node = parents[node]
    out = np.empty(size, np.uint8)
    at = 0
    before = Place(0, 0, 0, 0, 0, 0, False)
    for number in range(kept.size):
        k = kept[number]
        here = place_of(node_of[k], tags, parents, first, last, width, roles)
        if number > 0:
            at = put_between(out, at, before, here)
        if here.item and tags[here.item] == _LI and (number == 0 or before.item != here.item):
            for _ in range(2 * (here.level - 1)):
                out[at] = 32
                at += 1
            out[at], out[at + 1] = 45, 32
            at += 2
        for j in range(start[k], end[k]):
            out[at] = text[j]
            at += 1
        before = here
    return out[:at]


def render(blocks: Blocks, nodes: Nodes, kept: type_ints) -> str:
    """Text of the blocks `kept`, given in the order of the page."""
    out = put_blocks(
        blocks.text,
        blocks.start,
        blocks.end,
        blocks.node,
        blocks.width,
        nodes.tag,
        nodes.parent,
        nodes.first,
        nodes.last,
        kept,
        _ROLE_OF_TAG,
    )
    return plain(out.tobytes().decode("utf-8", "replace"))


def plain(text: str) -> str:
    """Named references decoded; the blanks among them become spaces, invisible signs go."""
    if "&" in text:
        text = _UNSEEN.sub("", _BLANKS.sub(" ", html.unescape(text)))
    return text
