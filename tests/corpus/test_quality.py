"""Documents carry the scores of classifiers trained on a recipe's examples, and how good those are stands beside."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from safetensors.numpy import load_file

from openbook.corpus import Annotated, Corpus, CorpusSettings, logistic, quality, run_corpus
from openbook.corpus.scan_settings import QualitySettings
from openbook.errors import OpenbookError
from tests.corpus import build

TOLD = "lighthouse keeper winter ferry island weather storm children school bread harbor morning".split()
SOLD = "discount casino bonus click cheap offer winner credit jackpot deal coupon free".split()
SHARED = "the a of and in to was with for on it at they had this not from one by be".split()
MALTESE = "il-baħar u x-xemx jagħtu lil dan ir-raħal ħajja li n-nies ta' madwaru jħobbu ħafna kull sena".split()


def sentence(generator: np.random.Generator, good: bool, language: str) -> str:
    words = SHARED if language == "en" else MALTESE
    mixed = [*generator.choice(words, 14), *generator.choice(TOLD if good else SOLD, 3)]
    generator.shuffle(mixed)
    return " ".join(map(str, mixed)) + "."


def examples(count: int, seed: int = 3, language: str = "en") -> list[dict[str, Any]]:
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        good = number % 3 != 0
        text = " ".join(sentence(generator, good, language) for _ in range(4))
        rows.append({"url": f"u:{language}:{number}", "text": text, "label": good, "language": language})
    return rows


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Annotated:
    folder = tmp_path_factory.mktemp("scored")
    rows = examples(240, seed=9) + examples(12, seed=4, language="mt")
    paths = {
        "good/x.jsonl": build.jsonl(folder / "good.jsonl", [row for row in rows if row["label"]]),
        "bad/x.jsonl": build.jsonl(folder / "bad.jsonl", [row for row in rows if not row["label"]]),
    }
    return build.annotated(folder / "annotated", build.sources(folder / "sources", paths))


def made(pages: Annotated, folder: Path, wanted: dict[str, Any], workers: int = 1) -> Corpus:
    asked = {"profile": "messages", "held_out": {"share": 0}, "quality": [{"name": "edu", **wanted}]}
    run_corpus(CorpusSettings.model_validate(asked), pages, folder, build.context(folder, workers), folder.parent)
    return Corpus.open(folder)


def scores(corpus: Corpus, language: str = "en") -> dict[str, float | None]:
    return {
        row["source"] + row["url"]: dict(row["quality"] or ()).get("edu")
        for row in corpus.documents(language, split=None)
    }


def test_a_sample_s_classifier_tells_unseen_good_texts_from_bad_ones(pages: Annotated, tmp_path: Path) -> None:
    build.jsonl(tmp_path / "labeled.jsonl", examples(600) + examples(30, language="mt"))
    corpus = made(pages, tmp_path / "corpus", {"sample": ["labeled.jsonl"]})
    good = [value for key, value in scores(corpus).items() if key.startswith("good") and value is not None]
    bad = [value for key, value in scores(corpus).items() if key.startswith("bad") and value is not None]
    assert len(good) >= 100 and len(bad) >= 50
    assert np.mean(np.array(good) > 0.5) > 0.95 and np.mean(np.array(bad) < 0.5) > 0.95
    figures = orjson.loads((corpus.folder / "quality" / "index.json").read_bytes())["edu"]
    assert figures["sample"] == ["labeled.jsonl"] and len(figures["sha256"]) == 64
    measured = figures["languages"]["en"]
    assert 80 <= measured["held_out"] <= 160
    assert measured["accuracy"]["low"] < measured["accuracy"]["value"] <= measured["accuracy"]["high"] <= 1.0
    assert measured["auc"]["value"] > 0.97
    assert figures["languages"]["mt"] == {"good": 20, "bad": 10, "too_few": True}
    assert set(scores(corpus, "mt").values()) == {None}, "no score is made up for a language without a classifier"


def test_two_sources_are_a_sample_and_a_threshold_rejects_with_the_score(pages: Annotated, tmp_path: Path) -> None:
    wanted = {"good": ["good"], "bad": ["bad"]}
    scored = made(pages, tmp_path / "scored" / "corpus", wanted)
    before = scores(scored)
    strict = made(pages, tmp_path / "strict" / "corpus", {**wanted, "language": {"en": {"min": 0.5}}})
    kept = scores(strict)
    assert kept == {key: value for key, value in before.items() if value is not None and value >= 0.5}
    rejected = [row for row in strict.rejected("en") if row["rejected_by"] == "quality:edu"]
    assert len(rejected) == len(before) - len(kept) > 40
    assert all(row["measure"] == dict(row["quality"])["edu"] < 0.5 for row in rejected)


def test_nothing_is_learned_from_what_is_left_out_by_name(pages: Annotated, tmp_path: Path) -> None:
    asked = {"profile": "messages", "quality": [{"name": "edu", "good": ["good"], "bad": ["bad"]}]}
    for name, optouts in (("all", []), ("fewer", [f"u:en:{number}" for number in range(40)])):
        settings = CorpusSettings.model_validate({**asked, "optouts": {"urls": optouts}})
        run_corpus(settings, pages, tmp_path / name, build.context(tmp_path))
    counts = [
        orjson.loads((tmp_path / name / "quality/index.json").read_bytes())["edu"]["languages"]["en"]
        for name in ("all", "fewer")
    ]
    assert [one["good"] + one["bad"] for one in counts] == [240, 200]


def test_the_same_examples_give_the_same_bytes(pages: Annotated, tmp_path: Path) -> None:
    rows = examples(400)
    for name, order in (("one", rows), ("two", rows[::-1] + rows[:50])):
        build.jsonl(tmp_path / name / "labeled.jsonl", order)
    one = made(pages, tmp_path / "one" / "corpus", {"sample": ["*.jsonl"]})
    two = made(pages, tmp_path / "two" / "corpus", {"sample": ["*.jsonl"]}, workers=2)
    first, second = build.contents(one.folder), build.contents(two.folder)
    assert {key for key in first if first[key] != second[key]} == {"quality/index.json"}, "digest of the sample"
    assert load_file(one.folder / "quality/edu/en.safetensors")["weights"].shape == (logistic.BUCKETS + 1,)


def test_logistic_regression_recovers_known_odds() -> None:
    """One feature, good in 3 of 4 texts that have it: the probability must come out at 0.75."""
    rows = [np.array([7 if number % 2 else 9], np.int32) for number in range(4000)]
    good = np.array([number % 8 in (1, 3, 5) if number % 2 else number % 8 in (0,) for number in range(4000)])
    weights = logistic.fit(rows, good, "odds")
    found = logistic.score([np.array([7], np.int32), np.array([9], np.int32)], weights)
    assert found.tolist() == pytest.approx([0.75, 0.25], abs=0.06)


@pytest.mark.parametrize("x", [-700.0, -30.0, -3.7, -1e-9, 0.0, 0.5, 2.25, 19.0, 700.0])
def test_the_sigmoid_is_that_of_the_library(x: float) -> None:
    expected = 1 / (1 + np.exp(-np.clip(x, -30, 30)))
    assert logistic.sigmoid(x) == pytest.approx(expected, rel=1e-12)


def test_intervals_are_those_of_the_published_formulas() -> None:
    # Wilson's interval for 81 of 263, as in Newcombe 1998, table I: .2553 to .3662.
    said = np.arange(263) < 81
    found = quality.accuracy(said, np.ones(263, bool))
    assert (found["low"], found["high"]) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))
    area = quality.area(np.array([0.9, 0.8, 0.3, 0.5, 0.2, 0.1]), np.array([1, 1, 1, 0, 0, 0], bool))
    assert area["value"] == pytest.approx(8 / 9, abs=1e-4)
    assert area["low"] < 8 / 9 < area["high"] <= 1
    # The standard error of Hanley and McNeil 1982, formula 2, for an area of .866 and 50 texts of each kind: .0370.
    ranks = np.random.default_rng(1).normal(size=100) + np.where(np.arange(100) < 50, 1.19, 0.0)
    found = quality.area(ranks, np.arange(100) < 50)
    assert (found["high"] - found["low"]) / (2 * 1.96) == pytest.approx(0.0370, abs=0.002)
    assert found["value"] == pytest.approx(0.866)
    whole = quality.area(np.arange(60.0), np.arange(60) >= 30)
    assert whole["value"] == whole["high"] == 1.0 and 0.85 < whole["low"] < 0.97, "no certainty from 60 texts"
    assert quality.area(np.array([0.5, 0.5]), np.array([True, False]))["value"] == 0.5


def test_labels_may_be_words_or_numbers() -> None:
    path = Path("x.jsonl")
    assert [quality.good_label(one, 3, path) for one in (True, "good", "__label__bad", 3, 2.9, "0")] == [
        *(True, True, False, True, False, False)
    ]
    with pytest.raises(OpenbookError, match="a label is 'maybe'"):
        quality.good_label("maybe", 1, path)


def test_too_small_a_sample_is_refused_with_the_counts(pages: Annotated, tmp_path: Path) -> None:
    build.jsonl(tmp_path / "labeled.jsonl", examples(30))
    with pytest.raises(OpenbookError, match=r"edu: no language has 50 good and 50 bad texts .*\(en: 20 and 10\)"):
        made(pages, tmp_path / "corpus", {"sample": ["labeled.jsonl"]})
    with pytest.raises(OpenbookError, match="no text comes from a source 'none'"):
        made(pages, tmp_path / "corpus", {"good": ["none"], "bad": ["bad"]})
    with pytest.raises(ValueError, match="give one of sample, good and bad, or model"):
        QualitySettings(name="edu")


def fasttext_file(path: Path, words: dict[str, list[float]], labels: list[list[float]]) -> Path:
    """A supervised model of two labels in fastText's own format: input vectors of words, output vectors of labels."""
    dim = len(next(iter(words.values())))
    out = struct.pack("<ii", 793712314, 12)
    # dim, ws, epoch, minCount, neg, wordNgrams, loss (softmax), model (supervised), bucket, minn, maxn, lrUpdateRate, t
    out += struct.pack("<12id", dim, 5, 5, 1, 5, 1, 3, 3, 0, 0, 0, 100, 1e-4)
    entries = [*[(word, 0) for word in ("</s>", *words)], ("__label__good", 1), ("__label__bad", 1)]
    out += struct.pack("<iiiqq", len(entries), len(words) + 1, 2, 100, -1)
    for word, kind in entries:
        out += word.encode() + b"\0" + struct.pack("<qb", 10, kind)
    for matrix in ([[0.0] * dim, *words.values()], labels):
        out += struct.pack("<?qq", False, len(matrix), dim)
        out += b"".join(struct.pack("<f", value) for row in matrix for value in row)
    path.write_bytes(out)
    return path


def test_a_fasttext_classifier_scores_by_path(pages: Annotated, tmp_path: Path) -> None:
    pytest.importorskip("fasttext")
    words = {word: [4.0] for word in TOLD} | {word: [-4.0] for word in SOLD}
    fasttext_file(tmp_path / "model.bin", words, [[4.0], [-4.0]])
    corpus = made(pages, tmp_path / "corpus", {"model": "model.bin", "languages": ["en"]})
    for key, value in scores(corpus).items():
        assert value is not None and (value > 0.5) == key.startswith("good"), (key, value)
    assert set(scores(corpus, "mt").values()) == {None}
    figures = orjson.loads((corpus.folder / "quality" / "index.json").read_bytes())["edu"]
    assert figures["model"] == "model.bin" and len(figures["sha256"]) == 64
    with pytest.raises(OpenbookError, match=r"model\.bin has no label '__label__hq'"):
        made(pages, tmp_path / "other", {"model": "model.bin", "label": "__label__hq"})
