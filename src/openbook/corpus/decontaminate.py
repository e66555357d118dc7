"""What becomes of a text that holds runs of words of evaluation sets: cut, as Brown et al. 2020 did, or rejected."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.corpus import samples
from openbook.corpus.scan_settings import PARALLEL, DecontaminateSettings

if TYPE_CHECKING:
    from openbook.corpus.contamination import Hit
    from openbook.corpus.parallel import ParallelText

RULE = "decontaminate:n-grams"
TABLE = "contamination.jsonl"
"""In the corpus: a row for each document and evaluation item that share a run of words."""
BETWEEN = "\n\n"
"""What stands between two pieces of a text that is cut."""
WORD_REACH = 40
"""A cut is widened to the end of a word, but by no more characters than this."""

Span = tuple[int, int]
"""Characters of a text, the second behind the last."""


def files(settings: DecontaminateSettings, base: Path) -> list[Path]:
    """Raises OpenbookError for a pattern that no file matches."""
    return samples.matching([one for one in settings.against if one != PARALLEL], base)


def evaluation_sets(
    settings: DecontaminateSettings, base: Path, parallel: "ParallelText | None"
) -> Iterator[tuple[str, Sequence[tuple[str, str]]]]:
    """Name of a set and segments (item, text) that follow one another; an item is a row, from 1, or `mt:3` (language
    and line of the parallel text)."""
    if PARALLEL in settings.against and parallel is not None:
        for code in parallel.languages:
            yield PARALLEL, [(f"{code}:{number}", line) for number, line in enumerate(parallel.lines(code), 1)]
    for path in files(settings, base):
        name = samples.name(path, base)
        for number, row in enumerate(samples.rows(path), 1):
            wanted: Any = row
            if settings.fields:
                wanted = [samples.text_of(row, path, field) for field in settings.fields]
            for text in samples.texts_in(wanted):
                yield name, [(str(number), text)]


@dataclass(frozen=True)
class Verdict:
    """What becomes of a text that shares runs with evaluation sets."""

    pieces: tuple[Span, ...]
    """What stays of it; nothing when it is rejected."""
    share: float
    """Of its characters, those that are cut, or would be if it were not rejected."""
    hits: tuple[dict[str, Any], ...]
    """For each set and item: `set`, `item`, `grams` (runs that are shared) and their merged `spans`."""


def judge(text: str, found: "Sequence[Hit]", settings: DecontaminateSettings) -> Verdict:
    """`found`: the runs in this text, of which there is at least one."""
    by_item: dict[tuple[str, str], list[Span]] = {}
    for hit in found:
        for item in hit.items:
            by_item.setdefault(item, []).append((hit.start, hit.end))
    hits = tuple(
        {"set": name, "item": item, "grams": len(spans), "spans": [list(span) for span in merged(spans)]}
        for (name, item), spans in sorted(by_item.items())
    )
    window = settings.window
    cuts = merged([_widened(text, hit.start - window, hit.end + window) for hit in found])
    edges = [0, *(edge for cut in cuts for edge in cut), len(text)]
    left = list(zip(edges[::2], edges[1::2], strict=True))
    pieces = tuple(span for span in left if len(text[slice(*span)].strip()) >= max(window, 1))
    share = 1 - sum(end - start for start, end in pieces) / len(text)
    if settings.action == "reject" or len(left) > settings.pieces:
        pieces = ()
    return Verdict(pieces, share, hits)


def merged(spans: Sequence[Span]) -> list[Span]:
    """In order, those that touch or overlap joined."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _widened(text: str, start: int, end: int) -> Span:
    """The span within the text, with the words whole that it cuts in two."""
    start, end = max(start, 0), min(end, len(text))
    for _ in range(WORD_REACH):
        if start > 0 and not text[start - 1].isspace():
            start -= 1
        if end < len(text) and not text[end].isspace():
            end += 1
    return start, end


def joined(text: str, pieces: Sequence[Span]) -> str:
    """What stays of a text: its pieces, an empty line between two."""
    return BETWEEN.join(text[start:end] for start, end in left(text, pieces))


def left(text: str, pieces: Sequence[Span]) -> list[Span]:
    """Where what stays stands in the text: the pieces without the white space at their ends."""
    places = []
    for start, end in pieces:
        piece = text[start:end]
        stripped = piece.strip()
        begin = start + len(piece) - len(piece.lstrip()) if stripped else start
        places.append((begin, begin + len(stripped)))
    return places
