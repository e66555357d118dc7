"""From the bytes of a page to its main text in one call of compiled code: read, describe, judge, choose, write."""

from typing import NamedTuple

import numpy as np

from openbook.corpus.extract.attributes import ARTICLE_BODY
from openbook.corpus.extract.building import (
    AT,
    BLOCK_COUNT,
    BLOCK_LINK_WIDTH,
    BLOCK_WIDTH,
    NODE_COUNT,
    NODE_FLAGS,
    NODE_TAG,
    SPAN_COUNT,
)
from openbook.corpus.extract.choose import choose_blocks
from openbook.corpus.extract.features import describe
from openbook.corpus.extract.forest import Trees, judge_rows
from openbook.corpus.extract.notices import signs_of
from openbook.corpus.extract.pointers import address, hold
from openbook.corpus.extract.reader import SPAN_TITLE, Conventions, read_page
from openbook.corpus.extract.render import write_text
from openbook.corpus.extract.scan import is_space, kernel, type_bytes, type_ints
from openbook.corpus.extract.tables import TAG

LONGEST_TITLE = 500

HAS_ARTICLE, HAS_MAIN, HAS_ARTICLE_BODY = 1, 2, 4
_ARTICLE, _MAIN = TAG["article"], TAG["main"]


class Page(NamedTuple):
    """`text` and `references` as `render.write_text` gives them; `spans` as `reader.read` does; `running`: width of the
    text outside of links; `structure`: the HAS_ bits of what was there; `signs`: those of `notices.signs_of`."""

    text: type_bytes
    references: int
    spans: type_ints
    running: int
    structure: int
    signs: int


@kernel
def title_of(raw: type_bytes, spans: type_ints) -> type_bytes:
    """The first title, white space folded."""
    for number in range(spans.shape[0]):
        kind, start, end = spans[number]
        if kind == SPAN_TITLE:
            title = np.empty(LONGEST_TITLE, np.uint8)
            at = 0
            for i in range(start, min(end, start + LONGEST_TITLE)):
                if not is_space(raw[i]):
                    title[at] = raw[i]
                    at += 1
                elif at > 0 and title[at - 1] != 32:
                    title[at] = 32
                    at += 1
            return title[: at - (at > 0 and title[at - 1] == 32)]
    return np.empty(0, np.uint8)


@kernel
def main_text(raw: type_bytes, tables: Conventions, first: Trees, second: Trees) -> Page:
    owned = read_page(raw, tables)
    state = owned.state
    text, spans = owned.text[: state[AT]], owned.spans[: state[SPAN_COUNT]].copy()
    blocks, nodes = owned.blocks[: state[BLOCK_COUNT]], owned.nodes[: state[NODE_COUNT]]
    running, structure = 0, 0
    signs = signs_of(address(owned.raw), raw.size)
    hold(owned.raw)
    for k in range(blocks.shape[0]):
        running += blocks[k, BLOCK_WIDTH] - blocks[k, BLOCK_LINK_WIDTH]
    for node in range(nodes.shape[0]):
        structure |= HAS_ARTICLE if nodes[node, NODE_TAG] == _ARTICLE else 0
        structure |= HAS_MAIN if nodes[node, NODE_TAG] == _MAIN else 0
        structure |= HAS_ARTICLE_BODY if nodes[node, NODE_FLAGS] & ARTICLE_BODY else 0
    if blocks.shape[0] == 0:
        return Page(text[:0], 0, spans, running, structure, signs)
    chances = judge_rows(describe(text, blocks, nodes, title_of(raw, spans)), first, second)
    written, references = write_text(text, blocks, nodes, choose_blocks(chances, blocks, nodes))
    return Page(written, references, spans, running, structure, signs)
