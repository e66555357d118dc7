"""What a page being read consists of so far, and the steps that add text, blocks and elements to it."""

from typing import NamedTuple

from openbook.corpus.extract.characters import put_text, text_width
from openbook.corpus.extract.pointers import pointer_bytes, pointer_ints
from openbook.corpus.extract.scan import Lookup, after_tag, find_comment_end, find_end_tag, is_space, kernel
from openbook.corpus.extract.tables import TAG

MOST_SPANS = 2000
DEEPEST = 256

# Places in `state`. AT: end of the text; START: where the open block began; HEIGHT: elements on the stack;
# LINK_HEIGHT: of the element that holds the open link, 0 for none; CODE: open elements that keep white space.
AT, START, BLOCK_COUNT, NODE_COUNT, SPAN_COUNT, HEIGHT = range(6)
LINK_HEIGHT, LINK_FROM, LINK_WIDTH, LINKS, CODE, BREAKS, SLOTS = range(6, 13)

# What stands in the row of a block and of a node.
BLOCK_START, BLOCK_END, BLOCK_NODE, BLOCK_WIDTH, BLOCK_LINK_WIDTH, BLOCK_LINKS, BLOCK_COLUMNS = range(7)
NODE_TAG, NODE_PARENT, NODE_FIRST, NODE_LAST, NODE_BITS, NODE_FLAGS, NODE_SIGNATURE, NODE_COLUMNS = range(8)

COMMENT = 63  # its place in `never_ends`

_P, _LI, _DT, _DD, _TR, _TD, _TH, _TABLE, _PRE = (TAG[name] for name in "p li dt dd tr td th table pre".split())
_HTML, _BODY, _CUSTOM, _UL, _DIR, _DL = (TAG[name] for name in "html body custom ul dir dl".split())
_H1, _H6, _CAPTION, _TFOOT, _LISTING, _XMP = (TAG[name] for name in "h1 h6 caption tfoot listing xmp".split())


class Building(NamedTuple):
    raw: pointer_bytes
    size: int
    text: pointer_bytes
    blocks: pointer_ints
    most_blocks: int
    nodes: pointer_ints
    most_nodes: int
    spans: pointer_ints
    stack: pointer_ints
    state: pointer_ints
    never_ends: pointer_ints  # elements of which an end tag was looked for in vain: never looked for again
    memory: pointer_ints  # classes seen, see `remembered_bits`
    elements: Lookup
    words: Lookup
    windows: pointer_ints


@kernel
def keeps_space(tag: int) -> bool:
    return tag == _PRE or _LISTING <= tag <= _XMP


@kernel
def add_text(page: Building, i: int, end: int) -> None:
    state = page.state
    before = state[AT]
    state[AT] = put_text(page.raw, i, end, page.text, before, state[START], state[CODE] > 0, page.windows)
    if state[AT] > before and not (state[AT] == before + 1 and is_space(page.text[before])):
        state[BREAKS] = 0


@kernel
def add_break(page: Building) -> bool:
    """A line break; True for the second in a row, which ends the block."""
    state, text = page.state, page.text
    state[BREAKS] += 1
    if state[CODE] == 0:
        if state[BREAKS] > 1:
            return True
        while state[AT] > state[START] and is_space(text[state[AT] - 1]):
            state[AT] -= 1
    if state[CODE] > 0 or state[AT] > state[START]:
        text[state[AT]] = 10
        state[AT] += 1
    return False


@kernel
def end_link(page: Building) -> None:
    state = page.state
    if state[LINK_HEIGHT] > 0:
        state[LINK_WIDTH] += text_width(page.text, max(state[LINK_FROM], state[START]), state[AT])
        state[LINK_HEIGHT] = 0


@kernel
def start_link(page: Building) -> None:
    end_link(page)
    page.state[LINK_HEIGHT], page.state[LINK_FROM] = page.state[HEIGHT], page.state[AT]
    page.state[LINKS] += 1


@kernel
def end_block(page: Building) -> None:
    """The text since the last end becomes a block, if it is more than blanks."""
    state = page.state
    state[BREAKS] = 0
    start, end = state[START], state[AT]
    while end > start and is_space(page.text[end - 1]):
        end -= 1
    if end == start:
        return
    if state[BLOCK_COUNT] < page.most_blocks:
        inside = state[LINK_HEIGHT] > 0
        linked = text_width(page.text, max(state[LINK_FROM], start), end) if inside else 0
        blocks, row = page.blocks, BLOCK_COLUMNS * state[BLOCK_COUNT]
        blocks[row + BLOCK_START], blocks[row + BLOCK_END] = start, end
        blocks[row + BLOCK_NODE] = page.stack[state[HEIGHT] - 1]
        blocks[row + BLOCK_WIDTH] = text_width(page.text, start, end)
        blocks[row + BLOCK_LINK_WIDTH] = state[LINK_WIDTH] + linked
        blocks[row + BLOCK_LINKS] = state[LINKS]
        state[BLOCK_COUNT] += 1
    else:
        state[AT] = start  # more blocks than a page may have: the text is dropped
    state[START] = state[LINK_FROM] = state[AT]
    state[LINK_WIDTH], state[LINKS] = 0, state[LINK_HEIGHT] > 0


