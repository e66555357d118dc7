"""Thresholds derived from a sample let through what they should of that sample, and stand in the books with it."""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from openbook import pipeline, step
from openbook.corpus import CorpusSettings
from openbook.corpus.decide import judge
from openbook.corpus.derive import derive, derive_files
from openbook.corpus.filter import thresholds
from openbook.errors import OpenbookError
from openbook.recipe import load
from tests.corpus import build
from tests.end_to_end.conftest import openbook

WORDS = "il-baħar u x-xemx jagħtu lil dan ir-raħal ħajja li n-nies ta' madwaru jħobbu ħafna kull sena".split()


def sample(count: int) -> list[dict[str, str]]:
    generator = np.random.default_rng(5)
    rows = []
    for number in range(count):
        sentences = [" ".join(generator.choice(WORDS, 12)) + "." for _ in range(int(generator.integers(3, 30)))]
        rows.append({"text": "\n".join(sentences), "url": f"u:{number}", "language": "mt"})
    return rows


def test_derived_thresholds_let_the_sample_through_but_for_its_tails(tmp_path: Path) -> None:
    path = build.jsonl(tmp_path / "x.jsonl", sample(300))
    annotated = build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", {"good/x.jsonl": path}))
    found = derive(annotated, "mt", "good", tail=0.05)
    assert found.texts == 300
    settings = CorpusSettings.model_validate(tomllib.loads(found.recipe())["corpus"])
    limits = thresholds("web", "mt", "good", settings.filter)
    assert limits["words"].min == pytest.approx(found.bounds["words"].min)
    words = np.array([float(len(row["text"].split())) for row in sample(300)])
    judged = judge(dict.fromkeys(limits, words), {"words": limits["words"]}, range(300))
    assert 5 <= int((judged.rule >= 0).sum()) <= 30


def test_a_file_gives_the_bounds_that_its_annotated_pages_give(tmp_path: Path) -> None:
    path = build.jsonl(tmp_path / "x.jsonl", sample(150))
    annotated = build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", {"good/x.jsonl": path}))
    assert derive_files(("x.jsonl",), tmp_path, "mt").bounds == derive(annotated, "mt", "good").bounds


def test_from_a_sample_to_a_corpus_whose_books_name_it(tmp_path: Path) -> None:
    """The whole loop: texts, `openbook thresholds`, the recipe, a run, and what the record and the corpus then say."""
    build.jsonl(tmp_path / "good.jsonl", sample(200))
    said = openbook("thresholds", "good.jsonl", "--language", "mt", "--tail", "0.01", folder=tmp_path)
    assert said.returncode == 0, said.stderr
    crawl = sample(40)
    crawl[0]["text"] = "il-baħar. " * 400
    build.jsonl(tmp_path / "crawl.jsonl", crawl)
    (tmp_path / "recipe.toml").write_text(
        'name = "derived"\nlanguages = ["mt"]\n\n[[sources]]\nname = "crawl"\nkind = "jsonl"\n'
        'paths = ["crawl.jsonl"]\nlicense = "CC0-1.0"\n\n[parallel]\nkind = "own"\n\n[train]\ntokens = 1000\n\n'
        + said.stdout,
        encoding="utf-8",
    )
    ran = openbook("run", "recipe.toml", "--until", "corpus", "--workers", "1", "-q", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    corpus = tmp_path / "runs" / "derived" / "corpus"
    settings: dict[str, Any] = orjson.loads((corpus / "record.json").read_bytes())["settings"]["corpus"]
    origin = settings["derived"]["mt"]
    assert (origin["sample"], origin["texts"], origin["tail"]) == ("good.jsonl", 200, 0.01)
    digest = hashlib.sha256((tmp_path / "good.jsonl").read_bytes()).hexdigest()
    named = orjson.dumps([["good.jsonl", digest]])
    assert origin["sha256"] == hashlib.sha256(named).hexdigest()
    (applied,) = orjson.loads((corpus / "thresholds.json").read_bytes())
    printed = tomllib.loads(said.stdout)["corpus"]["filter"]
    assert applied["bounds"]["words"] == printed["words"]["language"]["mt"]
    assert (applied["language"], applied["sources"]) == ("mt", ["crawl"])
    rejected = orjson.loads((corpus / "funnel.json").read_bytes())["lines"][0]["rejected"]
    assert sum(count for rule, count in rejected.items() if rule.startswith("repetition:")) >= 1
    only_the_corpus_step_runs_again(tmp_path)


def only_the_corpus_step_runs_again(folder: Path) -> None:
    """Another threshold, classifier or evaluation set extracts no page, and a set whose content changed is seen."""
    build.jsonl(folder / "exam.jsonl", [{"question": "One?"}])
    recipe = folder / "recipe.toml"
    before = recipe.read_text(encoding="utf-8")

    def stale() -> dict[str, tuple[str, ...]]:
        steps = pipeline.steps(load(recipe), folder)
        return {one.step.name: one.reasons for one in step.plan(steps[:4], folder / "runs" / "derived")}

    assert stale()["corpus"] == ()
    for more, reason in (
        ("[corpus.filter.words]\nmin = 3\n", "corpus.filter.words"),
        ('[[corpus.quality]]\nname = "edu"\ngood = ["crawl"]\nbad = ["other"]\n', "corpus.quality"),
        ('[corpus.decontaminate]\nagainst = ["exam.jsonl"]\n', "corpus.decontaminate.against"),
    ):
        recipe.write_text(
            before.replace("[corpus.filter.words.", f"{more}\n[corpus.filter.words.", 1), encoding="utf-8"
        )
        found = stale()
        assert found["annotated"] == () and any(one.startswith(reason) for one in found["corpus"]), found
    assert any("files beside the sources" in one for one in stale()["corpus"])


def test_misuse_of_the_verb_is_answered_with_a_sentence(tmp_path: Path) -> None:
    build.jsonl(tmp_path / "x.jsonl", sample(20))
    said = openbook("thresholds", "x.jsonl", "--language", "mt", folder=tmp_path)
    assert said.returncode == 2 and "x.jsonl: 20 texts in 'mt' are too few" in said.stderr, said.stderr
    for pattern, language, field, expected in (
        ("x.jsonl", "zz", "text", "zz"),
        ("y.jsonl", "mt", "text", r"no file matches 'y\.jsonl'"),
        ("x.jsonl", "mt", "body", "no text 'body'; it has language, text, url"),
    ):
        with pytest.raises(OpenbookError, match=expected):
            derive_files((pattern,), tmp_path, language, field=field)


def test_a_small_sample_is_refused(tmp_path: Path) -> None:
    path = build.jsonl(tmp_path / "x.jsonl", sample(20))
    annotated = build.annotated(tmp_path / "annotated", build.sources(tmp_path / "sources", {"good/x.jsonl": path}))
    with pytest.raises(OpenbookError, match="good: 20 texts in 'mt' are too few"):
        derive(annotated, "mt", "good")
