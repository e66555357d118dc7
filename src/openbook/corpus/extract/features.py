"""Each block as a row of numbers: its own text, the elements around it, its neighbors, its place in the page."""

import numpy as np

from openbook.corpus.extract.attributes import ARTICLE_BODY, HIDDEN
from openbook.corpus.extract.building import (
    BLOCK_COLUMNS,
    BLOCK_END,
    BLOCK_LINK_WIDTH,
    BLOCK_LINKS,
    BLOCK_NODE,
    BLOCK_START,
    BLOCK_WIDTH,
    NODE_COLUMNS,
    NODE_FIRST,
    NODE_LAST,
    NODE_PARENT,
    NODE_TAG,
)
from openbook.corpus.extract.measures import COUNTS, count_signs, hash_text, occurs
from openbook.corpus.extract.pointers import address, hold, pointer_bytes, pointer_floats, pointer_ints
from openbook.corpus.extract.reader import Blocks, Nodes, block_table, node_table
from openbook.corpus.extract.scan import kernel, type_bytes, type_ints
from openbook.corpus.extract.surroundings import (
    AROUND,
    SHARES,
    Around,
    Sums,
    add_up,
    best_element,
    count_alike,
    count_equal,
    look_around,
    type_floats,
)
from openbook.corpus.extract.tables import GROUPS, TAG

PLACE_OF_TAG = np.full(64, -1, np.int64)
for _place, _name in enumerate(AROUND):
    PLACE_OF_TAG[TAG[_name]] = _place
PLACE_OF_TAG[TAG["ol"]] = AROUND.index("ul")
PLACE_OF_TAG[TAG["th"]] = AROUND.index("td")

# Kinds of the element in which a block stands, 0 for all others.
_KINDS = "p|h1|h2 h3|h4 h5 h6|li|dt dd|td th caption|pre listing xmp|blockquote|figcaption".split("|")
KIND_OF_TAG = np.zeros(64, np.int64)
for _kind, _names in enumerate(_KINDS, 1):
    for _name in _names.split():
        KIND_OF_TAG[TAG[_name]] = _kind
HEADLINE = 2

LEVELS, OFFSETS = 4, (-2, -1, 1, 2)
FARTHEST = 30  # blocks up to which the next running text is looked for
SHORT_RUN, LONG_RUN = 3, 8

OWN = ("width", "link_share", "links", *COUNTS, "kind", "repeats", "in_title", "hidden", "article_body", "depth")
LEVEL = ("share", "link_share", "mean", "good_share", "siblings", "children")
NEAR = ("width", "link_share", "kind", "same_parent", "ends_well")
PLACE = (
    "index", "text_before", "good_before", "to_title", "back", "ahead", "run3", "run8", "blocks", "page_width",
    "page_links", "page_good", "best_in", "best_share", "best_level", "best_place", "best_left",
)  # fmt: skip
NAMES = (
    [f"own {name}" for name in OWN]
    + [f"level {level} {name}" for level in range(LEVELS) for name in LEVEL]
    + [f"near {offset:+d} {name}" for offset in OFFSETS for name in NEAR]
    + [f"in {name}" for name in AROUND]
    + [f"class {name}" for name in GROUPS]
    + [f"place {name}" for name in PLACE]
)
_OWN_END = len(OWN)
_LEVEL_END = _OWN_END + LEVELS * len(LEVEL)
_NEAR_END = _LEVEL_END + len(OFFSETS) * len(NEAR)
_SHARES_END = _NEAR_END + len(AROUND) + len(GROUPS)
_COLUMNS = len(NAMES)


@kernel
def is_running_text(width: int, link_width: int, ends: int) -> bool:
    return 3 * link_width < width and (width >= 200 or width >= 60 and ends > 0)


@kernel
def title_block(kinds: pointer_ints, in_title: pointer_bytes, count: int) -> int:
    """The first h1 whose text stands in the title, else the first such block, else the first h1, else -1."""
    first, headline = -1, -1
    for k in range(count):
        if in_title[k] and (first < 0 or kinds[k] == HEADLINE and kinds[first] != HEADLINE):
            first = k
        if headline < 0 and kinds[k] == HEADLINE:
            headline = k
    return first if first >= 0 else headline


