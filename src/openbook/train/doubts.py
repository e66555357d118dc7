"""What can a ladder of small runs not tell? Said in words, beside the curve, before somebody believes it."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openbook.train.ladder import Fit, Rung

USUAL_EXPONENT = 0.34
"""Of the weights in Hoffmann et al. 2022; taken where there are too few rungs to tell the exponent."""
ENOUGH, COMFORTABLE = 4, 5
"""Rungs that the three numbers of the law can be told from at all, and with something left to judge the fit by."""
UNLIKE = 1.5
"""Tokens to a weight that differ by more than this factor make a prediction one of another run."""
STEEPER = 1.5
"""A power law falls ever slower in the logarithms; runs that fall so many times as steep at the end follow none."""
OPEN = 4.0
"""An exponent whose interval spans more than this factor is not told."""
FAR = 10.0
"""A prediction at more than so many times the largest rung is called far."""


def about_the_runs(
    rungs: Sequence["Rung"], means: Sequence[float], parameters: int, tokens: int | None = None
) -> list[str]:
    found = []
    ratio = rungs[-1].tokens / rungs[-1].parameters
    if tokens is not None and not 1 / UNLIKE < tokens / parameters / ratio < UNLIKE:
        found.append(
            f"The rungs read {ratio:.2g} tokens for each weight, the recipe's own run {tokens / parameters:.2g}: the "
            "prediction is for a model of its size that reads as little, or as much, as the rungs, not for that run."
        )
    if len(rungs) < ENOUGH:
        found.append(
            f"{len(rungs)} rungs are too few to tell the exponent: that of Hoffmann et al. 2022, {USUAL_EXPONENT}, was "
            "taken, and nothing here says whether it holds. Give four depths at least, better six."
        )
    elif len(rungs) < COMFORTABLE:
        found.append(
            f"{len(rungs)} rungs for three numbers leave one to judge the fit by: take the interval for a lower bound."
        )
    if parameters > FAR * rungs[-1].parameters:
        found.append(
            f"The prediction is for {parameters / rungs[-1].parameters:.0f} times the weights of the largest rung."
        )
    if any(after >= before for before, after in pairwise(means)):
        found.append("A larger rung was not better than a smaller one: the rungs are noisy, or trained too briefly.")
    return found


def about_the_law(rungs: Sequence["Rung"], means: Sequence[float], by_size: "Fit", confidence: float) -> list[str]:
    """What the runs cannot tell of the law itself."""
    found = []
    slopes = [
        math.log(means[at] / means[at + 1]) / math.log(rungs[at + 1].parameters / rungs[at].parameters)
        for at in range(len(rungs) - 1)
        if rungs[at + 1].parameters > rungs[at].parameters
    ]
    if len(slopes) > 1 and slopes[0] > 0 and slopes[-1] > STEEPER * slopes[0]:
        found.append(
            "The loss falls faster from rung to rung (exponent between neighbors "
            f"{', '.join(f'{slope:.2f}' for slope in slopes)}), and a power law never does: the small rungs were "
            f"trained too briefly (the smallest on {rungs[0].tokens:,} tokens). Nothing beyond the largest rung "
            "follows from these runs. Raise [ladder] tokens_per_parameter, or leave the least depths out."
        )
    low, high = by_size.exponents(confidence)
    if len(rungs) >= ENOUGH and high > OPEN * low:
        found.append(f"The exponent cannot be told from these runs: it lies between {low:.2g} and {high:.2g}.")
    if by_size.law.floor == 0:
        found.append("No floor can be told from these runs: the law falls to 0, which no text does.")
    return found
