"""Which thresholds fit a language for which nobody has published any: percentiles of a reference sample of good text.

What comes out is text for a recipe, with what it was derived from, so that both stand in the books like any setting.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openbook.books.digest import sha256_bytes
from openbook.corpus import samples
from openbook.corpus.annotated import Annotated
from openbook.corpus.filter import RULES, Bounds, Derivation, thresholds
from openbook.errors import OpenbookError
from openbook.languages import language as known

LEAST_TEXTS = 100
"""A smaller sample has no percentiles worth the name."""
TAIL = 0.02


@dataclass(frozen=True)
class Derived:
    language: str
    bounds: Mapping[str, Bounds]
    origin: Derivation

    @property
    def texts(self) -> int:
        return self.origin.texts

    def recipe(self) -> str:
        """TOML to put into a recipe."""
        origin = self.origin
        lines = [
            f'[corpus.derived."{self.language}"]',
            f"sample = {_quoted(origin.sample)}",
            f'sha256 = "{origin.sha256}"',
            f"texts = {origin.texts}",
            f"tail = {origin.tail:g}",
        ]
        for rule, bounds in self.bounds.items():
            sides = [
                f"{side} = {value:g}" for side, value in (("min", bounds.min), ("max", bounds.max)) if value is not None
            ]
            lines += ["", f'[corpus.filter.{rule}.language."{self.language}"]', *sides]
        return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def derive_files(
    patterns: tuple[str, ...], base: Path, language: str, profile: str = "web", tail: float = TAIL, field: str = "text"
) -> Derived:
    """Bounds that the share `tail` of the texts in these files would break, rule by rule, for the rules of a profile.

    Raises OpenbookError for a language that is not in the table, files that cannot be read, a sample that is too small.
    """
    known(language)
    paths = samples.matching(patterns, base)
    texts = (samples.text_of(row, path, field) for path in paths for row in samples.rows(path))
    name = ", ".join(samples.name(path, base) for path in paths)
    return _derived(_measured(texts, language), language, profile, tail, name, samples.digest(paths, base))


def _measured(texts: Iterator[str], language: str) -> dict[str, NDArray[np.float64]]:
    """Rule -> its measure of each text, as the annotation makes it."""
    from openbook.corpus.annotation import clean
    from openbook.corpus.identify import identifier
    from openbook.corpus.statistics import MEASURES, measure
    from openbook.corpus.words import lists

    rows = []
    for text in texts:
        text = clean(text)
        if text:
            found = identifier().identify(text, language)
            score = found.score if found.language == language else 0.0
            rows.append([*measure(text, lists(language), values=8).values.tolist(), score, found.script_share])
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), len(MEASURES) + 2)
    return dict(zip((*MEASURES, "language_score", "script_share"), columns.T, strict=True))


def derive(
    annotated: Annotated, language: str, source: str | None = None, profile: str = "web", tail: float = TAIL
) -> Derived:
    """The same over annotated texts in the language, of one source or all."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found: dict[str, list[NDArray[np.float64]]] = {}
    ids: list[str] = []
    for part in annotated.parts:
        table = pq.read_table(part, columns=["id", "language", "language_score", "source", "scores", "rejected_by"])
        mask = pc.and_(pc.equal(table.column("language"), language), pc.is_null(table.column("rejected_by")))
        if source is not None:
            mask = pc.and_(mask, pc.equal(table.column("source"), source))
        table = table.filter(mask)
        ids += table.column("id").to_pylist()
        scores = table.column("scores").combine_chunks()
        for at in range(scores.type.num_fields):
            found.setdefault(scores.type.field(at).name, []).append(np.asarray(scores.field(at)))
        found.setdefault("language_score", []).append(np.asarray(table.column("language_score")))
    measured = {rule: np.concatenate(pieces) for rule, pieces in found.items()}
    where = f"source {source}" if source else "all sources"
    return _derived(measured, language, profile, tail, where, sha256_bytes("\n".join(sorted(ids)).encode()))


def _derived(
    measured: Mapping[str, NDArray[np.float64]], language: str, profile: str, tail: float, name: str, sha256: str
) -> Derived:
    texts = measured["words"].size if measured else 0
    if texts < LEAST_TEXTS:
        raise OpenbookError(
            f"{name}: {texts:,} texts in {language!r} are too few to derive thresholds from; "
            f"take a sample of at least {LEAST_TEXTS}."
        )
    wanted = thresholds(profile, language, "", {})
    bounds = {}
    for rule in RULES:
        if rule in wanted:
            values = measured[rule]
            low = _rounded(float(np.quantile(values, tail)), -1) if wanted[rule].min is not None else None
            high = _rounded(float(np.quantile(values, 1 - tail)), 1) if wanted[rule].max is not None else None
            bounds[rule] = Bounds(min=low, max=high)
    return Derived(language, bounds, Derivation(sample=name, sha256=sha256, texts=texts, tail=tail))


def _rounded(value: float, direction: int) -> float:
    """To three digits behind the point, toward the side on which more texts pass."""
    return float(np.ceil(value * 1000) / 1000 if direction > 0 else np.floor(value * 1000) / 1000)
