"""The step: the same bytes on every run, a price list, gates that fail by name."""

import html
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from openbook.compute import local
from openbook.context import Context
from openbook.corpus import Corpus
from openbook.errors import OpenbookError
from openbook.progress import quiet
from openbook.tokenizer import Tokenizer, TokenizerGates, TokenizerSettings, compare, run
from openbook.tokenizer.extend import digest
from openbook.tokenizer.measure import gini, unreachable
from openbook.tokenizer.sample import quotas

from .shelf import fill, languages, sentences, small_corpus


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_bytes_with_one_worker_and_with_two_and_after_a_kill(tmp_path: Path, context: Context) -> None:
    shelf = small_corpus(tmp_path / "corpus", ["en", "el", "fi"])
    settings = TokenizerSettings(vocabulary=700, balance="parity", sample_bytes=8192)
    run(settings, shelf, sentences(), tmp_path / "one", context)
    (tmp_path / "two" / "words").mkdir(parents=True)
    (tmp_path / "two" / "words" / "en.npz").write_bytes(b"half a file of a killed run")
    run(settings, shelf, sentences(), tmp_path / "two", Context(local(2), quiet(), tmp_path))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert set(contents(tmp_path / "one")) == {
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "report.json",
        "report.html",
    }


def test_the_price_list_holds_every_language_and_names_the_worst(built: Path, corpus: Corpus) -> None:
    report = json.loads((built / "report.json").read_text())
    prices = {price["language"]: price for price in report["prices"]}
    assert set(prices) >= set(languages())
    assert prices["en"]["relative_to_english"] == 1.0
    assert report["worst_ratio"] == max(price["relative_to_english"] for price in prices.values()) > 1
    assert prices[report["worst"]]["relative_to_english"] == report["worst_ratio"]
    assert report["unreachable"] == 0
    assert 0 < report["gini"] < 0.5
    assert all(price["bytes_per_token"] > 1 and price["fertility"] > 1 for price in prices.values())


def test_prices_are_those_of_tokenizers(built: Path, corpus: Corpus) -> None:
    from tokenizers import Tokenizer as Reference

    reference = Reference.from_file(str(built / "tokenizer.json"))
    report = {price["language"]: price for price in json.loads((built / "report.json").read_text())["prices"]}

    def tokens(texts: list[str]) -> int:
        return sum(len(reference.encode(text, add_special_tokens=False).ids) for text in texts)

    texts = [row["text"] for row in corpus.documents("el", split="held-out")]
    per_token = sum(len(text.encode()) for text in texts) / tokens(texts)
    assert report["el"]["bytes_per_token"] == pytest.approx(per_token, abs=1e-5)
    ratio = tokens(sentences().lines("el")[1::2]) / tokens(sentences().lines("en")[1::2])
    assert report["el"]["relative_to_english"] == pytest.approx(ratio, abs=1e-5)


def test_gini_is_that_of_the_textbook() -> None:
    assert gini([1, 1, 1, 1]) == pytest.approx(0)
    assert gini([0, 0, 0, 1]) == pytest.approx(0.75)
    assert gini([1, 2, 3, 4, 5]) == pytest.approx(4 / 15)


def test_an_entry_that_is_never_reached_is_found() -> None:
    merges = [("a", "b"), ("b", "c"), ("a", "bc"), ("ab", "c")]
    names = ["<s>", "a", "b", "c", "ab", "bc", "abc", "xyz"]
    assert unreachable(names, merges, {"<s>": 0}) == ["xyz"]
    assert unreachable(names[:-1], merges[:3], {"<s>": 0}) == ["abc"]


@pytest.mark.parametrize(
    ("gates", "says"),
    [
        ({"worst_ratio": 1.01}, "worst_ratio: Greek needs"),
        ({"gini": 0.0}, "gini: 0"),
    ],
)
def test_a_gate_fails_the_step_by_its_name(
    gates: dict[str, float], says: str, tmp_path: Path, context: Context
) -> None:
    shelf = small_corpus(tmp_path / "corpus", ["en", "el"])
    settings = TokenizerSettings(vocabulary=600, sample_bytes=8192, gates=TokenizerGates(**gates))
    with pytest.raises(OpenbookError, match=says):
        run(settings, shelf, sentences(), tmp_path / "out", context)
    assert (tmp_path / "out" / "report.html").exists()


