"""HTML bytes -> text blocks and the elements they stand in, in one compiled pass that is linear in time and memory.

A forgiving reader of our own rather than a parsed tree: no page can make it recurse, backtrack or grow."""

from typing import NamedTuple

import numpy as np

from openbook.corpus.extract.attributes import HIDDEN, HREF, JSON_LD, LICENSE, REMEMBERED, read_attributes
from openbook.corpus.extract.building import (
    AT,
    BLOCK_COLUMNS,
    BLOCK_COUNT,
    DEEPEST,
    HEIGHT,
    MOST_SPANS,
    NODE_COLUMNS,
    NODE_COUNT,
    SLOTS,
    SPAN_COUNT,
    Building,
    add_break,
    add_span,
    add_text,
    after_declaration,
    content_end,
    end_block,
    end_element,
    end_link,
    leave,
    start_element,
    start_link,
)
from openbook.corpus.extract.characters import WINDOWS
from openbook.corpus.extract.pointers import (
    AHEAD,
    address,
    copy_64,
    count_bits,
    equal_64,
    hold,
    pointer_bytes,
    pointer_ints,
)
from openbook.corpus.extract.scan import (
    FNV_MASK,
    FNV_PRIME,
    FNV_START,
    Lookup,
    after_tag,
    find,
    find_end_tag,
    is_letter,
    is_space,
    kernel,
    look_up,
    lookup,
    lower,
    type_bytes,
    type_ints,
)
from openbook.corpus.extract.tables import (
    BLOCK,
    BREAK,
    ELEMENTS,
    HEAD,
    HEAD_ELEMENTS,
    INLINE,
    LINK,
    RAW,
    SKIP,
    TAG,
    VOID,
    WORDS,
    name_hash,
)

MOST_BLOCKS = 1 << 16
MOST_NODES = 1 << 16
MOST_HIDDEN = 300  # bytes of an inline element that is left out because it is hidden; a longer one is no mere remark

# Kinds of spans of the source handed on for reading the head.
SPAN_TITLE, SPAN_TAG, SPAN_JSON = 1, 2, 3

_CUSTOM, _HTML = TAG["custom"], TAG["html"]
_TITLE_HASH = name_hash("title")
_LINK_PLACE = HEAD_ELEMENTS.index("link")


class Blocks(NamedTuple):
    """Blocks of text in the order of the page; block k is `text[start[k]:end[k]]` (references like &amp; undecoded).

    `width` counts characters, wide ones twice; `link_width` those within links; `node` is the element around."""

    text: type_bytes
    start: type_ints
    end: type_ints
    node: type_ints
    width: type_ints
    link_width: type_ints
    links: type_ints


class Nodes(NamedTuple):
    """Block elements in the order of their start tags; node 0 is the page. Blocks [first, last) lie within.

    `bits` are groups of class words, `flags` those of `attributes`, `signature` a hash of the class."""

    tag: type_ints
    parent: type_ints
    first: type_ints
    last: type_ints
    bits: type_ints
    flags: type_ints
    signature: type_ints


class Owned(NamedTuple):
    """The arrays behind a Building, which has but their addresses."""

    raw: type_bytes
    text: type_bytes
    blocks: type_ints
    nodes: type_ints
    spans: type_ints
    state: type_ints
    work: type_ints


@kernel
def allocate(raw: type_bytes) -> Owned:
    """Room for whatever a page of these bytes may hold."""
    padded = np.empty(raw.size + 2 * AHEAD, np.uint8)
    source, copy, brackets = address(raw), address(padded), 2
    whole = raw.size - raw.size % 64
    for i in range(0, whole, 64):
        copy_64(copy, i, source, i)
        brackets += count_bits(equal_64(source, i, 60))
    for i in range(whole, raw.size):
        copy[i] = source[i]
        brackets += source[i] == 60
    for i in range(raw.size, padded.size):
        copy[i] = 0
    hold(raw)
    return Owned(
        padded,
        np.empty(raw.size + 16 + AHEAD, np.uint8),
        np.empty((min(brackets, MOST_BLOCKS), BLOCK_COLUMNS), np.int64),
        np.empty((min(brackets, MOST_NODES), NODE_COLUMNS), np.int64),
        np.empty((MOST_SPANS, 3), np.int64),
        np.zeros(SLOTS, np.int64),
        np.zeros(DEEPEST + 64 + 3 * REMEMBERED, np.int64),
    )


@kernel
def building(page: Owned, elements: Lookup, words: Lookup, windows: pointer_ints) -> Building:
    page.state[NODE_COUNT] = page.state[HEIGHT] = 1
    page.nodes[0] = 0
    return Building(
        address(page.raw),
        page.raw.size - 2 * AHEAD,
        address(page.text),
        address(page.blocks),
        page.blocks.shape[0],
        address(page.nodes),
        page.nodes.shape[0],
        address(page.spans),
        address(page.work),
        address(page.state),
        address(page.work[DEEPEST:]),
        address(page.work[DEEPEST + 64 :]),
        elements,
        words,
        windows,
    )


