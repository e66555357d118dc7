"""Sources and good and bad text are drawn apart within their language, and every place is still known both ways."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_tokens import BOS, write_tokens

from openbook.errors import OpenbookError
from openbook.tokenizer import TokenizedCorpus
from openbook.train import Batches, CanarySettings, Goldfish, Order, Stage, TrainSettings

SIZES = {"en": 9_000, "mt": 1_500}


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    return write_tokens(tmp_path_factory.mktemp("tokens") / "tokens", SIZES)


def asked(**values: object) -> TrainSettings:
    wanted = {"steps": 20, "batch_rows": 6, "sequence": 32, "seed": 3, "epochs": 20.0, **values}
    return TrainSettings.model_validate(wanted)


def rows_by_cell(order: Order) -> Counter[str]:
    places = [divmod(row, order.batch_rows) for row in range(order.rows)]
    return Counter(order.draw(step, row).name for step, row in places)


@given(
    seed=st.integers(0, 30),
    sources=st.sampled_from([{}, {"wiki": 3.0}, {"crawl": 0.0}]),
    quality=st.sampled_from([None, {"score": "good", "limits": [0.3, 0.6], "weights": [0, 1, 2], "unscored": 0.5}]),
    canary=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_a_token_is_seen_exactly_where_the_rows_hold_it(
    tokens: TokenizedCorpus, seed: int, sources: dict[str, float], quality: dict[str, object] | None, canary: bool
) -> None:
    canaries = CanarySettings(length=4, repeats=(1, 2)) if canary else None
    order = Order.of(tokens, asked(seed=seed, source_weights=sources, quality=quality, canaries=canaries))
    slow: dict[tuple[str, int], set[tuple[int, int, int]]] = {}
    for step in range(20):
        for row in range(6):
            draw = order.draw(step, row)
            placed, at = order.canary(draw), 0
            for start, end in order.pieces(draw):
                for position in range(start, end):
                    if not placed or at < placed[1]:
                        slow.setdefault((draw.language, position), set()).add((step, row, at))
                    at += 1
            assert at == order.size(draw)
    for code, count in SIZES.items():
        for position in range(0, count, 7):
            found = [(one.step, one.row, one.start) for one in order.seen(code, position, position + 1)]
            assert len(set(found)) == len(found)
            assert set(found) == slow.get((code, position), set())


def test_a_row_holds_the_tokens_of_its_own_source_only(tokens: TokenizedCorpus) -> None:
    batches = Batches(tokens, asked(source_weights={"wiki": 2.0}, goldfish=Goldfish(k=4, h=5)), 320, BOS)
    sources: dict[str, str] = {}
    for code in SIZES:
        sources |= dict(zip((name for name, _, _ in tokens.documents(code)), tokens.sources(code), strict=True))
    for step in range(20):
        for draw, ids in zip(batches.rows(step, 0, 6).draws, batches.rows(step, 0, 6).ids, strict=True):
            assert {sources[name] for name in batches.documents(draw)} == {draw.cell.split("/")[1]}
            stream = tokens.tokens(draw.language)
            text = np.concatenate([stream[start:end] for start, end in batches.order.pieces(draw)])
            assert np.array_equal(ids[: len(text) - 1], text[:-1])


def test_weights_of_sources_move_text_within_a_language_and_never_between_languages(tokens: TokenizedCorpus) -> None:
    plain = Order.of(tokens, asked())
    order = Order.of(tokens, asked(source_weights={"wiki": 3.0, "crawl": 1.0}))
    for code in SIZES:
        assert abs(order.rows_of(code) - plain.rows_of(code)) <= 1
    drawn = rows_by_cell(order)
    assert drawn == Counter({name: count for name, count in order.draws.items() if count})
    wanted = 3 * order.tokens["en/wiki"] / order.tokens["en/crawl"]
    assert drawn["en/wiki"] / drawn["en/crawl"] == pytest.approx(wanted, rel=0.1)


def test_good_text_is_drawn_more_often_without_another_corpus(tokens: TokenizedCorpus) -> None:
    quality = {"score": "good", "limits": [0.5], "weights": [0.0, 1.0], "unscored": 0.0}
    order = Order.of(tokens, asked(quality=quality))
    assert set(rows_by_cell(order)) == {"en/1", "mt/1"}
    scores = tokens.quality("mt", "good")
    for (_, start, end), score in zip(tokens.documents("mt"), scores, strict=True):
        assert bool(list(order.seen("mt", start, end))) <= bool(score >= 0.5)


def test_a_source_is_repeated_no_more_often_than_its_own_cap(tokens: TokenizedCorpus) -> None:
    order = Order.of(tokens, asked(source_epochs={"wiki": 0.5}, temperature=5.0))
    assert max(order.epochs["mt/wiki"], order.epochs["en/wiki"]) <= 0.5 + 1 / 20
    assert order.epochs["mt/crawl"] > order.epochs["mt/wiki"]
    plain = Order.of(tokens, asked(temperature=5.0))
    assert abs(order.rows_of("mt") - plain.rows_of("mt")) <= 1  # the language's other source fills its rows


def test_a_stage_leaves_a_source_out(tokens: TokenizedCorpus) -> None:
    stages = (Stage(start=0.0), Stage(start=0.5, sources={"crawl": 0.0}))
    order = Order.of(tokens, asked(stages=stages))
    late = {order.draw(step, row).name for step in range(10, 20) for row in range(6)}
    early = {order.draw(step, row).name for step in range(10) for row in range(6)}
    assert late == {"en/wiki", "mt/wiki"} and "en/crawl" in early


def test_what_no_document_has_is_named(tokens: TokenizedCorpus) -> None:
    with pytest.raises(OpenbookError, match="the source 'wikki'"):
        Order.of(tokens, asked(source_weights={"wikki": 2.0}))
    with pytest.raises(OpenbookError, match="no document has a score 'bad'"):
        Order.of(tokens, asked(quality={"score": "bad"}))
    with pytest.raises(ValueError, match="2 limits need 3 weights"):
        asked(quality={"score": "good", "limits": [0.2, 0.5]})


def test_tokens_of_an_older_program_are_told_apart(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    old = write_tokens(tmp_path / "tokens", {"en": 500})
    path = tmp_path / "tokens" / "en" / "documents.parquet"
    pq.write_table(pq.read_table(path, columns=["id", "start", "end"]), path)
    assert Order.of(old, asked(steps=2)).languages == ["en"]
    with pytest.raises(OpenbookError, match="does not say source: make the tokenized corpus anew"):
        Order.of(old, asked(source_weights={"wiki": 2.0}))