@kernel
def put_levels(
    rows: pointer_floats, at: int, node: int, nodes: pointer_ints, total: float, sums: Sums, around: Around
) -> None:
    for _ in range(LEVELS):
        first, last = nodes[NODE_COLUMNS * node + NODE_FIRST], nodes[NODE_COLUMNS * node + NODE_LAST]
        inner = max(sums.width[last] - sums.width[first], 1.0)
        rows[at] = inner / total
        rows[at + 1] = (sums.link[last] - sums.link[first]) / inner
        rows[at + 2] = inner / max(last - first, 1)
        rows[at + 3] = (sums.good[last] - sums.good[first]) / inner
        rows[at + 4] = around.alike[node]
        rows[at + 5] = around.children[node]
        at += 6
        if node > 0:
            node = nodes[NODE_COLUMNS * node + NODE_PARENT]


@kernel
def put_neighbors(
    rows: pointer_floats,
    at: int,
    k: int,
    count: int,
    blocks: pointer_ints,
    nodes: pointer_ints,
    kinds: pointer_ints,
    ends_well: pointer_ints,
) -> None:
    parent = nodes[NODE_COLUMNS * blocks[BLOCK_COLUMNS * k + BLOCK_NODE] + NODE_PARENT]
    for offset in OFFSETS:
        other = k + offset
        if 0 <= other < count:
            row = BLOCK_COLUMNS * other
            rows[at] = blocks[row + BLOCK_WIDTH]
            rows[at + 1] = blocks[row + BLOCK_LINK_WIDTH] / max(blocks[row + BLOCK_WIDTH], 1)
            rows[at + 2] = kinds[other]
            rows[at + 3] = nodes[NODE_COLUMNS * blocks[row + BLOCK_NODE] + NODE_PARENT] == parent
            rows[at + 4] = ends_well[other]
        else:
            for place in range(at, at + 5):
                rows[place] = -1
        at += 5


@kernel
def put_place(
    rows: pointer_floats, at: int, k: int, count: int, good: pointer_bytes, total: float, sums: Sums, title: int
) -> None:
    running = sums.good[count]
    back, ahead = k - 1, k + 1
    while back >= 0 and k - back < FARTHEST and not good[back]:
        back -= 1
    while ahead < count and ahead - k < FARTHEST and not good[ahead]:
        ahead += 1
    rows[at] = k / count
    rows[at + 1] = sums.width[k] / total
    rows[at + 2] = sums.good[k] / max(running, 1.0)
    rows[at + 3] = k - title if title >= 0 else -1000
    rows[at + 4], rows[at + 5] = k - back, ahead - k
    rows[at + 6] = sums.good[min(count, k + SHORT_RUN + 1)] - sums.good[max(0, k - SHORT_RUN)]
    rows[at + 7] = sums.good[min(count, k + LONG_RUN + 1)] - sums.good[max(0, k - LONG_RUN)]
    rows[at + 8], rows[at + 9] = count, total
    rows[at + 10], rows[at + 11] = sums.link[count] / total, running / total


@kernel
def put_best(
    rows: pointer_floats, at: int, k: int, node: int, nodes: pointer_ints, running: float, sums: Sums, best: int
) -> None:
    first, last = nodes[NODE_COLUMNS * best + NODE_FIRST], nodes[NODE_COLUMNS * best + NODE_LAST]
    held = sums.good[last] - sums.good[first]
    rows[at + 1] = held / max(running, 1.0)
    if first <= k < last:
        level = 0
        while node != best and node > 0:
            node = nodes[NODE_COLUMNS * node + NODE_PARENT]
            level += 1
        rows[at], rows[at + 2], rows[at + 4] = 1, level, 0
        rows[at + 3] = (sums.good[k] - sums.good[first]) / max(held, 1.0)
    else:
        rows[at], rows[at + 2], rows[at + 3] = 0, -1, -1
        rows[at + 4] = first - k if k < first else k - last + 1


