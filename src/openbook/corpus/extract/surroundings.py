"""What stands around the blocks of a page: shares of elements and class groups, the element with the running text."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openbook.corpus.extract.attributes import HIDDEN
from openbook.corpus.extract.building import (
    BLOCK_COLUMNS,
    BLOCK_LINK_WIDTH,
    BLOCK_NODE,
    BLOCK_WIDTH,
    NODE_BITS,
    NODE_COLUMNS,
    NODE_FIRST,
    NODE_FLAGS,
    NODE_LAST,
    NODE_PARENT,
    NODE_SIGNATURE,
    NODE_TAG,
)
from openbook.corpus.extract.pointers import address, hold, lowest_bit, pointer_bytes, pointer_floats, pointer_ints
from openbook.corpus.extract.scan import FNV_MASK, FNV_PRIME, kernel
from openbook.corpus.extract.tables import GROUPS

NOWHERE = 2.0  # the share of an element that is not there: more than the whole page

# The element that holds the most running text close to itself: a block counts for the three elements around it.
LEVELS_UP, FADING, MOST_OF_A_BLOCK = 3, 0.6, 1000.0

type_floats = NDArray[np.float32]

# Elements whose innermost occurrence around a block is a feature, besides the groups of class words.
AROUND = tuple("header nav footer aside form article main section table ul li dl figure blockquote td address".split())
SHARES = len(AROUND) + len(GROUPS)


class Sums(NamedTuple):
    """Sums over the blocks before k, k from 0 to their count: of widths, widths of links and of running text."""

    width: pointer_floats
    link: pointer_floats
    good: pointer_floats


class Around(NamedTuple):
    """For every node: depth, number of child elements, siblings of its kind, flags of all around, and `shares`, the
    share of the page's text in the innermost element of a name or class group around it, a row a node."""

    depth: pointer_ints
    children: pointer_ints
    alike: pointer_ints
    flags: pointer_ints
    shares: pointer_floats


@kernel
def add_up(blocks: pointer_ints, good: pointer_bytes, count: int, sums: Sums) -> None:
    sums.width[0] = sums.link[0] = sums.good[0] = 0.0
    for k in range(count):
        row = BLOCK_COLUMNS * k
        sums.width[k + 1] = sums.width[k] + blocks[row + BLOCK_WIDTH]
        sums.link[k + 1] = sums.link[k] + blocks[row + BLOCK_LINK_WIDTH]
        sums.good[k + 1] = sums.good[k] + (blocks[row + BLOCK_WIDTH] if good[k] else 0)


@kernel
def count_equal(keys: pointer_ints, count: int, counts: pointer_ints) -> None:
    """How often each key, a hash of 32 bits, is among the keys."""
    size = 4
    while size < 2 * count:
        size *= 2
    tables = np.empty(2 * size, np.int64)
    table, seen = address(tables), address(tables[size:])
    for slot in range(size):
        table[slot], seen[slot] = -1, 0
    for k in range(count):
        slot = keys[k] & (size - 1)
        while table[slot] >= 0 and table[slot] != keys[k]:
            slot = (slot + 1) & (size - 1)
        table[slot] = keys[k]
        seen[slot] += 1
        counts[k] = slot
    for k in range(count):
        counts[k] = seen[counts[k]]
    hold(tables)


@kernel
def count_alike(nodes: pointer_ints, count: int, keys: pointer_ints, counts: pointer_ints) -> None:
    """For every node the number of its siblings, itself included, with the same element name and class."""
    for node in range(count):
        row = NODE_COLUMNS * node
        place = nodes[row + NODE_PARENT] * 64 + nodes[row + NODE_TAG]
        keys[node] = ((place ^ nodes[row + NODE_SIGNATURE]) * FNV_PRIME) & FNV_MASK
    count_equal(keys, count, counts)


@kernel
def look_around(
    nodes: pointer_ints, count: int, sums: Sums, total: float, place_of_tag: pointer_ints, names: int, around: Around
) -> None:
    """Fills `around`; `names` is how many of its shares are of element names."""
    for node in range(count):
        row, own = NODE_COLUMNS * node, SHARES * node
        share = np.float32((sums.width[nodes[row + NODE_LAST]] - sums.width[nodes[row + NODE_FIRST]]) / total)
        around.children[node] = 0
        if node > 0:
            parent = nodes[row + NODE_PARENT]
            around.children[parent] += 1
            around.depth[node] = around.depth[parent] + 1
            around.flags[node] = around.flags[parent] | nodes[row + NODE_FLAGS]
            for place in range(SHARES):
                around.shares[own + place] = around.shares[SHARES * parent + place]
        else:
            around.depth[0] = around.flags[0] = 0
            for place in range(SHARES):
                around.shares[place] = NOWHERE
        place = place_of_tag[nodes[row + NODE_TAG]]
        if place >= 0:
            around.shares[own + place] = share
        bits = nodes[row + NODE_BITS]
        while bits:
            around.shares[own + names + lowest_bit(bits)] = share
            bits &= bits - 1


@kernel
def best_element(
    blocks: pointer_ints,
    count: int,
    nodes: pointer_ints,
    node_count: int,
    good: pointer_bytes,
    sums: Sums,
    flags: pointer_ints,
    kind_of_tag: pointer_ints,
    score: pointer_floats,
) -> int:
    """The node with the most running text close by, less the share of links."""
    for node in range(node_count):
        score[node] = 0.0
    for k in range(count):
        row = BLOCK_COLUMNS * k
        node = blocks[row + BLOCK_NODE]
        if not good[k] or flags[node] & HIDDEN:
            continue
        gain = min(float(blocks[row + BLOCK_WIDTH]), MOST_OF_A_BLOCK)
        if kind_of_tag[nodes[NODE_COLUMNS * node + NODE_TAG]] > 0:  # a paragraph and the like
            node = nodes[NODE_COLUMNS * node + NODE_PARENT]
        for _ in range(LEVELS_UP):
            score[node] += gain
            gain *= FADING
            if node == 0:
                break
            node = nodes[NODE_COLUMNS * node + NODE_PARENT]
    best = 0
    for node in range(node_count):
        first, last = nodes[NODE_COLUMNS * node + NODE_FIRST], nodes[NODE_COLUMNS * node + NODE_LAST]
        linked = (sums.link[last] - sums.link[first]) / max(sums.width[last] - sums.width[first], 1.0)
        score[node] *= 1.0 - linked
        if score[node] > score[best]:
            best = node
    return best
