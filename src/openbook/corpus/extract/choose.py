"""Which blocks of a page are kept, given the chance of each to be main text."""

import numpy as np
from numpy.typing import NDArray

from openbook.corpus.extract.reader import Blocks, Nodes
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
    kept: NDArray[np.bool_],
    heading: NDArray[np.bool_],
    chances: NDArray[np.float64],
    node_of: type_ints,
    width: type_ints,
    link_width: type_ints,
    tag: type_ints,
    parent: type_ints,
    is_whole: NDArray[np.bool_],
) -> None:
    """Adds to `kept` the blocks of tables and lists that are likely as a whole, each in its innermost one."""
    whole = np.zeros(tag.size, np.int64)
    for node in range(1, tag.size):
        whole[node] = node if is_whole[tag[node]] else whole[parent[node]]
    sums = np.zeros((4, tag.size))
    first, last = np.full(tag.size, -1, np.int64), np.zeros(tag.size, np.int64)
    for k in range(kept.size):
        at = whole[node_of[k]]
        first[at] = k if first[at] < 0 else first[at]
        last[at] = k
        sums[0, at] += 1
        sums[1, at] += width[k]
        sums[2, at] += link_width[k]
        sums[3, at] += chances[k]
    for at in range(1, tag.size):
        count, characters, links, likely = sums[:, at]
        if count == 0 or links > WHOLE_LINKS * characters or characters > SHORT_ENTRY * count:
            continue
        before, after = first[at] - 1, last[at] + 1
        while before >= 0 and heading[before] and not kept[before]:
            before -= 1
        while after < kept.size and heading[after] and not kept[after]:
            after += 1
        enclosed = before >= 0 and after < kept.size and kept[before] and kept[after]
        if likely >= count * (ENCLOSED_BAR if enclosed else WHOLE_BAR):
            for k in range(first[at], last[at] + 1):
                kept[k] |= whole[node_of[k]] == at


@kernel
def above_bar(chances: NDArray[np.float64], width: type_ints, running: int) -> NDArray[np.bool_]:
    """The blocks that reach the highest bar under which the page keeps enough text."""
    enough = min(float(ENOUGH), ENOUGH_SHARE * running)
    kept = np.zeros(chances.size, np.bool_)
    for number in range(len(BARS) + 1):
        bar = BARS[number] if number < len(BARS) else chances.max()
        held = 0
        for k in range(chances.size):
            kept[k] = chances[k] >= bar
            held += width[k] if kept[k] else 0
        if held > enough:
            break
    return kept


@kernel
def choose_blocks(
    chances: NDArray[np.float64],
    node_of: type_ints,
    width: type_ints,
    link_width: type_ints,
    tag: type_ints,
    parent: type_ints,
    is_whole: NDArray[np.bool_],
) -> type_ints:
    count = chances.size
    running = 0
    for k in range(count):
        running += width[k] - link_width[k]
    kept = above_bar(chances, width, running)
    heading = np.zeros(count, np.bool_)
    bridge = np.zeros(count, np.bool_)
    for k in range(count):
        node = node_of[k]
        heading[k] = _H1 <= tag[node] <= _H6 and chances[k] >= HEADING_BAR and 2 * link_width[k] < width[k]
        if 0 < k < count - 1 and kept[k - 1] and kept[k + 1] and chances[k] >= BRIDGE_BAR:
            bridge[k] = parent[node_of[k - 1]] == parent[node] == parent[node_of[k + 1]]
    kept |= bridge
    keep_wholes(kept, heading, chances, node_of, width, link_width, tag, parent, is_whole)
    for _ in range(2):  # a heading above a heading above text
        for k in range(count - 1):
            kept[k] |= heading[k] and kept[k + 1]
    return np.flatnonzero(kept)


def choose(blocks: Blocks, nodes: Nodes, chances: NDArray[np.float64]) -> type_ints:
    """Numbers of the kept blocks, in the order of the page; a page with blocks keeps at least the likeliest."""
    return choose_blocks(chances, blocks.node, blocks.width, blocks.link_width, nodes.tag, nodes.parent, _IS_WHOLE)
