"""Every format that people have is read; what is wrong is named with its line before any model is loaded."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))

from folders import ask, jsonl

from openbook.errors import OpenbookError
from openbook.tune.data import load
from openbook.tune.formats import Example, RowError, example
from openbook.tune.settings import DataSettings
from openbook.tune.settings import load as load_recipe

CALL = {"name": "weather", "arguments": {"place": "Ħamrun"}}


def read(row: Any, kind: str = "auto") -> Example:
    return example(row, kind, "x:1")


@pytest.mark.parametrize(
    ("row", "roles"),
    [
        ({"messages": ask("a", "b")}, ["user", "assistant"]),
        ({"prompt": [{"role": "user", "content": "a"}], "completion": ask("a", "b")[1:]}, ["user", "assistant"]),
        ({"instruction": "Add.", "input": "1 2", "output": "3"}, ["user", "assistant"]),
        (
            {"system": "Be brief.", "instruction": "a", "output": "b", "history": [["c", "d"]]},
            ["system", "user", "assistant", "user", "assistant"],
        ),
        (
            {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "system": "s"},
            ["system", "user", "assistant"],
        ),
        (
            {
                "conversations": [
                    {"from": "human", "value": "a"},
                    {"from": "function_call", "value": json.dumps(CALL)},
                    {"from": "observation", "value": "clear"},
                    {"from": "gpt", "value": "It is clear."},
                ]
            },
            ["user", "assistant", "tool", "assistant"],
        ),
    ],
)
def test_a_conversation_is_read_from_every_format(row: dict[str, Any], roles: list[str]) -> None:
    assert [one["role"] for one in read(row).messages] == roles


def test_texts_completions_and_preferences_are_read() -> None:
    assert read({"text": "Bonġu."}).text == "Bonġu."
    assert read({"prompt": "a", "completion": "b"}).completion == "b"
    assert read({"instruction": "Add.", "input": "1 2", "output": "3"}).messages[0]["content"] == "Add.\n1 2"
    pair = read({"prompt": "a", "chosen": "b", "rejected": "c"})
    assert (pair.prompt, pair.chosen, pair.rejected) == ("a", "b", "c")
    asked = read({"prompt": "2 + 2?", "answer": "4"}, "prompt")
    assert asked.prompt == ({"role": "user", "content": "2 + 2?"},) and asked.other == {"answer": "4"}


@pytest.mark.parametrize("arguments", [{"place": "Ħamrun"}, '{"place": "Ħamrun"}'])
def test_arguments_of_a_tool_are_an_object_however_they_are_written(arguments: Any) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    row = {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": None, "tool_calls": [call]}]}
    assert read(row).messages[1]["tool_calls"][0]["function"]["arguments"] == {"place": "Ħamrun"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "a", "completion": "b", "label": "yes"}, "label is 'yes'"),
        ({"question": "a"}, "those of no format"),
        ({"messages": []}, "not empty"),
        ({"messages": [{"role": "bot", "content": "a"}]}, "role is 'bot'"),
        ({"messages": [{"role": "user"}]}, "content is missing"),
        ({"messages": ask("a", "b", weight=0.5)}, "weight is 0.5"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "only text"),
        ({"prompt": "a", "chosen": "b", "rejected": "b"}, "the same"),
        ({"conversations": [{"from": "bard", "value": "a"}]}, "there is no 'bard'"),
        ({"text": "  "}, "empty"),
        ([1], "not an object"),
    ],
)
def test_a_bad_row_is_a_sentence(row: Any, said: str) -> None:
    with pytest.raises(RowError, match=said):
        read(row) if isinstance(row, dict) else example(row, "text", "x:1")


def test_all_lines_are_checked_and_named_at_once(tmp_path: Path) -> None:
    good = json.dumps({"messages": ask("a", "b")})
    (tmp_path / "a.jsonl").write_text(
        f'{good}\n\n{{"messages": []}}\nno json\n{json.dumps({"messages": ask("a", "b", weight=0)})}\n{good}\n'
    )
    (tmp_path / "b.json").write_text(f'[\n {good},\n {{"wrong": 1}}\n]')
    with pytest.raises(OpenbookError) as raised:
        load(DataSettings(files=("a.jsonl", "b.json")), "sft", tmp_path, 1)
    said = str(raised.value).splitlines()
    assert [line.split(": ")[0].rpartition("/")[2] for line in said] == [
        "a.jsonl:3",
        "a.jsonl:4",
        "a.jsonl:5",
        "b.json:3",
    ]
    assert "all have weight 0" in said[2]


def test_parquet_is_read_with_the_keys_that_its_rows_share(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = [
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 1}]},
        {"messages": [{"role": "system", "content": "s"}, *ask("a", "c")]},
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = load(DataSettings(files=("a.parquet",), validation=None), "sft", tmp_path, 1).training
    assert [len(one.messages) for one in found] == [2, 3] and found[1].place.endswith("a.parquet, row 2")


def test_judged_completions_are_learned_where_good_and_set_against_each_other(tmp_path: Path) -> None:
    rows = [
        {"prompt": "2 + 2?", "completion": "5", "label": False},
        {"prompt": "2 + 2?", "completion": "4", "label": True},
        {"prompt": "3 + 3?", "completion": "6", "label": True},
        {"prompt": [{"role": "user", "content": "a"}], "completion": ask("a", "good")[1:], "label": True},
        {"prompt": [{"role": "user", "content": "a"}], "completion": ask("a", "bad")[1:], "label": False},
    ]
    jsonl(tmp_path / "a.jsonl", rows)
    settings = DataSettings(files=("a.jsonl",), validation=None)
    learned = load(settings, "sft", tmp_path, 1)
    assert [one.completion for one in learned.training] == ["4", "6", None] and learned.left_out == 2
    assert learned.training[2].messages[-1]["content"] == "good"
    preferred = load(settings, "dpo", tmp_path, 1)
    plain, turns = preferred.training
    assert (plain.chosen, plain.rejected) == ("4", "5") and preferred.left_out == 1
    assert turns.chosen == ({"role": "assistant", "content": "good"},)
    jsonl(tmp_path / "a.jsonl", rows[2:3])
    with pytest.raises(OpenbookError, match="a good and a bad completion"):
        load(settings, "dpo", tmp_path, 1)


def test_validation_is_drawn_by_the_seed_and_apart(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", [{"text": f"text {n}"} for n in range(40)])
    settings = DataSettings(files=("a.jsonl",), validation=0.25)
    one, same, other = (load(settings, "sft", tmp_path, seed) for seed in (1, 1, 2))
    assert one == same and one != other and len(one.validation) == 10
    assert {row.text for row in one.training}.isdisjoint(row.text for row in one.validation)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "a"\nbase = "b"\n[data]\nfiles = ["c"]\n[method]\nranc = 4\n', ["line 6", "'method.ranc'", "'rank'"]),
        ('name = "a"\nbase = "b"\n[data]\nfiles = []\n', ["line 4", "data.files"]),
        (
            'name = "a"\nbase = "b"\n[data]\nfiles = ["c"]\n[forgetting]\naccepted = ["klingon"]\n',
            ["line 5", "'klingon'"],
        ),
        (
            'name = "a"\nbase = "b"\n[data]\nfiles = ["c"]\n[method]\nsteps = 1\nepochs = 1\n',
            ["epochs or steps, not both"],
        ),
    ],
)
def test_a_mistake_in_the_recipe_is_named_with_its_line(tmp_path: Path, text: str, said: list[str]) -> None:
    (tmp_path / "tune.toml").write_text(text)
    with pytest.raises(OpenbookError) as raised:
        load_recipe(tmp_path / "tune.toml")
    assert all(part in str(raised.value) for part in said), raised.value