@kernel
def next_markup(raw: pointer_bytes, i: int, size: int) -> int:
    i = find(raw, i, size, 60)
    while i < size:
        if i + 1 < size and (is_letter(raw[i + 1]) or raw[i + 1] == 47 or raw[i + 1] == 33 or raw[i + 1] == 63):
            break
        i = find(raw, i + 1, size, 60)
    return i


@kernel
def read_tag(page: Building, i: int) -> int:
    """Takes in the tag, comment or the like at `i`; returns the position behind it and what it hides."""
    raw, size = page.raw, page.size
    tag_start = i
    name = i + 1
    if raw[name] == 33 or raw[name] == 63:
        return after_declaration(page, name)
    closing = raw[name] == 47
    name += closing
    if name >= size or not is_letter(raw[name]):
        return after_tag(raw, size, name)
    name_end = name
    custom = False
    key = FNV_START
    while name_end < size and not (is_space(raw[name_end]) or raw[name_end] == 62 or raw[name_end] == 47):
        custom = custom or raw[name_end] == 45
        key = ((key ^ lower(np.int64(raw[name_end]))) * FNV_PRIME) & FNV_MASK
        name_end += 1
    element = look_up(page.elements, key)
    if element < 0:
        element = BLOCK << 8 | _CUSTOM if custom else INLINE
    kind, number = element >> 8, element & 255
    bits, flags, signature = 0, 0, 0
    if closing or kind == VOID:
        i = after_tag(raw, size, name_end)
    else:
        i, bits, flags, signature = read_attributes(raw, size, name_end, kind == BLOCK, page.words, page.memory)
        if kind == HEAD and number != _LINK_PLACE or flags & LICENSE or kind == BLOCK and number == _HTML:
            add_span(page, SPAN_TAG, tag_start, i)
    if kind == BLOCK:
        end_block(page)
        if closing:
            end_element(page, number)
        else:
            start_element(page, number, bits, flags, signature)
    elif kind == BREAK:
        if add_break(page):
            end_block(page)
    elif kind == LINK:
        end_link(page)
        if flags & HREF:
            start_link(page)
    elif kind == INLINE and flags & HIDDEN:
        i = max(i, find_end_tag(raw, size, i, i + MOST_HIDDEN, name, name_end, True))
    elif (kind == SKIP or kind == RAW) and not closing:
        end = content_end(page, i, name, name_end, kind == SKIP, number + (32 if kind == RAW else 0))
        if end >= 0:
            if key == _TITLE_HASH or flags & JSON_LD:
                add_span(page, SPAN_JSON if flags & JSON_LD else SPAN_TITLE, i, end)
            i = after_tag(raw, size, end)
    return i


@kernel
def read_blocks(page: Building) -> None:
    i = 0
    while True:
        run, i = i, next_markup(page.raw, i, page.size)
        if i > run:
            add_text(page, run, i)
        if i >= page.size:
            break
        i = read_tag(page, i)
    end_block(page)
    leave(page, 0)


class Conventions(NamedTuple):
    """The tables that reading asks, as `tables` and `characters` hold them."""

    element_keys: type_ints
    element_values: type_ints
    word_keys: type_ints
    word_values: type_ints
    windows: type_ints


CONVENTIONS = Conventions(ELEMENTS.keys, ELEMENTS.values, WORDS.keys, WORDS.values, WINDOWS)


@kernel
def read_page(raw: type_bytes, tables: Conventions) -> Owned:
    page = allocate(raw)
    elements, words = lookup(tables.element_keys, tables.element_values), lookup(tables.word_keys, tables.word_values)
    read_blocks(building(page, elements, words, address(tables.windows)))
    hold(page.work)
    return page


def read(raw: bytes) -> tuple[Blocks, Nodes, type_ints]:
    """Blocks, nodes and spans (kind, start, end: title, head tags, JSON-LD) of UTF-8 HTML."""
    page = read_page(np.frombuffer(raw, np.uint8), CONVENTIONS)
    state = page.state
    return (
        Blocks(page.text[: state[AT]], *page.blocks[: state[BLOCK_COUNT]].T),
        Nodes(*page.nodes[: state[NODE_COUNT]].T),
        page.spans[: state[SPAN_COUNT]],
    )


def block_table(blocks: Blocks) -> type_ints:
    """The blocks as rows, as the kernels take them."""
    return np.stack(blocks[1:], axis=1)


def node_table(nodes: Nodes) -> type_ints:
    return np.stack(nodes, axis=1)
