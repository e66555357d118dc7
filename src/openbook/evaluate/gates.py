"""What an evaluation must reach, by language: a run that does not is stopped with the language's name."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from openbook.errors import OpenbookError

if TYPE_CHECKING:
    from openbook.evaluate.compare import Difference

EVERY = "*"
Most = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class Earlier(BaseModel):
    """An earlier model, scored on the same texts, that the new one may not be worse than."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: str
    """A checkpoint, a Hugging Face folder or a GGUF file, relative to the recipe; in the record its digest."""
    languages: Annotated[tuple[str, ...], Field(min_length=1)] = (EVERY,)
    """That may not fall: codes, or `"*"` for all."""
    accepted: tuple[str, ...] = ()
    """Languages that may, by name."""


class Gates(BaseModel):
    """Most that a figure may be: by language code, or `"*"` for every language that has no limit of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bits_per_byte: dict[str, Most] = {}
    share_of_baseline: dict[str, Most] = {}
    """1.0: at least as good as the compressor."""
    parity: dict[str, Most] = {}
    """Relative to the reference language."""
    pairs: dict[str, Share] = {}
    """Least share of minimal pairs that are told apart: the whole interval must not lie below it."""
    earlier: Earlier | None = None


def broken(
    gates: Gates, bits: Mapping[str, Any], parity: Mapping[str, Any], pairs: Mapping[str, Any] | None = None
) -> list[str]:
    """The gates that do not hold, as sentences. A figure that is no number breaks its gate, as does a language with a
    limit of its own that was not measured, and a limit for every language where none was measured."""
    found = []
    others = {code: row for code, row in parity["languages"].items() if code != parity.get("reference")}
    for figure, column, limits, rows in (
        ("bits per byte", "bits_per_byte", gates.bits_per_byte, bits["languages"]),
        ("share of the compressor's bits", "share_of_baseline", gates.share_of_baseline, bits["languages"]),
        ("parity", "relative", gates.parity, others),
    ):
        if EVERY in limits and all(row.get(column) is None for row in rows.values()):
            found.append(f"{EVERY}: {figure} was measured in no language, and may be {limits[EVERY]:g} at most")
        for code, limit in _limits(limits, rows):
            value = rows.get(code, {}).get(column)
            if value is None and code in limits:
                found.append(f"{code}: {figure} was not measured, and may be {limit:g} at most")
            elif value is not None and not value <= limit:
                found.append(f"{code}: {figure} is {value:g}, and may be {limit:g} at most")
    told = (pairs or {}).get("languages", {})
    if EVERY in gates.pairs and not told:
        found.append(f"{EVERY}: no minimal pairs were scored, and {gates.pairs[EVERY]:g} of them must be told apart")
    for code, limit in _limits(gates.pairs, told):
        row = told.get(code, {}).get("all")
        if row is None:
            found.append(f"{code}: no minimal pairs were scored, and {limit:g} of them must be told apart")
        elif not row["high"] >= limit:
            shown = f"{row['accuracy']:g} (at most {row['high']:g}, n = {row['n']})"
            found.append(f"{code}: the share of minimal pairs told apart is {shown}, and must be {limit:g}")
    return found


def _limits(limits: Mapping[str, float], rows: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Languages with their limits: those named, and, where `"*"` has one, all others that were measured."""
    codes = sorted({*limits, *(rows if EVERY in limits else ())} - {EVERY})
    return [(code, limits[code] if code in limits else limits[EVERY]) for code in codes]


def fallen(earlier: Earlier, differences: "Sequence[Difference]") -> list[str]:
    """The languages that the new model is worse in than the earlier one, as sentences.

    Worse is what the interval separates. A language that the recipe names and that cannot be compared breaks it too.
    """
    found = []
    by_code = {one.language: one for one in differences}
    named = set(by_code) if EVERY in earlier.languages else set()
    for code in sorted((named | set(earlier.languages)) - {EVERY} - set(earlier.accepted)):
        one = by_code.get(code)
        if one is None or one.value is None:
            found.append(f"{code}: was not scored beside the earlier model, and may not fall")
        elif not all(math.isfinite(figure) for figure in (one.value, one.low or 0.0, one.high or 0.0)):
            found.append(f"{code}: the difference to the earlier model is no number")
        elif one.verdict == "worse":
            interval = f"{one.low:+.3f} to {one.high:+.3f}"
            found.append(f"{code}: {one.value:+.3f} bits per byte ({interval}) beside the earlier model")
    return found


def require(problems: Sequence[str]) -> None:
    """Raises OpenbookError that names every language which breaks a gate."""
    if problems:
        raise OpenbookError(f"the evaluation breaks the recipe's gates: {'; '.join(problems)}.")