@kernel
def put_own(
    rows: pointer_floats, k: int, blocks: pointer_ints, signs: pointer_ints, count: int, kind: int, flags: int
) -> None:
    at, row = _COLUMNS * k, BLOCK_COLUMNS * k
    width = max(blocks[row + BLOCK_WIDTH], 1)
    rows[at] = blocks[row + BLOCK_WIDTH]
    rows[at + 1] = blocks[row + BLOCK_LINK_WIDTH] / width
    rows[at + 2] = blocks[row + BLOCK_LINKS]
    rows[at + 3] = signs[k]
    rows[at + 4], rows[at + 5] = signs[count + k] / width, signs[2 * count + k] / width
    rows[at + 6], rows[at + 7], rows[at + 8] = signs[3 * count + k], signs[4 * count + k], kind
    rows[at + 11], rows[at + 12] = (flags & HIDDEN) > 0, (flags & ARTICLE_BODY) > 0


@kernel
def describe(
    text: type_bytes,
    block_rows: type_ints,
    node_rows: type_ints,
    title: type_bytes,
) -> type_floats:
    count, node_count = block_rows.shape[0], node_rows.shape[0]
    matrix = np.empty((count, _COLUMNS), np.float32)
    ints = np.empty(8 * count + 5 * node_count + 8, np.int64)
    reals = np.empty(3 * (count + 1) + node_count, np.float64)
    marks = np.empty(2 * count, np.uint8)
    shares = np.empty((node_count, SHARES), np.float32)
    rows, blocks, nodes = address(matrix), address(block_rows), address(node_rows)
    signs, kinds, hashes, repeats = (
        address(ints),
        address(ints[5 * count :]),
        address(ints[6 * count :]),
        address(ints[7 * count :]),
    )
    good, in_title, counts = address(marks), address(marks[count:]), address(ints[8 * count + 5 * node_count :])
    sums = Sums(address(reals), address(reals[count + 1 :]), address(reals[2 * count + 2 :]))
    own = ints[8 * count :]
    around = Around(
        address(own),
        address(own[node_count:]),
        address(own[2 * node_count :]),
        address(own[3 * node_count :]),
        address(shares),
    )
    for k in range(count):
        row = BLOCK_COLUMNS * k
        start, end, width = blocks[row + BLOCK_START], blocks[row + BLOCK_END], blocks[row + BLOCK_WIDTH]
        kinds[k] = KIND_OF_TAG[nodes[NODE_COLUMNS * blocks[row + BLOCK_NODE] + NODE_TAG]]
        hashes[k] = hash_text(address(text), start, end)
        count_signs(address(text), start, end, counts)
        for place in range(5):
            signs[place * count + k] = counts[place]
        good[k] = is_running_text(width, blocks[row + BLOCK_LINK_WIDTH], counts[0])
        known = width >= 12 and end - start <= title.size
        in_title[k] = known and occurs(address(text), start, end, address(title), title.size)
    count_equal(hashes, count, repeats)
    add_up(blocks, good, count, sums)
    total, running = max(sums.width[count], 1.0), sums.good[count]
    look_around(nodes, node_count, sums, total, address(PLACE_OF_TAG), len(AROUND), around)
    count_alike(nodes, node_count, address(own[4 * node_count :]), around.alike)
    best = best_element(
        blocks,
        count,
        nodes,
        node_count,
        good,
        sums,
        around.flags,
        address(KIND_OF_TAG),
        address(reals[3 * count + 3 :]),
    )
    title_at = title_block(kinds, in_title, count)
    for k in range(count):
        at, node = _COLUMNS * k, blocks[BLOCK_COLUMNS * k + BLOCK_NODE]
        put_own(rows, k, blocks, signs, count, kinds[k], around.flags[node])
        rows[at + 9], rows[at + 10], rows[at + 13] = repeats[k], in_title[k], around.depth[node]
        put_levels(rows, at + _OWN_END, node, nodes, total, sums, around)
        put_neighbors(rows, at + _LEVEL_END, k, count, blocks, nodes, kinds, address(ints[4 * count :]))
        for place in range(SHARES):
            rows[at + _NEAR_END + place] = around.shares[SHARES * node + place]
        put_place(rows, at + _SHARES_END, k, count, good, total, sums, title_at)
        put_best(rows, at + _SHARES_END + 12, k, node, nodes, running, sums, best)
    hold(ints)
    hold(reals)
    hold(marks)
    hold(shares)
    return matrix


def features(blocks: Blocks, nodes: Nodes, title: type_bytes) -> type_floats:
    """One row a block, columns as in NAMES; `title` is the page's, as bytes."""
    return describe(blocks.text, block_table(blocks), node_table(nodes), title)