@kernel
def leave(page: Building, height: int) -> None:
    """Closes the open elements from `height` up."""
    state, nodes = page.state, page.nodes
    while state[HEIGHT] > height:
        state[HEIGHT] -= 1
        row = NODE_COLUMNS * page.stack[state[HEIGHT]]
        nodes[row + NODE_LAST] = state[BLOCK_COUNT]
        state[CODE] -= keeps_space(nodes[row + NODE_TAG])
    if state[LINK_HEIGHT] > height:
        state[LINK_HEIGHT] = 0


@kernel
def end_element(page: Building, number: int) -> None:
    """An end tag: closes the innermost open element of its name, but nothing outside of a table from within."""
    if number == _BODY or number == _HTML:
        return
    for level in range(page.state[HEIGHT] - 1, 0, -1):
        tag = page.nodes[NODE_COLUMNS * page.stack[level] + NODE_TAG]
        if tag == number or _H1 <= tag <= _H6 and _H1 <= number <= _H6:
            leave(page, level)
            return
        if tag == _TABLE:
            return


@kernel
def implied_end(opening: int, tag: int) -> int:
    """Whether the start tag `opening` ends an open element `tag`: 1 yes, 0 look further out, -1 stop looking."""
    if opening == _LI:
        return 1 if tag == _LI else (-1 if _UL <= tag <= _DIR or tag >= _DL else 0)
    if opening == _DT or opening == _DD:
        return 1 if tag == _DT or tag == _DD else (-1 if tag in (_DL, _TABLE, _TD, _TH) else 0)
    if opening == _TD or opening == _TH:
        return 1 if tag == _TD or tag == _TH else (-1 if tag == _TABLE or tag == _TR else 0)
    if opening == _TR:
        return 1 if tag == _TR else (-1 if tag == _TABLE else 0)
    if _CAPTION <= opening <= _TFOOT:
        return 1 if _CAPTION <= tag <= _TFOOT or tag == _TR else (-1 if tag == _TABLE else 0)
    return 1 if tag == _P else -1


@kernel
def start_element(page: Building, number: int, bits: int, flags: int, signature: int) -> None:
    state, nodes = page.state, page.nodes
    target = state[HEIGHT]
    for level in range(state[HEIGHT] - 1, 0, -1):
        answer = implied_end(number, nodes[NODE_COLUMNS * page.stack[level] + NODE_TAG])
        if answer == 1:
            target = level
        if answer < 0 or answer == 1 and not _CAPTION <= number <= _TR:
            break
    leave(page, target)
    node = state[NODE_COUNT]
    if state[HEIGHT] >= DEEPEST or node >= page.most_nodes:
        return
    row = NODE_COLUMNS * node
    nodes[row + NODE_TAG] = number
    nodes[row + NODE_PARENT] = page.stack[state[HEIGHT] - 1]
    nodes[row + NODE_FIRST] = state[BLOCK_COUNT]
    nodes[row + NODE_BITS] = 0 if number == _HTML or number == _BODY else bits
    nodes[row + NODE_FLAGS] = flags
    nodes[row + NODE_SIGNATURE] = signature
    page.stack[state[HEIGHT]] = node
    state[HEIGHT] += 1
    state[NODE_COUNT] += 1
    state[CODE] += keeps_space(number)


@kernel
def add_span(page: Building, kind: int, start: int, end: int) -> None:
    row = 3 * page.state[SPAN_COUNT]
    if row < 3 * MOST_SPANS:
        page.spans[row], page.spans[row + 1], page.spans[row + 2] = kind, start, end
        page.state[SPAN_COUNT] += 1


@kernel
def after_declaration(page: Building, i: int) -> int:
    """Position behind a comment, doctype or the like, whose `!` or `?` stands at `i`."""
    raw, size = page.raw, page.size
    if i + 2 < size and raw[i + 1] == 45 and raw[i + 2] == 45 and not page.never_ends[COMMENT]:
        behind = find_comment_end(raw, size, i + 3)
        if behind >= 0:
            return behind
        page.never_ends[COMMENT] = 1
    return after_tag(raw, size, i)


@kernel
def content_end(page: Building, i: int, name: int, name_end: int, nested: bool, place: int) -> int:
    """Position of the end tag of an element that is skipped whole, -1 if it has none."""
    if page.never_ends[place]:
        return -1
    behind = find_end_tag(page.raw, page.size, i, page.size, name, name_end, nested)
    if behind < 0:
        page.never_ends[place] = 1
    return behind
