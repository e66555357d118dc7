"""A canary is trained on as often as the recipe says, at places that are computed, and never taken for a document."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_run import MODEL, SETTINGS
from tiny_tokens import BOS, context, tokenizer, write_tokens

from openbook.books.record import hash_files
from openbook.errors import OpenbookError
from openbook.tokenizer import TokenizedCorpus
from openbook.train import Batches, CanarySettings, Order, TrainSettings, run

CANARIES = SETTINGS.model_copy(update={"canaries": CanarySettings(count=2, length=8, repeats=(1, 4))})


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    return write_tokens(tmp_path_factory.mktemp("corpus") / "tokens", {"en": 6000, "fr": 3000, "mt": 200, "ga": 20})


def test_each_canary_stands_in_the_batches_as_often_as_asked_and_where_it_is_said_to(tokens: TokenizedCorpus) -> None:
    batches = Batches(tokens, CANARIES, 320, BOS)
    order = batches.order
    assert order.canaries is not None
    names = {tuple(batches.canary_tokens(canary)): canary for canary in order.canaries}
    found: dict[str, list[tuple[int, int]]] = {}
    for step in range(24):
        batch = batches.rows(step, 0, 6)
        for row, draw in enumerate(batch.draws):
            text = batches.row(draw)[0].tolist()
            assert batch.ids[row, : len(text) - 1].tolist() == text[:-1]
            canary = names.get(tuple(text[-8:]))
            if canary:
                assert text[-9] == BOS
                found.setdefault(canary.name, []).append((step, row))
                assert order.canary(draw) == (canary, len(text) - 9, len(text))
            else:
                assert order.canary(draw) is None
    assert found == {canary.name: order.canary_places(canary) for canary in names.values()}
    assert Counter(len(places) for places in found.values())[4] >= 4
    assert {canary.repeats: len(found[canary.name]) for canary in names.values()} == {1: 1, 4: 4}
    assert "ga" in order.canaries.left_out  # too few rows for all four


@given(seed=st.integers(0, 50), canary=st.booleans())
@settings(max_examples=15, deadline=None)
def test_a_token_is_seen_exactly_where_the_rows_hold_it_and_no_canary_does(seed: int, canary: bool) -> None:
    chosen = CanarySettings(length=4, repeats=(1, 2)) if canary else None
    wanted = TrainSettings(steps=12, batch_rows=4, sequence=8, seed=seed, canaries=chosen)
    order = Order({"en": 400, "mt": 100}, wanted)
    slow: dict[tuple[str, int], set[tuple[int, int, int]]] = {}
    for step in range(12):
        for row in range(4):
            draw = order.draw(step, row)
            start, end = order.span(draw.language, draw.sequence)
            placed = order.canary(draw)
            for at in range(start, start + placed[1] if placed else end):
                slow.setdefault((draw.language, at), set()).add((step, row, at - start))
    for code, count in order.tokens.items():
        for at in range(count):
            found = {(one.step, one.row, one.start) for one in order.seen(code, at, at + 1)}
            assert found == slow.get((code, at), set())


def test_documents_of_a_row_are_named_and_the_canary_beside_them(tokens: TokenizedCorpus) -> None:
    batches = Batches(tokens, CANARIES, 320, BOS)
    assert batches.order.canaries is not None
    canary = next(iter(batches.order.canaries))
    step, row = batches.order.canary_places(canary)[0]
    *documents, last = batches.documents(batches.order.draw(step, row))
    assert last == canary.name == "canary:en:0"
    assert documents and all(name.startswith("en0") for name in documents)


def test_alternatives_are_drawn_like_the_canaries_and_are_others(tokens: TokenizedCorpus) -> None:
    batches = Batches(tokens, CANARIES, 320, BOS)
    assert batches.order.canaries is not None
    canary = next(iter(batches.order.canaries))
    others = batches.order.canaries.alternatives("en", 50, batches.pool("en"))
    assert others.shape == (50, 8)
    assert set(np.unique(others)) <= set(tokens.tokens("en").tolist()) - {BOS}
    assert tuple(batches.canary_tokens(canary)) not in {tuple(row) for row in others.tolist()}


def test_a_run_with_canaries_says_so_and_gives_the_same_bytes_twice(tokens: TokenizedCorpus, tmp_path: Path) -> None:
    wanted = CANARIES.model_copy(update={"steps": 12})
    for name in ("one", "two"):
        run(MODEL, wanted, tokenizer(tmp_path / "t"), tokens, tmp_path / name, context(tmp_path))
    assert hash_files(tmp_path / "one") == hash_files(tmp_path / "two")
    assert "Canaries" in (tmp_path / "one" / "report.html").read_text()


def test_canaries_that_cannot_be_placed_are_refused() -> None:
    long = TrainSettings(steps=4, batch_rows=4, sequence=8, canaries=CanarySettings(length=9))
    with pytest.raises(OpenbookError, match="does not fit into a row"):
        Order({"en": 400}, long)
    absent = TrainSettings(steps=4, batch_rows=4, sequence=8, canaries=CanarySettings(length=4, languages=("mt",)))
    with pytest.raises(OpenbookError, match=r"train\.canaries names mt"):
        Order({"en": 400}, absent)
