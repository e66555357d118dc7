"""A tuning that costs a language is stopped by that language's name."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "model"))
from tiny import write_model

from openbook import progress
from openbook.compute import local
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.tune import forgetting
from openbook.tune.forgetting import changes, gate, held_out, named, shipped, table


def scored(shift: dict[str, float], texts: int = 40, seed: int = 0) -> dict[str, Any]:
    """Tables of a model that takes `shift` nats more for each text of a language, give or take one."""
    found = {}
    for code, more in shift.items():
        draw = np.random.default_rng(sum(code.encode()))
        nats = 80 + 20 * draw.random(texts) + more + np.random.default_rng(seed).normal(0, 1, texts)
        rows = [{"id": f"{code}-{at}", "bytes": 100, "tokens": 30, "nats": float(one)} for at, one in enumerate(nats)]
        total = sum(row["nats"] for row in rows) / np.log(2) / (100 * texts)
        found[code] = {"bits_per_byte": round(float(total), 4), "documents": rows, "method": "of its own making"}
    return found


BEFORE = scored({"en": 0.0, "mt": 0.0, "fi": 0.0})
AFTER = scored({"en": -3.0, "mt": 3.0, "fi": 0.0}, seed=1)
"""English gains, Maltese loses, Finnish does neither; each by far less than one text differs from another."""


def test_a_lost_language_is_named_with_its_figures_and_others_are_not() -> None:
    problems = gate(BEFORE, AFTER)
    assert len(problems) == 1
    assert problems[0].startswith("mt (Maltese) went from ")
    assert changes(BEFORE, AFTER)["lost"] == ["mt"]
    assert changes(BEFORE, AFTER)["gained"] == ["en"]
    assert changes(BEFORE, AFTER)["languages"]["fi"]["verdict"] == "not separate"


def test_the_interval_is_of_the_difference_in_pairs_as_computed_by_hand() -> None:
    row = changes(BEFORE, AFTER)["languages"]["mt"]
    before, after = ([one["nats"] for one in side["mt"]["documents"]] for side in (BEFORE, AFTER))
    differences = (np.array(after) - np.array(before)) / np.log(2) / 100
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    assert row["change"] == pytest.approx(differences.mean(), abs=1e-4)
    assert row["low"] == pytest.approx(differences.mean() - 1.96 * error, abs=error / 4)
    assert row["high"] == pytest.approx(differences.mean() + 1.96 * error, abs=error / 4)
    assert row["documents"] == 40
    assert row["bytes"] == 4000


def test_a_loss_that_is_accepted_by_name_passes_and_only_that() -> None:
    assert gate(BEFORE, AFTER, ["mt"]) == []
    assert gate(BEFORE, AFTER, ["fi", "en"]) == gate(BEFORE, AFTER)
    with pytest.raises(OpenbookError, match="'maltese' in the table: did you mean 'mt'"):
        gate(BEFORE, AFTER, ["maltese"])


def test_the_way_back_loses_what_the_way_there_gained() -> None:
    assert changes(AFTER, BEFORE)["lost"] == changes(BEFORE, AFTER)["gained"]


def test_tables_of_other_texts_are_not_compared() -> None:
    with pytest.raises(OpenbookError, match="mt was measured on other texts"):
        gate(BEFORE, AFTER | {"mt": scored({"mt": 0.0}, texts=39)["mt"]})
    with pytest.raises(OpenbookError, match="fi was measured before the tuning and not after"):
        gate(BEFORE, {code: AFTER[code] for code in ("en", "mt")})


def test_a_language_of_one_text_is_told_to_be_unsure() -> None:
    one = scored({"se": 0.0}, texts=1)
    found = changes(one, scored({"se": 9.0}, texts=1))
    assert (found["unsure"], found["lost"], gate(one, scored({"se": 9.0}, texts=1))) == (["se"], [], [])


def test_real_models_are_scored_on_the_text_that_the_package_brings(tmp_path: Path) -> None:
    texts = shipped().only(["mt", "en", "el"])
    assert sorted(texts.languages) == ["el", "en", "mt"]
    assert "dozen sentences" in texts.source
    calm, loud = write_model(tmp_path / "calm", loud=0.0), write_model(tmp_path / "loud", loud=12.0)
    before, after = table(calm, None, texts.languages), table(loud, None, texts.languages)
    # All of 800 tokens equally likely: as many bits as tokens times log2(800).
    for code, row in before.items():
        tokens = sum(one["tokens"] for one in row["documents"])
        size = sum(len(one.encode()) for one in texts.languages[code])
        assert row["bits_per_byte"] == pytest.approx(tokens * np.log2(800) / size, rel=1e-4)
    assert [problem[:2] for problem in gate(before, after)] == ["el", "en", "mt"]
    assert gate(before, before) == []
    workers = table(loud, None, texts.languages, Context(local(2), progress.quiet(), tmp_path / "cache"))
    assert workers == after


def test_files_of_the_recipe_are_read_by_paragraph_or_line(tmp_path: Path) -> None:
    (tmp_path / "mt.txt").write_text("L-ewwel paragrafu.\nL-istess.\n\nIt-tieni.\n\n\n", encoding="utf-8")
    (tmp_path / "fi.jsonl").write_text('{"text": "Yksi."}\n\n{"text": "Kaksi."}\n', encoding="utf-8")
    texts = named({"mt": tmp_path / "mt.txt", "fi": tmp_path / "fi.jsonl"})
    assert texts.languages == {"fi": ["Yksi.", "Kaksi."], "mt": ["L-ewwel paragrafu.\nL-istess.", "It-tieni."]}
    assert texts.source == "the files fi.jsonl, mt.txt"
    (tmp_path / "one.txt").write_text("Alone.", encoding="utf-8")
    (tmp_path / "bad.jsonl").write_text('{"words": 1}\n', encoding="utf-8")
    with pytest.raises(OpenbookError, match="fewer than two texts"):
        named({"en": tmp_path / "one.txt"})
    with pytest.raises(OpenbookError, match='object with "text"'):
        named({"en": tmp_path / "bad.jsonl"})
    with pytest.raises(OpenbookError, match="cannot be read"):
        named({"en": tmp_path / "none.txt"})
    with pytest.raises(OpenbookError, match="no text of it among"):
        texts.only(["en"])


def test_a_bound_on_bytes_is_kept_by_whole_texts() -> None:
    small = shipped(200).languages["en"]
    assert 200 <= sum(len(one.encode()) for one in small) < 200 + 120
    assert small == shipped().languages["en"][: len(small)]


def test_a_run_lends_its_held_out_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Corpus:
        languages = ("mt", "fi")

        def documents(self, language: str, split: str, columns: list[str]) -> Any:
            assert split == "held-out"
            return [{"id": str(at), "text": f"{language} {at} " * 100} for at in range(3 if language == "mt" else 0)]

    monkeypatch.setattr(forgetting.Corpus, "open", lambda folder: Corpus())
    found = held_out(tmp_path / "first-light")
    assert list(found.languages) == ["mt"]
    assert len(found.languages["mt"]) == 3
    assert found.source == "the held-out documents of first-light"


def test_a_recipe_names_files_and_nothing_else_decides(tmp_path: Path) -> None:
    from openbook.tune.base import Base
    from openbook.tune.settings import TuneRecipe
    from openbook.tuning import languages

    (tmp_path / "mt.txt").write_text("L-ewwel.\n\nIt-tieni.\n", encoding="utf-8")
    told = {"name": "x", "base": "b", "data": {"files": ["d.jsonl"]}}
    base = Base.__new__(Base)
    object.__setattr__(base, "run", None)
    recipe = TuneRecipe.model_validate(told | {"forgetting": {"files": {"mt": "mt.txt"}}})
    assert languages(recipe, tmp_path, base).languages == {"mt": ["L-ewwel.", "It-tieni."]}
    assert len(languages(TuneRecipe.model_validate(told), tmp_path, base).languages) == 47
    none = TuneRecipe.model_validate(told | {"forgetting": {"languages": []}})
    assert languages(none, tmp_path, base).languages == {}
    lacking = TuneRecipe.model_validate(told | {"forgetting": {"files": {"mt": "mt.txt"}, "languages": ["fi"]}})
    with pytest.raises(OpenbookError, match=r"in fi: no text of it among the files mt\.txt"):
        languages(lacking, tmp_path, base)
