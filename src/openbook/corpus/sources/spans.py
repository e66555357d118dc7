"""Where a file may be entered: spans of a fixed size let workers share one file, and a stopped one go on inside it.

A WARC compressed record by record, or not at all, is entered anywhere; any other file is read through from its start.
"""

from collections import Counter
from collections.abc import Generator
from pathlib import Path

from openbook.corpus.sources import warc
from openbook.corpus.sources.artifact import read
from openbook.corpus.sources.page import RawPage, SourceFile
from openbook.corpus.sources.record import DICTIONARY, layout_of, open_layout

SPANS = 16
LEAST_BYTES, MOST_BYTES = 2 << 20, 16 << 20
"""A file has about SPANS of them, within these bounds in bytes of the file as it lies there: one of 30 MB keeps several
workers busy, one of 1 GB has no parts by the hundred. They decide where parts end, so they never follow the workers."""
_ENTERED = ("plain", "gzip", "zstd")


def span_starts(file: SourceFile, path: Path) -> list[int]:
    """The first byte of each span; they are about equally long."""
    size = path.stat().st_size
    count = max(1, size // max(LEAST_BYTES, min(MOST_BYTES, size // SPANS)))
    return [size * number // count for number in range(count)] if count > 1 and _can_enter(file, path) else [0]


def first_record(path: Path, start: int) -> int | None:
    """Where the first record at or behind `start` seems to begin. A record may hold what looks like another one, so the
    answer is to be held against the place where the span before it ends."""
    if start == 0:
        return 0
    layout = layout_of(path)
    with open_layout(path, layout) as file:
        return warc.next_start(file, start, layout)


def read_span(
    file: SourceFile, path: Path, start: int, stop: int | None, others: Counter[str] | None = None
) -> Generator[RawPage, None, int | None]:
    """Every page of the records that begin in [start, stop), where `start` is such a beginning (see RawPage.offset).

    Returns where the first record from `stop` on begins, None at the end of the file. `others` counts the records that
    are no pages.
    """
    others = Counter() if others is None else others
    if _can_enter(file, path):
        for record in warc.scan(path, start):
            if stop is not None and record.offset >= stop:
                return record.offset
            page = warc.to_page(file, record, others)
            if page is not None:
                yield page
        return None
    passed = False
    for page in read(file, path, others):
        if page.offset < start:
            passed = True
            continue
        if passed:  # what lies before `start` was counted by whoever came so far
            others.clear()
            passed = False
        yield page
    return None


def _can_enter(file: SourceFile, path: Path) -> bool:
    if file.format != "warc" or path.stat().st_size == 0 or layout_of(path) not in _ENTERED:
        return False
    with path.open("rb") as opened:  # what follows a dictionary cannot be read without it
        return opened.read(4) != DICTIONARY
