"""The order of the data is a pure function that answers in both directions."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openbook.errors import OpenbookError
from openbook.train import Order, Stage, TrainSettings
from openbook.train.permutation import permutation

CORPUS = {"en": 100_000, "fr": 30_000, "mt": 700, "ga": 40}


def order(**values: object) -> Order:
    wanted = {"steps": 40, "batch_rows": 8, "sequence": 64, "seed": 5, "epochs": 9.0, **values}
    return Order(CORPUS, TrainSettings.model_validate(wanted))


def draws(order: Order) -> list:  # type: ignore[type-arg]
    return [order.draw(step, row) for step in range(order.rows // order.batch_rows) for row in range(order.batch_rows)]


@given(size=st.integers(1, 5000), seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_a_permutation_reaches_every_number_once_and_is_inverted(size: int, seed: int) -> None:
    shuffle = permutation(size, seed, "test")
    images = [shuffle(number) for number in range(size)]
    assert sorted(images) == list(range(size))
    assert all(shuffle.inverse(image) == number for number, image in enumerate(images))


def test_every_sequence_is_read_once_before_any_is_read_again() -> None:
    for language, count in order().sequences.items():
        seen = [(draw.epoch, draw.sequence) for draw in draws(order()) if draw.language == language]
        assert len(set(seen)) == len(seen)
        assert [epoch for epoch, _ in seen] == sorted(epoch for epoch, _ in seen)
        for epoch in range(seen[-1][0]):
            assert sorted(sequence for at, sequence in seen if at == epoch) == list(range(count))


def test_the_draws_are_those_that_the_mixture_promises() -> None:
    one = order(temperature=2.0)
    counted = Counter(draw.language for draw in draws(one))
    assert dict(counted) == one.draws
    assert one.draws["en"] / one.draws["fr"] == pytest.approx((100_000 / 30_000) ** 0.5, rel=0.03)


def test_no_language_is_read_more_often_than_epochs_allows() -> None:
    for epochs in (1.0, 2.0, 7.0):
        capped = order(epochs=epochs, temperature=5.0)
        assert max(capped.epochs.values()) <= epochs
        assert capped.epochs["ga"] == epochs
    with pytest.raises(OpenbookError, match="too small for this run"):
        order(epochs=0.1)


def test_a_language_is_spread_evenly_over_the_run() -> None:
    halves = draws(order(temperature=1.0))
    first = Counter(draw.language for draw in halves[: len(halves) // 2])
    second = Counter(draw.language for draw in halves[len(halves) // 2 :])
    for language in CORPUS:
        assert abs(first[language] - second[language]) <= 3  # drawn freely, it would be about fifteen for en


def test_no_token_of_a_language_is_left_out() -> None:
    one = order()
    for language, count in CORPUS.items():
        covered = set()
        for sequence in range(one.sequences[language]):
            start, end = one.span(language, sequence)
            assert end - start == min(65, count)
            covered.update(range(start, end))
        assert covered == set(range(count))


@given(
    steps=st.integers(1, 60),
    batch_rows=st.integers(1, 9),
    sequence=st.integers(8, 100),
    temperature=st.floats(0.5, 5),
    seed=st.integers(0, 3),
    language=st.sampled_from(sorted(CORPUS)),
    place=st.floats(0, 1),
    width=st.integers(1, 300),
    cut=st.floats(0.1, 0.9),
)
@settings(max_examples=40, deadline=None)
def test_tokens_are_found_in_exactly_the_rows_that_hold_them(
    steps: int,
    batch_rows: int,
    sequence: int,
    temperature: float,
    seed: int,
    language: str,
    place: float,
    width: int,
    cut: float,
) -> None:
    one = order(
        steps=steps,
        batch_rows=batch_rows,
        sequence=sequence,
        temperature=temperature,
        seed=seed,
        epochs=1000.0,
        stages=(Stage(start=0), Stage(start=cut, weights={"mt": 3.0, "en": 0.0})),
    )
    start = int(place * (CORPUS[language] - 1))
    end = min(start + width, CORPUS[language])
    expected = []
    for at, draw in enumerate(draws(one)):
        first, last = one.span(draw.language, draw.sequence)
        if draw.language == language and start < last and first < end:
            expected.append((*divmod(at, batch_rows), max(start, first) - first, min(end, last) - first))
    found = [(s.step, s.row, s.start, s.end) for s in one.seen(language, start, end)]
    assert sorted(found) == expected


def test_blocks_repeat_their_quotas_and_differ_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openbook.train.layout.BLOCK_ROWS", 50)
    blocks = order(epochs=1000.0)
    rows = draws(blocks)
    languages = [draw.language for draw in rows]
    assert Counter(languages[:50]) == Counter(languages[50:100])
    assert languages[:50] != languages[50:100]
    assert dict(Counter(languages)) == blocks.draws
    for at, draw in enumerate(rows):
        start, end = blocks.span(draw.language, draw.sequence)
        found = {(s.step, s.row, s.start, s.end) for s in blocks.seen(draw.language, start, end)}
        assert (*divmod(at, 8), 0, end - start) in found


def test_stages_change_the_mixture_at_their_step() -> None:
    staged = order(stages=(Stage(start=0, weights={"fr": 0.0}), Stage(start=0.5, weights={"en": 0.0})))
    rows = [draw.language for draw in draws(staged)]
    assert "fr" not in rows[:160] and "en" in rows[:160]
    assert "en" not in rows[160:] and "fr" in rows[160:]
    with pytest.raises(OpenbookError, match="names xx"):
        order(stages=(Stage(start=0, weights={"xx": 1.0}),))


def test_another_seed_gives_another_order() -> None:
    assert draws(order(seed=1)) != draws(order(seed=2))
    assert draws(order(seed=1)) == draws(order(seed=1))


def test_billions_of_tokens_need_no_scan() -> None:
    large = Order({"en": 4_000_000_000, "mt": 9_000_000}, TrainSettings(steps=500_000, batch_rows=512, epochs=100))
    draw = large.draw(499_999, 511)
    start, end = large.span(draw.language, draw.sequence)
    assert (499_999, 511) in {(s.step, s.row) for s in large.seen(draw.language, start, end)}
    with pytest.raises(OpenbookError, match="no row 512"):
        large.draw(0, 512)
    with pytest.raises(OpenbookError, match="no row 0 in step 500000"):
        large.draw(500_000, 0)
