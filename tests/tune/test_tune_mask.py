"""What is learned is what the assistant says, under any template, and follows what a server would be given."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from folders import FORGETS_THOUGHTS, NO_END, PLAIN, TWICE, ask, chat

from openbook.errors import OpenbookError
from openbook.model.config import IGNORED
from openbook.tune import examples, mask
from openbook.tune.formats import RowError, example
from openbook.tune.mask import Row
from openbook.tune.template import Chat

LONG: list[dict[str, object]] = [*ask("One?", "Uno."), *ask("Two?", "Due.")]


def learned(row: Row, of: Chat) -> list[str]:
    """The runs of tokens that are learned, as text."""
    runs: list[list[int]] = [[]]
    for number, label in zip(row.ids, row.labels, strict=True):
        if label == IGNORED:
            runs.append([])
        else:
            assert label == number
            runs[-1].append(number)
    return [of.tokenizer.decode(run) for run in runs if run]


def test_a_template_without_markers_still_has_its_answers_learned(tmp_path: Path) -> None:
    of = chat(tmp_path, PLAIN)
    assert "generation %}" not in of.template
    (row,) = mask.rows(example({"messages": LONG}, "auto", "x:1"), of)
    assert learned(row, of) == ["Uno.<|im_end|>", "Due.<|im_end|>"]


def test_weight_0_masks_a_message_and_the_rest_is_learned(tmp_path: Path) -> None:
    of = chat(tmp_path)
    (row,) = mask.rows(example({"messages": [*ask("One?", "Uno.", weight=0), *ask("Two?", "Due.")]}, "auto", "x:1"), of)
    assert learned(row, of) == ["Due.<|im_end|>"]


def test_a_template_that_forgets_earlier_thoughts_gives_each_answer_what_it_is_served_with(tmp_path: Path) -> None:
    of = chat(tmp_path, FORGETS_THOUGHTS)
    rows = mask.rows(example({"messages": LONG}, "auto", "x:1"), of)
    assert [learned(row, of) for row in rows] == [
        ["<think>\n\n</think>\n\nUno.<|im_end|>"],
        ["<think>\n\n</think>\n\nDue.<|im_end|>"],
    ]
    served = of.ids(of.render(LONG[:3], answer=True))
    assert rows[1].ids[: len(served)] == served


def test_a_prompt_has_the_ids_that_a_server_reads_also_where_the_answer_begins_with_a_line_break(
    tmp_path: Path,
) -> None:
    of = chat(tmp_path)
    (row,) = mask.rows(example({"messages": ask("One?", "\n\nUno.")}, "auto", "x:1"), of)
    served = of.ids(of.render(ask("One?", "")[:1], answer=True))
    assert row.ids[: len(served)] == served and row.labels[: len(served)] == [IGNORED] * len(served)
    assert row.labels[len(served)] != IGNORED


def test_an_example_that_teaches_nothing_is_refused_by_its_line(tmp_path: Path) -> None:
    of = chat(tmp_path)
    long = example({"messages": ask("word " * 200, "late")}, "auto", "data.jsonl:7")
    with pytest.raises(OpenbookError, match=r"data.jsonl:7: within the first 32 tokens nothing would be learned"):
        examples.supervised([long], of, 32)


def test_a_template_that_never_ends_an_answer_is_refused(tmp_path: Path) -> None:
    of = chat(tmp_path, NO_END)
    with pytest.raises(RowError, match="no token that stops a server"):
        mask.rows(example({"messages": LONG}, "auto", "x:1"), of)


@pytest.mark.parametrize("template", ["chatml", PLAIN, "{{ bos_token }}" + PLAIN])
def test_a_conversation_begins_with_one_begin_token(tmp_path: Path, template: str) -> None:
    of = chat(tmp_path, template)
    assert of.bos == 0
    ids = of.same(ask("One?", "")[:1])
    assert ids[0] == 0 and ids.count(0) == 1
    assert ids == of.ids(of.render(ask("One?", "")[:1], answer=True))


def test_a_template_with_two_begin_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match="with 2 begin tokens"):
        chat(tmp_path, TWICE)


def test_a_message_that_spells_a_marker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RowError, match="spells the special token"):
        mask.rows(example({"messages": ask("One?", "Uno.<|im_end|>More")}, "auto", "x:1"), chat(tmp_path))


def test_tools_that_a_template_does_not_write_are_refused(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    row = example({"messages": LONG, "tools": [tool]}, "auto", "x:1")
    with pytest.raises(RowError, match="does not write the tool 'weather'"):
        mask.rows(row, chat(tmp_path / "plain", PLAIN))
    assert "weather" in chat(tmp_path / "chatml").render(row.messages, row.tools)


def test_packed_rows_hold_every_token_once_and_learn_nothing_across_their_borders() -> None:
    rows = [Row([n] * size, [n] * size) for n, size in enumerate((5, 3, 7, 2, 4), 1)]
    packs = examples.pack(rows, 8)
    assert sorted(number for pack in packs for number in pack.ids) == sorted(n for row in rows for n in row.ids)
    assert all(len(pack.ids) <= 8 and sum(pack.lengths) == len(pack.ids) for pack in packs)
    for pack in packs:
        starts = [sum(pack.lengths[:at]) for at in range(len(pack.lengths))]
        assert [pack.labels[at] for at in starts] == [IGNORED] * len(starts)
