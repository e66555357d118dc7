"""Do the languages and sources that a recipe's tables speak of exist? A misspelt code would turn a gate or a weight off
and nobody would know.
"""

import difflib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from openbook.errors import OpenbookError
from openbook.evaluate.gates import EVERY
from openbook.languages import language

if TYPE_CHECKING:
    from openbook.recipe import Recipe

Key = tuple[str | int, ...]


def unknown(recipe: "Recipe") -> list[tuple[Key, str]]:
    """Where each name stands that the recipe knows nothing of, and a sentence about it."""
    found: list[tuple[Key, str]] = []
    for key, name, known, kind in _names(recipe):
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            there = ", ".join(known) or "none"
            found.append((key, f"{name!r} is no {kind} of this recipe.{hint} There are: {there}."))
    for key, code in _codes(recipe):
        try:
            language(code)
        except OpenbookError as error:
            found.append((key, str(error)))
    return found


def _codes(recipe: "Recipe") -> Iterator[tuple[Key, str]]:
    """Languages that need not be among those of the run."""
    yield ("evaluate", "reference"), recipe.evaluate.reference
    for at, pair in enumerate(recipe.evaluate.pairs):
        yield ("evaluate", "pairs", at, "language"), pair.language


def _names(recipe: "Recipe") -> Iterator[tuple[Key, str, list[str], str]]:
    """Where it stands, the name, those allowed there, and what they are names of."""
    evaluate, train = recipe.evaluate, recipe.train
    codes = sorted(recipe.languages)
    scored = sorted({*codes, evaluate.reference})
    paired = sorted({one.language for one in evaluate.pairs})
    gates = evaluate.gates
    for figure, limits, known, kind in (
        ("bits_per_byte", gates.bits_per_byte, codes, "language"),
        ("share_of_baseline", gates.share_of_baseline, codes, "language"),
        ("parity", gates.parity, scored, "language"),
        ("pairs", gates.pairs, paired, "language with minimal pairs"),
    ):
        yield from _each(("evaluate", "gates", figure), limits, [EVERY, *known], kind)
    if gates.earlier is not None:
        for field, given in (("languages", gates.earlier.languages), ("accepted", gates.earlier.accepted)):
            for code in given:
                yield ("evaluate", "gates", "earlier", field), code, [EVERY, *scored], "language"
    if train.canaries is not None:
        for code in train.canaries.languages or ():
            yield ("train", "canaries", "languages"), code, codes, "language"
    sources = sorted(source.name for source in recipe.sources)
    for at, stage in enumerate(train.stages):
        yield from _each(("train", "stages", at, "weights"), stage.weights, codes, "language")
        yield from _each(("train", "stages", at, "sources"), stage.sources, sources, "source")
    yield from _each(("train", "source_weights"), train.source_weights, sources, "source")
    yield from _each(("train", "source_epochs"), train.source_epochs, sources, "source")
    if train.quality is not None:
        scores = sorted(one.name for one in recipe.corpus.quality)
        yield ("train", "quality", "score"), train.quality.score, scores, "[[corpus.quality]]"


def _each(key: Key, names: Iterable[str], known: list[str], kind: str) -> Iterator[tuple[Key, str, list[str], str]]:
    for name in names:
        yield (*key, name), name, known, kind
