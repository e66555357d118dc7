"""A recipe with a mistake gets a sentence with file, line, key and what is allowed there."""

from pathlib import Path

import pytest

from openbook.errors import OpenbookError
from openbook.recipe import key_lines, load

GOOD = """name = "small"
seed = 7
languages = ["mt", "ga"]

[[sources]]
name = "crawl"
kind = "warc"
paths = ["crawl/*.warc.gz"]

[[sources]]
name = "ready"
kind = "jsonl"
paths = ["text.jsonl"]
[sources.columns]
text = "body"

[train]
steps = 10
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "small.toml"
    path.write_text(text)
    return path


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(OpenbookError) as raised:
        load(written(folder, text))
    return str(raised.value)


def test_a_good_recipe_loads_and_its_seed_reaches_every_stage(tmp_path: Path) -> None:
    recipe = load(written(tmp_path, GOOD))
    assert recipe.languages == ("mt", "ga")
    assert [source.name for source in recipe.sources] == ["crawl", "ready"]
    assert recipe.train.seed == 7


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("steps = 10", "stepz = 10", ["small.toml, line 18", "'train.stepz'", "Did you mean 'steps'?"]),
        ("steps = 10", 'steps = "many"', ["line 18", "train.steps", "integer", "'many'"]),
        ('paths = ["text.jsonl"]', 'path = ["text.jsonl"]', ["line 13", "'sources.2.path'", "Did you mean 'paths'?"]),
        ('kind = "warc"', 'kind = "wark"', ["small.toml, line", "wark", "debian"]),
        ('"mt", "ga"', '"mt", "gaeilge"', ["line 3", "no language 'gaeilge'", "the codes are"]),
        ('"mt", "ga"', '"mt", "mt"', ["mt stands there twice"]),
        ("seed = 7", "seed = -7", ["line 2", "seed", "greater than or equal to 0"]),
        ('name = "ready"', 'name = "crawl"', ["two are named 'crawl'"]),
        ("steps = 10", "steps = 10\nsequence = 4096", ["train.sequence (4096) is longer than model.context"]),
        ('name = "small"\n', "", ["'name' is missing"]),
        ("[train]", "[trane]", ["line 17", "'trane'", "Did you mean 'train'?"]),
        ("seed = 7", "seed = = 7", ["small.toml", "not TOML", "line 2"]),
        ('text = "body"', 'txt = "body"', ["line 15", "'sources.2.columns.txt'", "text"]),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    assert old in GOOD
    said = complaint(tmp_path, GOOD.replace(old, new, 1))
    for part in expected:
        assert part in said, said
    assert "Traceback" not in said


EVALUATE = """
[[train.stages]]
start = 0.0
weights = {{ {weights} }}
[train.source_weights]
{source} = 2.0
[train.canaries]
languages = ["{canary}"]
[evaluate]
reference = "{reference}"
[evaluate.gates.parity]
{parity} = 2.0
[evaluate.gates.earlier]
model = "before"
languages = ["{earlier}"]
"""
RIGHT = {
    "weights": "mt = 2.0",
    "source": "ready",
    "canary": "ga",
    "reference": "en",
    "parity": "mt",
    "earlier": "mt",
}


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"reference": "xx"}, ["line 28: evaluate.reference: no language 'xx'"]),
        ({"parity": "nt"}, ["line 30: evaluate.gates.parity.nt: 'nt' is no language"]),
        ({"parity": "de"}, ["line 30: evaluate.gates.parity.de: 'de' is no language", "*, en, ga, mt"]),
        ({"earlier": "xx"}, ["line 33: evaluate.gates.earlier.languages: 'xx' is no language of this recipe"]),
        ({"weights": "gs = 1.0"}, ["line 22: train.stages.1.weights.gs: 'gs' is no language"]),
        ({"source": "redy"}, ["line 24: train.source_weights.redy: 'redy' is no source", "Did you mean 'ready'?"]),
        ({"canary": "lb"}, ["line 26: train.canaries.languages: 'lb' is no language of this recipe"]),
        ({"weights": "mt = inf"}, ["line 22: train.stages.1.weights.mt", "finite"]),
        ({"weights": "mt = -1.0"}, ["line 22: train.stages.1.weights.mt", "greater than or equal to 0"]),
    ],
)
def test_a_name_that_the_recipe_does_not_know_is_no_silent_switch(
    tmp_path: Path, wrong: dict[str, str], expected: list[str]
) -> None:
    load(written(tmp_path, GOOD + EVALUATE.format(**RIGHT)))
    said = complaint(tmp_path, GOOD + EVALUATE.format(**(RIGHT | wrong)))
    for part in expected:
        assert part in said, said


@pytest.mark.parametrize(
    "line",
    [
        "temperature = 0.001",
        "temperature = nan",
        "rate = inf",
        "epochs = nan",
        "clip = inf",
        "source_epochs.ready = -1",
    ],
)
def test_a_number_that_no_mixture_can_be_made_of_is_refused(tmp_path: Path, line: str) -> None:
    assert f"train.{line.split(' =')[0]}" in complaint(tmp_path, GOOD + line + "\n")


@pytest.mark.parametrize("depth", ['"12"', "true", "12.0"])
def test_a_depth_is_a_whole_number(tmp_path: Path, depth: str) -> None:
    assert "model.depth" in complaint(tmp_path, f"{GOOD}[model]\ndepth = {depth}\n")


def test_a_broken_source_is_one_mistake_and_not_two(tmp_path: Path) -> None:
    said = complaint(tmp_path, GOOD.replace('paths = ["text.jsonl"]', 'paths = "text.jsonl"', 1))
    assert said.count("\n") == 0 and "sources.2.paths" in said, said
    assert "languages" in complaint(tmp_path, GOOD.replace('"mt", "ga"', "", 1))


def test_a_recipe_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match="there is no recipe"):
        load(tmp_path / "none.toml")
    with pytest.raises(OpenbookError, match="is a folder"):
        load(tmp_path)


def test_a_recipe_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes('name = "x"\ndescription = "français"'.encode("latin-1"))
    with pytest.raises(OpenbookError, match="line 2: not UTF-8"):
        load(path)


def test_lines_of_keys_are_found_in_tables_and_arrays_of_tables() -> None:
    lines = key_lines(GOOD)
    assert lines["name",] == 1
    assert lines["sources", 0, "kind"] == 7
    assert lines["sources", 1, "columns", "text"] == 15
    assert lines["train", "steps"] == 18
