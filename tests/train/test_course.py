"""The loss of every language stands in the page of a run, under way and done, and the worst are named."""

from pathlib import Path

import pytest

from openbook.model import ModelSettings
from openbook.train import Order, TrainSettings
from openbook.train.course import courses, ends, slowest
from openbook.train.curves import Curves
from openbook.train.report import report

CODES = ("bg", "cs", "da", "de", "el", "en", "fi", "fr", "ga", "mt")


def log(steps: int) -> list[dict[str, object]]:
    """Every language loses a straight line from 8 nats; the n-th ends n tenths higher. Maltese stops at the middle."""
    rows: list[dict[str, object]] = []
    for step in range(steps):
        share = step / steps
        languages = {code: 8 - share * (4 - at / 10) for at, code in enumerate(CODES)}
        languages["mt"] = 8 - min(share, 0.4)
        # A step holds few of many languages.
        held = {code: languages[code] for at, code in enumerate(CODES) if (step + at) % 3 == 0}
        loss = sum(held.values()) / len(held)
        rows.append(
            {"step": step, "loss": loss, "lr": 0.1, "tokens": 64 * (step + 1), "grad_norm": 1.0, "languages": held}
        )
    return rows


def test_the_curve_of_a_language_goes_through_its_own_steps_only() -> None:
    found = {one.code: one for one in courses(log(300))}
    assert sorted(found) == sorted(CODES)
    danish = found["da"]
    assert 8 <= len(danish.points) <= 40
    for step, loss in danish.points:  # a mean over a stretch of a straight line lies on the line
        assert loss == pytest.approx(8 - step / 300 * 3.8)
    assert danish.end == pytest.approx(8 - 0.9 * 3.8, abs=0.03)
    assert danish.fell == pytest.approx(0.4 * 3.8, abs=0.03)


def test_the_worst_the_best_and_the_stuck_are_named() -> None:
    found = courses(log(300))
    assert [one.code for one in found][:2] == ["mt", "ga"] and found[-1].code == "bg"
    assert ends(found).startswith("highest loss: Maltese (mt) 7.60, Irish (ga) ")
    assert "lowest: Bulgarian (bg) 4.4" in ends(found)
    assert slowest(found).startswith("fell least since the middle of the run: Maltese (mt) by 0.00, ")
    assert "Maltese (mt) 7.60" in Curves(Path("report.html"), log(300)).sentence()


def test_a_loss_that_is_not_finite_is_left_out_and_a_single_step_is_enough() -> None:
    row = {"step": 0, "loss": None, "lr": 0.1, "tokens": 64, "grad_norm": None, "languages": {"mt": None, "ga": 3.5}}
    found = courses([row])
    assert [(one.code, one.points, one.fell) for one in found] == [("ga", ((0.0, 3.5),), None)]
    assert ends(found) == "Irish (ga) 3.50" and slowest(found) == ""


@pytest.mark.parametrize("steps", [1, 7, 300])
def test_the_page_draws_every_language_by_itself_and_the_ends_in_one_chart(steps: int) -> None:
    rows = log(steps)
    settings = TrainSettings(steps=300, batch_rows=4, sequence=16)
    order = Order(dict.fromkeys(CODES, 40_000), settings)
    config = ModelSettings(dim=64, layers=1, heads=1, kv_heads=1, feed_forward=64).config(320, 0)
    page = report(rows, config, settings, order, unfinished=steps < 300).html()
    held = {code for row in rows for code in row["languages"]}  # type: ignore[attr-defined]
    assert page.count('<figure role="listitem">') == len(held)
    assert ("Each point is the mean of several steps. All on one scale: step " in page) and "nan" not in page
    assert ('http-equiv="refresh"' in page) == (steps < 300)


def test_a_browser_shows_all_small_charts_in_sight_without_a_complaint(tmp_path: Path) -> None:
    from tests.browser import CHROMIUM, browser

    if CHROMIUM is None:
        pytest.skip("no Chromium")
    settings = TrainSettings(steps=300, batch_rows=4, sequence=16)
    config = ModelSettings(dim=64, layers=1, heads=1, kv_heads=1, feed_forward=64).config(320, 0)
    report(log(300), config, settings, Order(dict.fromkeys(CODES, 40_000), settings)).write(tmp_path / "report.html")
    with browser(tmp_path / "profile") as page:
        for width in (1280, 400):
            page.size(width, 900)
            page.open(f"file://{tmp_path}/report.html")
            sizes = page.run(
                "[...document.querySelectorAll('.multiples svg')].map(one => one.getBoundingClientRect())"
                ".map(box => [box.left, box.right, box.height])"
            )
            assert len(sizes) == len(CODES)
            assert all(left >= 0 and right <= width and height > 40 for left, right, height in sizes)
        assert page.complaints == []
