"""Where placeholders stand is true of the text that a document ends up with."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from openbook.corpus import decontaminate, line_keys
from openbook.corpus.cuts import moved

MARK = "[EMAIL]"
LINES = st.lists(st.sampled_from(["", "a b", f"write to {MARK} now", MARK, f"{MARK} or {MARK}"]), max_size=12)


def spans_of(text: str) -> list[dict[str, object]]:
    found, at = [], text.find(MARK)
    while at >= 0:
        found.append({"part": "text", "kind": "email", "start": at, "end": at + len(MARK)})
        at = text.find(MARK, at + 1)
    return found


@given(lines=LINES, gone=st.sets(st.integers(0, 11)))
def test_lines_are_cut_and_spans_follow(lines: list[str], gone: set[int]) -> None:
    text = "\n".join(lines)
    numbers = np.array(sorted(number for number in gone if number < len(lines)), np.int32)
    left = line_keys.left(text, numbers)
    cut = line_keys.cut(text, numbers)
    title = {"part": "title", "kind": "phone", "start": 3, "end": 10}
    assert moved([*spans_of(text), title], left, 1) == [*spans_of(cut), title]
    stayed = [line for number, line in enumerate(lines) if number not in gone and line]
    assert [line for line in cut.split("\n") if line] == stayed
    assert "\n\n\n" not in cut and cut == cut.strip("\n")


@given(lines=LINES, cuts=st.lists(st.integers(0, 200), min_size=2, max_size=8))
def test_pieces_are_joined_and_spans_follow(lines: list[str], cuts: list[int]) -> None:
    text = "\n".join(lines)
    edges = sorted({min(one, len(text)) for one in cuts})
    pieces = list(zip(edges[::2], edges[1::2], strict=False))
    left = decontaminate.left(text, pieces)
    joined = decontaminate.joined(text, pieces)
    for one in moved(spans_of(text), left, len(decontaminate.BETWEEN)):
        assert joined[one["start"] : one["end"]] == MARK
    whole = sum(text[start:end].count(MARK) for start, end in pieces)
    assert len(moved(spans_of(text), left, len(decontaminate.BETWEEN))) == whole
