"""Which blocks of a page are kept, given the chance of each to be main text."""

import numpy as np
from numpy.typing import NDArray

from openbook.corpus.extract.building import (
    BLOCK_COLUMNS,
    BLOCK_LINK_WIDTH,
    BLOCK_NODE,
    BLOCK_WIDTH,
    NODE_COLUMNS,
    NODE_PARENT,
    NODE_TAG,
)
from openbook.corpus.extract.pointers import address, hold, pointer_bytes, pointer_floats, pointer_ints
from openbook.corpus.extract.reader import Blocks, Nodes, block_table, node_table
from openbook.corpus.extract.scan import kernel, type_ints
from openbook.corpus.extract.tables import TAG

# A block is main text from this chance on. A page that would keep nearly nothing lowers the bar step by step.
BARS = (0.5, 0.3, 0.15, 0.05)
ENOUGH = 250
ENOUGH_SHARE = 0.6
# A heading right above kept text, or a block between two kept ones in the same element, needs less.
HEADING_BAR, BRIDGE_BAR = 0.1, 0.35
# A table or list of short entries is kept whole from this mean chance on, if few of its characters are links.
# One that stands between kept blocks needs less.
WHOLE_BAR, ENCLOSED_BAR, WHOLE_LINKS, SHORT_ENTRY = 0.35, 0.2, 0.15, 120

_H1, _H6 = TAG["h1"], TAG["h6"]
_IS_WHOLE = np.zeros(64, np.bool_)
_IS_WHOLE[[TAG[name] for name in ("table", "ul", "ol", "dl")]] = True


@kernel
def keep_wholes(
    kept: pointer_bytes,
    heading: pointer_bytes,
    chances: pointer_floats,
    blocks: pointer_ints,
    count: int,
    nodes: pointer_ints,
    node_count: int,
) -> None:
    """Adds to `kept` the blocks of tables and lists that are likely as a whole, each in its innermost one."""
    ints, reals = np.empty(5 * node_count, np.int64), np.zeros(node_count)
    whole, first, last = address(ints), address(ints[node_count:]), address(ints[2 * node_count :])
    characters, links, likely = address(ints[3 * node_count :]), address(ints[4 * node_count :]), address(reals)
    for node in range(node_count):
        row = NODE_COLUMNS * node
        whole[node] = (node if _IS_WHOLE[nodes[row + NODE_TAG]] else whole[nodes[row + NODE_PARENT]]) if node else 0
        first[node], last[node], characters[node], links[node] = -1, 0, 0, 0
    held = np.zeros(node_count, np.int64)
    for k in range(count):
        row = BLOCK_COLUMNS * k
        at = whole[blocks[row + BLOCK_NODE]]
        first[at] = k if first[at] < 0 else first[at]
        last[at] = k
        held[at] += 1
        characters[at] += blocks[row + BLOCK_WIDTH]
        links[at] += blocks[row + BLOCK_LINK_WIDTH]
        likely[at] += chances[k]
    for at in range(1, node_count):
        number = held[at]
        if number == 0 or links[at] > WHOLE_LINKS * characters[at] or characters[at] > SHORT_ENTRY * number:
            continue
        before, after = first[at] - 1, last[at] + 1
        while before >= 0 and heading[before] and not kept[before]:
            before -= 1
        while after < count and heading[after] and not kept[after]:
            after += 1
        enclosed = before >= 0 and after < count and kept[before] and kept[after]
        if likely[at] >= number * (ENCLOSED_BAR if enclosed else WHOLE_BAR):
            for k in range(first[at], last[at] + 1):
                kept[k] |= whole[blocks[BLOCK_COLUMNS * k + BLOCK_NODE]] == at
    hold(ints)
    hold(reals)


@kernel
def keep_above_bar(kept: pointer_bytes, chances: pointer_floats, blocks: pointer_ints, count: int) -> None:
    """The blocks that reach the highest bar under which the page keeps enough text."""
    running, most = 0, 0.0
    for k in range(count):
        running += blocks[BLOCK_COLUMNS * k + BLOCK_WIDTH] - blocks[BLOCK_COLUMNS * k + BLOCK_LINK_WIDTH]
        most = max(most, chances[k])
    enough = min(float(ENOUGH), ENOUGH_SHARE * running)
    for number in range(len(BARS) + 1):
        bar = BARS[number] if number < len(BARS) else most
        held = 0
        for k in range(count):
            kept[k] = chances[k] >= bar
            held += blocks[BLOCK_COLUMNS * k + BLOCK_WIDTH] if kept[k] else 0
        if held > enough:
            break


@kernel
def choose_blocks(likely: NDArray[np.float64], block_rows: type_ints, node_rows: type_ints) -> type_ints:
    """Numbers of the kept blocks, in the order of the page; a page with blocks keeps at least the likeliest."""
    count = likely.size
    marks = np.zeros((3, count), np.uint8)
    kept, heading, bridge = address(marks), address(marks[1]), address(marks[2])
    chances, blocks, nodes = address(likely), address(block_rows), address(node_rows)
    keep_above_bar(kept, chances, blocks, count)
    for k in range(count):
        row = BLOCK_COLUMNS * k
        node = NODE_COLUMNS * blocks[row + BLOCK_NODE]
        if _H1 <= nodes[node + NODE_TAG] <= _H6 and chances[k] >= HEADING_BAR:
            heading[k] = 2 * blocks[row + BLOCK_LINK_WIDTH] < blocks[row + BLOCK_WIDTH]
        if 0 < k < count - 1 and kept[k - 1] and kept[k + 1] and chances[k] >= BRIDGE_BAR:
            before, after = blocks[row - BLOCK_COLUMNS + BLOCK_NODE], blocks[row + BLOCK_COLUMNS + BLOCK_NODE]
            parent = nodes[node + NODE_PARENT]
            bridge[k] = nodes[NODE_COLUMNS * before + NODE_PARENT] == parent
            bridge[k] &= nodes[NODE_COLUMNS * after + NODE_PARENT] == parent
    for k in range(count):
        kept[k] |= bridge[k]
    keep_wholes(kept, heading, chances, blocks, count, nodes, node_rows.shape[0])
    for _ in range(2):  # a heading above a heading above text
        for k in range(count - 1):
            kept[k] |= heading[k] and kept[k + 1]
    hold(likely)
    hold(block_rows)
    hold(node_rows)
    return np.flatnonzero(marks[0])


def choose(blocks: Blocks, nodes: Nodes, chances: NDArray[np.float64]) -> type_ints:
    """Numbers of the kept blocks, in the order of the page."""
    return choose_blocks(chances, block_table(blocks), node_table(nodes))
