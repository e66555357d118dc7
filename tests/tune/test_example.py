"""The worked example: what it learns from and what it is measured on have nothing in common but the task."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from openbook.corpus import parallel
from openbook.tune import settings

FOLDER = Path(__file__).parents[2] / "examples" / "tuning"
sys.path.append(str(FOLDER))
make_data = pytest.importorskip("make_data")
measure = pytest.importorskip("measure")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_data.write(folder)
    return folder


def test_the_same_bytes_come_out_each_time_whatever_the_process(written: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\nsys.path.append(sys.argv[1])\nfrom make_data import *\nwrite(pathlib.Path(sys.argv[2]))"
    )
    subprocess.run([sys.executable, "-c", code, str(FOLDER), str(tmp_path)], check=True)
    for name in ("train.jsonl", "held-out.jsonl"):
        assert (tmp_path / name).read_bytes() == (written / name).read_bytes()


def test_no_wording_and_no_street_of_the_held_out_items_is_learned_from(written: Path) -> None:
    rows = [json.loads(line) for line in (written / "train.jsonl").read_text().splitlines()]
    train = [row["messages"] for row in rows if "messages" in row]
    items = [json.loads(line) for line in (written / "held-out.jsonl").read_text().splitlines()]
    assert (len(train), len(items)) == (200, 100)
    learned = {_blank(messages[1]["content"], messages[2]["content"]) for messages in train}
    assert len(learned) == 100
    assert not learned & {_blank(item["request"], item["answer"]) for item in items}
    streets = {_street(messages[2]["content"]) for messages in train}
    assert not streets & {_street(item["answer"]) for item in items}
    for language in make_data.LANGUAGES:
        offices = [json.loads(item["answer"])["office"] for item in items if item["language"] == language]
        assert {office: offices.count(office) for office in offices} == dict.fromkeys(make_data.OFFICES, 4)


def test_no_language_is_given_up_and_each_measured_one_has_plain_text_that_is_not_what_is_measured(
    written: Path,
) -> None:
    recipe = settings.load(FOLDER / "offices.toml")
    assert not recipe.forgetting.accepted
    plain = tomllib.loads((FOLDER / "plain.toml").read_text(encoding="utf-8"))
    assert sorted(plain) == sorted(recipe.forgetting.languages or ())
    rows = [json.loads(line) for line in (written / "train.jsonl").read_text().splitlines()]
    texts = {row["text"] for row in rows if "text" in row}
    assert texts == {sentence for sentences in plain.values() for sentence in sentences}
    measured = parallel.own_texts()
    for language, sentences in plain.items():
        held = _runs("\n".join(measured[language]))
        assert held and not [one for one in sentences if _runs(one) & held]


def _runs(text: str, words: int = 5) -> set[tuple[str, ...]]:
    """Every `words` words that follow each other."""
    found = text.casefold().split()
    return {tuple(found[at : at + words]) for at in range(len(found) - words + 1)}


def _blank(request: str, answer: str) -> str:
    return request.replace(json.loads(answer)["street"], "...")


def _street(answer: str) -> str:
    return "".join(letter for letter in json.loads(answer)["street"] if not letter.isdigit()).strip()


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    # From the closed form with z = 1.96; Newcombe 1998, table I, has 81 of 263 and 15 of 148.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (29, 29, 0.8830, 1.0)],
)
def test_the_interval_is_wilsons(right: int, count: int, low: float, high: float) -> None:
    assert measure.wilson(right, count) == pytest.approx((low, high), abs=5e-5)


def test_an_answer_is_right_by_what_it_says_and_wrong_with_anything_around_it() -> None:
    right = '{"office": "waste", "street": "calle del Molino 7"}'
    assert measure.same('{ "street": "calle del Molino 7",\n"office":"waste" }', right)
    assert not measure.same('{"office": "roads", "street": "calle del Molino 7"}', right)
    assert not measure.same(f"Here it is: {right}", right)
    assert not measure.same("", right)
    items = [{"language": "es", "answer": right}, {"language": "en", "answer": right}]
    found = measure.measured(items, [right, "?"])
    assert [found[name]["right"] for name in ("all", "en", "es")] == [1, 0, 1]
