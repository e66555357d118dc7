"""The pairs that a recipe names, read from its files, language by language."""

from collections.abc import Sequence
from pathlib import Path

from openbook.errors import OpenbookError
from openbook.evaluate.pairs.generation import generate
from openbook.evaluate.pairs.items import Pair, read_multiblimp, read_pairs
from openbook.evaluate.pairs.settings import PairSource


def files(source: PairSource, base: Path) -> list[Path]:
    """The files of a source in the order of their names. Raises OpenbookError for a pattern that matches none."""
    found: set[Path] = set()
    for pattern in source.paths:
        start = Path(Path(pattern).anchor) if Path(pattern).is_absolute() else base
        matching = [path for path in start.glob(pattern.removeprefix(start.anchor)) if path.is_file()]
        if not matching:
            raise OpenbookError(f"evaluate.pairs: no file matches {pattern!r} (looked in {base}): mend the path.")
        found.update(matching)
    return sorted(found)


def collect(sources: Sequence[PairSource], base: Path) -> dict[str, list[Pair]]:
    """Pairs by language, each sentence and its broken form once. Raises OpenbookError, naming file and line."""
    found: dict[str, dict[tuple[str, str], Pair]] = {}
    for source in sources:
        mine = found.setdefault(source.language, {})
        for pair in _read(source, files(source, base)):
            if pair.language != source.language:
                raise OpenbookError(
                    f"evaluate.pairs: a pair of {pair.language!r} stands among those of {source.language!r}."
                )
            mine.setdefault((pair.good, pair.bad), pair)
    return {code: list(found[code].values()) for code in sorted(found) if found[code]}


def _read(source: PairSource, paths: Sequence[Path]) -> list[Pair]:
    if source.kind == "treebank":
        return generate(paths, source.language, source.license, source.most)
    if source.kind == "multiblimp":
        return [pair for path in paths for pair in read_multiblimp(path, source.language)]
    return [pair for path in paths for pair in read_pairs(path)]