def test_the_gate_of_unreachable_entries_fails_the_step_by_its_name(
    built: Path, tmp_path: Path, context: Context
) -> None:
    """An entry that no merge makes; of another's tokenizer only where the recipe asks."""
    base = shutil.copytree(built, tmp_path / "base")
    definition = json.loads((base / "tokenizer.json").read_text())
    definition["model"]["vocab"]["qzqzqz"] = max(definition["model"]["vocab"].values()) + 1
    (base / "tokenizer.json").write_text(json.dumps(definition, ensure_ascii=False))
    shelf = small_corpus(tmp_path / "corpus", ["en", "el"])
    wanted = {"from": digest(base), "gates": {"unreachable": 0}}
    with pytest.raises(OpenbookError, match=r"gates: unreachable: 1 entries \(qzqzqz\), 0 allowed\."):
        run(TokenizerSettings.model_validate(wanted), shelf, sentences(), tmp_path / "out", context, base)
    allowed = wanted | {"gates": {"unreachable": 1}}
    run(TokenizerSettings.model_validate(allowed), shelf, sentences(), tmp_path / "more", context, base)


def test_a_corpus_without_text_is_refused(tmp_path: Path, context: Context) -> None:
    with pytest.raises(OpenbookError, match="no training text"):
        run(TokenizerSettings(), fill(tmp_path / "c", {"en": []}), sentences(), tmp_path / "out", context)


def test_held_out_text_is_not_learnt_from(tmp_path: Path, context: Context) -> None:
    train = [(f"ordinary words number {number} stand here", "train") for number in range(40)]
    held = [("xqzj " * 50 + str(number), "held-out") for number in range(40)]
    run(
        TokenizerSettings(vocabulary=600),
        fill(tmp_path / "c", {"en": train + held}),
        sentences(),
        tmp_path,
        context,
    )
    assert not any("xq" in name for name in Tokenizer.open(tmp_path).names)


@given(
    available=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 10_000), min_size=1),
    total=st.integers(1, 30_000),
    temperature=st.floats(1, 20),
)
def test_quotas_never_exceed_what_there_is_and_use_the_budget(
    available: dict[str, int], total: int, temperature: float
) -> None:
    quota = quotas(available, total, temperature)
    assert all(0 <= quota[language] <= size for language, size in available.items())
    assert sum(quota.values()) <= total
    assert sum(quota.values()) >= min(total, sum(available.values())) - len(available)


def test_a_small_language_gets_more_than_its_share_of_bytes() -> None:
    assert quotas({"en": 1_000_000, "mt": 10_000}, 100_000, 1.0) == {"en": 99009, "mt": 990}
    assert quotas({"en": 1_000_000, "mt": 10_000}, 100_000, 5.0) == {"en": 90000, "mt": 10000}


@pytest.mark.parametrize("wrong", [{"vocabulary": 100}, {"balanse": "parity"}, {"vocabulary": 600, "reserved": 400}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        TokenizerSettings.model_validate(wrong)


def test_another_tokenizer_is_put_beside_ours(tmp_path: Path, built: Path, context: Context, corpus: Corpus) -> None:
    run(
        TokenizerSettings(vocabulary=600),
        small_corpus(tmp_path / "c", ["en", "fi"]),
        sentences(),
        tmp_path / "o",
        context,
    )
    lists = compare(Tokenizer.open(built), {"small": tmp_path / "o"}, sentences(), corpus, tmp_path / "page.html")
    assert lists["small"].vocabulary == 600
    assert lists["small"].parallel_tokens > lists["this"].parallel_tokens
    page = (tmp_path / "page.html").read_text()
    for name in ("this", "small"):
        for section in ("Price list", "Words that take the most tokens", "Tokens relative to English"):
            assert f"{section}: {name}" in page
        assert f"{lists[name].vocabulary:,} entries, 0 of them unreachable." in page
        costly = lists[name].prices[0].costly_words[0]
        assert f"{html.escape(costly[0])} ({costly[1]})" in page
        assert f"{lists[name].prices[0].fertility:.3f}"[:4] in page
    assert page.count("share of vocabulary, %") == page.count("tokens per word") == 2
    with pytest.raises(OpenbookError, match=r"none\.json"):
        compare(Tokenizer.open(built), {"x": tmp_path / "none.json"}, sentences(), None, tmp_path / "page.html")


def test_the_published_rule_can_be_asked_for_in_a_recipe() -> None:
    told = TokenizerSettings.model_validate({"balance": "parity", "sharpness": "published"})
    assert told.sharpness is None and TokenizerSettings.model_validate(told.model_dump(mode="json")) == told
