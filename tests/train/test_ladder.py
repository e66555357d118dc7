"""A ladder finds the law that made the losses, says how sure it is, and warns when it cannot be."""

import re
from pathlib import Path

import numpy as np
import pytest

from openbook.errors import OpenbookError
from openbook.train.ladder import Ladder, Rung, checked, fit, predict
from openbook.train.ladder_page import write_page

SIZES = np.geomspace(4e5, 4e7, 8)


def law(x: np.ndarray | float, floor: float = 0.9, scale: float = 90.0, exponent: float = 0.34) -> np.ndarray:
    return floor + scale * np.asarray(x) ** -exponent


@pytest.mark.parametrize(("floor", "exponent", "scale"), [(0.9, 0.34, 90), (0.0, 0.076, 5), (1.69, 0.28, 400)])
def test_known_exponents_are_found(floor: float, exponent: float, scale: float) -> None:
    """The second is the form without a constant of Kaplan et al. 2020, the third's floor and exponent those that
    Hoffmann et al. 2022 give for loss and data."""
    found = fit(SIZES.tolist(), law(SIZES, floor, scale, exponent).tolist()).law
    assert found.exponent == pytest.approx(exponent, rel=0.03)
    assert found.floor == pytest.approx(floor, abs=0.05)
    assert found(1e9) == pytest.approx(float(law(1e9, floor, scale, exponent)), rel=0.01)


def test_one_bad_run_does_not_bend_the_law() -> None:
    losses = law(SIZES)
    losses[3] *= 1.2
    assert fit(SIZES.tolist(), losses.tolist()).law.exponent == pytest.approx(0.34, rel=0.05)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(7)
    held = 0
    sizes = np.geomspace(4e5, 1e7, 6)
    for number in range(40):
        noisy = law(sizes) * np.exp(0.01 * draw.standard_normal(len(sizes)))
        low, high = fit(sizes.tolist(), noisy.tolist(), purpose=f"test/{number}").interval(1e8, 0.9)
        held += low <= float(law(1e8)) <= high
    assert 27 <= held <= 40


def test_the_same_runs_give_the_same_law() -> None:
    one, two = (fit(SIZES.tolist(), law(SIZES).tolist(), [0.01] * 8) for _ in range(2))
    assert one == two
    low, high = one.interval(1e9, 0.9)
    assert low < one.law(1e9) < high


def rungs(count: int) -> list[Rung]:
    sizes = [4e5, 1.3e6, 2.9e6, 9.4e6, 2.2e7][:count]
    return [
        Rung(at, int(size), int(20 * size), 120 * size**2, {"mt": float(law(size)), "en": float(law(size, 0.7))})
        for at, size in enumerate(sizes, 2)
    ]


def test_a_larger_model_is_predicted_language_by_language() -> None:
    ladder = predict(rungs(5), 74_000_000, 120 * 74e6**2, 0.9)
    assert ladder.warnings == ()
    assert ladder.prediction.languages["mt"] == pytest.approx(float(law(74e6)), rel=0.01)
    assert ladder.prediction.languages["en"] == pytest.approx(float(law(74e6, 0.7)), rel=0.01)
    assert ladder.prediction.low <= ladder.prediction.value <= ladder.prediction.high
    # Compute is the square of the weights here, so its exponent is half.
    assert ladder.over_flops.law.exponent == pytest.approx(ladder.over_parameters.law.exponent / 2, rel=0.05)


def test_too_few_rungs_and_a_far_prediction_are_said() -> None:
    few = predict(rungs(3), 10**10, 1e22, 0.9)
    assert "3 rungs are too few to tell the exponent" in few.warnings[0]
    assert few.over_parameters.law.exponent == 0.34
    assert "times the weights of the largest rung" in few.warnings[1]
    assert "4 rungs for three numbers" in predict(rungs(4), 10**7, 1e16, 0.9).warnings[0]
    with pytest.raises(OpenbookError, match="two sizes at least"):
        predict(rungs(1), 10**7, 1e16, 0.9)


def test_a_rung_that_is_worse_than_a_smaller_one_is_said() -> None:
    made = rungs(5)
    made[2] = Rung(4, made[2].parameters, 1, 1e15, {"mt": 2.0, "en": 2.0})
    assert "A larger rung was not better than a smaller one" in " ".join(predict(made, 10**7, 1e16, 0.9).warnings)


def test_runs_too_brief_for_a_law_and_another_length_of_training_are_said() -> None:
    """Four runs that were made: depths 1 to 4 on 46 languages, 0.3 tokens to a weight. The recipe's own run of 2.4M
    weights and 3.6M tokens reached 2.215 bits per byte, far below the interval."""
    measured = [
        (1, 53_248, 16_384, 5.9995e10, 3.8783),
        (2, 425_984, 128_000, 1.2331e12, 3.4739),
        (3, 1_327_104, 399_360, 7.6554e12, 3.1194),
        (4, 2_949_120, 884_736, 2.9571e13, 2.7914),
    ]
    made = [Rung(depth, size, tokens, flops, {"mt": bits}) for depth, size, tokens, flops, bits in measured]
    ladder = predict(made, 2_359_296, 1.0476e14, 0.9, 3_600_384)
    assert ladder.prediction.low > 2.215
    _, unlike, steeper, exponent, floor = _first(ladder)
    assert "The rungs read 0.3 tokens for each weight, the recipe's own run 1.5" in unlike
    assert "(exponent between neighbors 0.05, 0.09, 0.14)" in steeper and "on 16,384 tokens" in steeper
    assert "The exponent cannot be told" in exponent
    assert "No floor can be told" in floor
    assert not any("tokens for each weight" in one for one in predict(made, 2_359_296, 1e13, 0.9, 710_000).warnings)


def _first(ladder: Ladder) -> list[str]:
    """The warnings with the one about the number of rungs first."""
    return sorted(ladder.warnings, key=lambda one: "rungs for" not in one)


@pytest.mark.parametrize("depths", [[2, 2, 3], [0, 1], [2, 500]])
def test_depths_that_cannot_be_are_refused(depths: list[int]) -> None:
    with pytest.raises(OpenbookError, match="different whole numbers from 1"):
        checked(depths)


def test_the_page_draws_each_run_as_a_point_and_no_more_languages_than_can_be_told_apart(tmp_path: Path) -> None:
    many = [
        Rung(one.depth, one.parameters, one.tokens, one.flops, {f"q{n:02}": one.bits["mt"] + n / 50 for n in range(46)})
        for one in rungs(4)
    ]
    write_page(tmp_path / "ladder.html", "a run", predict(many, 74_000_000, 120 * 74e6**2, 0.9))
    page = (tmp_path / "ladder.html").read_text(encoding="utf-8")
    assert page.count("<title>runs: ") == 2 * len(many)
    assert page.count("<title>predicted: ") == 2
    legends = re.findall(r'<ul class="legend">(.*?)</ul>', page)
    assert re.findall(r"</i>(q\d\d)<", legends[-1]) == ["q00", "q01", "q02", "q03", "q42", "q43", "q44", "q45"]
    assert all(f"<td>q{n:02}</td>" in re.sub(r"<td[^>]*>", "<td>", page) for n in range(46))
