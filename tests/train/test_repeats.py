"""What a run reads how often, and what the cap on repetition holds, is said before it begins."""

import pytest

from openbook.train import Order, TrainSettings
from openbook.train.cells import Cell
from openbook.train.repeats import content, readings, sentence


def test_a_language_that_the_cap_holds_is_named_with_what_its_weight_asks_for() -> None:
    # 800 rows of 10 tokens; of equal weights Maltese (10 rows of text) would get half of them: 40 times each.
    order = Order(
        {"en": 100_000, "mt": 101},
        TrainSettings(steps=200, batch_rows=4, sequence=10, temperature=1e6, epochs=8),
    )
    first = readings(order)[0]
    assert (first.name, first.rows, first.times, first.capped) == ("mt", 80, 8.0, True)
    assert first.asked == pytest.approx(40, rel=1e-3)
    assert sentence(order) == (
        "Repeats: 1 of 2 languages read more than once: mt 8.00; least en 0.07. "
        "Held at the limit (8 times): mt (its weight asks for 40.0)."
    )
    assert (content(order)["repeated"], content(order)["capped"]) == (1, 1)


def test_how_often_is_what_the_rows_say() -> None:
    settings = TrainSettings(steps=130, batch_rows=4, sequence=8, temperature=2.0, epochs=3)
    order = Order({"en": 900, "ga": 500, "mt": 100}, settings)
    rows = [order.draw(step, row).language for step in range(130) for row in range(4)]
    for one in readings(order):
        assert one.times == pytest.approx(rows.count(one.language) * 8 / one.tokens, rel=0.1)
        assert one.times <= 3.05
    assert order.layout.capped == {"mt", "ga"}


def test_parts_of_a_language_have_each_their_own_limit() -> None:
    import numpy as np

    cells = [
        Cell("mt", "crawl", None, np.array([0]), np.array([8_001])),
        Cell("mt", "wiki", None, np.array([8_001]), np.array([401])),
    ]
    settings = TrainSettings(
        steps=200, batch_rows=4, sequence=8, epochs=4, source_epochs={"wiki": 2}, source_weights={"wiki": 50.0}
    )
    order = Order({}, settings, cells)
    wiki, crawl = readings(order)
    assert (wiki.name, wiki.limit, wiki.capped, crawl.limit, crawl.capped) == ("mt/wiki", 2, True, 4, False)
    assert wiki.times == pytest.approx(2, abs=0.03)
    assert "1 of 2 parts of languages read more than once: mt/wiki 2.00" in sentence(order)


def test_a_run_that_repeats_nothing_says_so() -> None:
    order = Order({"en": 9_000, "mt": 9_000}, TrainSettings(steps=20, batch_rows=4, sequence=8))
    assert sentence(order) == (
        "Repeats: none of 2 languages is read more than once; most en 0.04; least mt 0.04. "
        "None reaches its limit (8 times)."
    )
    assert order.layout.capped == set()
