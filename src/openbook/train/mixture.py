"""How many rows of a stretch of training each language gets: temperature, factors, and a cap on repetition."""

from collections.abc import Mapping

from openbook.errors import OpenbookError


def shares(weights: Mapping[str, float], caps: Mapping[str, float], rows: float) -> dict[str, float]:
    """Rows by language (or by part of one), not rounded, summing to `rows`: proportional to `weights`, none above its
    cap; what a capped language leaves goes to the others in their proportions.

    Raises OpenbookError when all languages together cannot fill the rows under their caps.
    """
    open_ = {code: weight for code, weight in weights.items() if weight > 0}
    if not open_:
        raise OpenbookError("The mixture leaves out every language. Give at least one a weight above 0.")
    room = sum(caps[code] for code in open_)
    if room < rows * (1 - 1e-9):  # a part's rows are a share of a whole number, rounded
        raise OpenbookError(
            f"The corpus is too small for this run: {rows:,} rows are asked for, {room:,.0f} are there when no "
            "language is repeated more often than `epochs` allows. Lower steps or tokens, raise epochs, or add text."
        )
    taken: dict[str, float] = {}
    left = float(rows)
    while open_:
        scale = left / sum(open_.values())
        full = [code for code, weight in open_.items() if weight * scale > caps[code]]
        if not full:
            taken |= {code: weight * scale for code, weight in open_.items()}
            break
        for code in full:
            taken[code] = caps[code]
            left -= caps[code]
            del open_[code]
    return {code: taken.get(code, 0.0) for code in weights}


def quotas(shares: Mapping[str, float], size: int, leave_none_out: bool) -> dict[str, int]:
    """Whole rows by language in a block of `size`, by largest remainder; ties go to the first code. With
    `leave_none_out` a language with any share gets a row where there is one to give."""
    total = sum(shares.values())
    exact = {code: size * share / total for code, share in sorted(shares.items())}
    counts = {code: int(value) for code, value in exact.items()}
    wanting = sorted(exact, key=lambda code: (counts[code] - exact[code], code))
    for code in wanting[: size - sum(counts.values())]:
        counts[code] += 1
    for code in [code for code in counts if leave_none_out and exact[code] > 0 and counts[code] == 0]:
        giver = max(counts, key=lambda other: (counts[other], other))
        if counts[giver] > 1:
            counts[giver] -= 1
            counts[code] = 1
    return counts
