"""The parts that annotated pages lie in: one span of a source file each, or several where a span holds much text.

What decides a part's bytes is in its name, so a killed run goes on behind its last whole part, at the next page's place
in the file, and another run may take over what an older artifact holds.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from openbook.books.digest import canonical_json, sha256_bytes
from openbook.books.previous import take
from openbook.books.record import FileEntry
from openbook.corpus.annotated import NOTE, POLICY_FILE
from openbook.corpus.annotation import Clock, annotate_pages, killed_page
from openbook.corpus.documents import ANNOTATED_SCHEMA, ROW_GROUP_BYTES, ROW_GROUP_ROWS, parquet_writer
from openbook.corpus.hand import BETWEEN, Hand, outlive
from openbook.corpus.settings import ANNOTATE_VERSION, AnnotateSettings
from openbook.corpus.sources import RawPage, SourceFile, first_record, read_span
from openbook.corpus.warming import warm_up

PART_ROWS = 8192
PART_BYTES = 32 << 20
"""Of text, about. A part is closed at the row group that reaches either bound."""
BATCH_PAGES, BATCH_BYTES = 256, 8 << 20
"""Pages that go through the stages together, and about their bytes."""
HANDS = ".hands"
FACTS = ("name", "source", "format", "sha256", "license", "license_evidence", "mapping")
"""Of a source file, those that its rows depend on."""
NOWHERE = -1
"""In the place of an offset: no record begins in the span."""

Annotate = Callable[[RawPage, SourceFile, AnnotateSettings, Clock], dict[str, Any]]


@dataclass(frozen=True)
class Task:
    """One span of one source file."""

    file: SourceFile
    path: Path
    folder: Path
    settings: AnnotateSettings
    named: AnnotateSettings
    """The settings as the books have them: the digest of a model in place of its path."""
    cache: Path
    number: int = 0
    """Of the span in its file."""
    start: int = 0
    stop: int | None = None
    """Records that begin in [start, stop) are the span's."""
    enter: int | None = None
    """Where its first record begins, NOWHERE if none does, None where that is to be found out."""
    previous: Path | None = None
    older: tuple[tuple[str, FileEntry], ...] = ()
    """Parts of this span in the artifact `previous`."""
    annotate: Annotate | None = None
    """In place of annotate_pages, page by page."""

    @property
    def stem(self) -> str:
        return f"{part_key(self.file, self.named)[:20]}-{self.number:04d}"

    def part(self, number: int) -> str:
        return f"pages/{self.stem}-{number:04d}.parquet"


@dataclass
class TaskResult:
    name: str
    parts: list[str] = field(default_factory=list)
    pages: int = 0
    bytes: int = 0
    errors: int = 0
    """Records that could not be read."""
    policies: int = 0
    """Policy files, which are among the pages."""
    not_pages: Counter[str] = field(default_factory=Counter)
    """Records that hold no page (requests, redirects, images), by what they are."""
    enter: int | None = None
    """Where the span's first record begins, None if none does."""
    next: int | None = None
    """Where the first record behind the span begins, None at the end of the file."""
    taken: int = 0
    """Parts that came from the older artifact."""
    seconds: dict[str, float] = field(default_factory=dict)
    """CPU seconds of each stage, of the pages read in this run."""


def part_key(file: SourceFile, settings: AnnotateSettings) -> str:
    """SHA-256 over all that decides the rows: the file's content and what the recipe says of it, settings, version.

    Other files may come and go.
    """
    facts = {name: value for name, value in asdict(file).items() if name in FACTS}
    asked = {"file": facts, "settings": settings.model_dump(mode="json"), "version": ANNOTATE_VERSION}
    return sha256_bytes(canonical_json(asked))


def annotate_span(task: Task) -> TaskResult:
    """All pages of one span. Parts that stand already are not made again."""
    result = TaskResult(task.file.name)
    if task.previous is not None:
        result.taken = _take_over(task, task.previous)
    if not _stands(task):
        warm_up(task.cache)
        note = task.folder / HANDS / task.stem
        if note.exists():
            outlive(write_singly, task, note, task.file.name)
        else:
            result.seconds = write_parts(task)
    for _, name, noted in _standing(task):
        result.parts.append(name)
        result.pages += noted["rows"]
        result.bytes += noted["bytes"]
        result.errors += noted["errors"]
        result.policies += noted["policies"]
        result.not_pages.update(noted["not_pages"])
        result.enter, result.next = noted["enter"], noted["next"]
    return result


def _take_over(task: Task, previous: Path) -> int:
    """How many parts; none behind one that is not there or not whole."""
    for number, (name, entry) in enumerate(task.older):
        path = task.folder / name
        if name != task.part(number) or path.exists() or not take(previous, name, entry, task.folder):
            return number
        if not _fits(task, _noted(path)):
            path.unlink()
            return number
    return len(task.older)


def _fits(task: Task, noted: dict[str, Any]) -> bool:
    """Whether a part is this task's: made from the same, and entered where the span truly begins."""
    enter = None if task.enter == NOWHERE else task.enter
    return noted["key"] == part_key(task.file, task.named) and (task.enter is None or noted["enter"] == enter)


def _noted(path: Path) -> dict[str, Any]:
    metadata = pq.read_metadata(path)
    return {**orjson.loads(metadata.metadata[NOTE]), "rows": metadata.num_rows}


def _standing(task: Task) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Number, name and note of the parts that are there, up to the last or the first that is missing."""
    number = 0
    while (path := task.folder / task.part(number)).exists():
        noted = _noted(path)
        yield number, task.part(number), noted
        if noted["last"]:
            return
        number += 1


def _stands(task: Task) -> bool:
    """Whether all parts are there. Removes those of a span that was entered in the wrong place."""
    standing = list(_standing(task))
    if standing and not _fits(task, standing[0][2]):
        for _, name, _ in standing:
            (task.folder / name).unlink()
        return False
    return bool(standing) and bool(standing[-1][2]["last"])


def write_singly(task: Task, left_out: frozenset[int]) -> dict[str, float]:
    """As write_parts, page by page: where a page kills the process, its note must name that one."""
    return write_parts(task, left_out, 1)


def write_parts(task: Task, left_out: frozenset[int] = frozenset(), batch: int = BATCH_PAGES) -> dict[str, float]:
    """Make the parts that are missing; returns CPU seconds by stage. `left_out`: offsets of pages not to open."""
    with Hand(task.folder / HANDS / task.stem) as hand:
        standing = list(_standing(task))
        number = len(standing)
        if standing:
            enter, start = standing[-1][2]["enter"], standing[-1][2]["next"]
        else:
            enter = task.enter if task.enter is not None else first_record(task.path, task.start)
            enter = start = None if enter == NOWHERE else enter
        clock = Clock()
        rows = _Rows(task, start, hand, left_out, clock, 1 if task.annotate else batch)
        while True:
            last = _write_part(task, number, rows, enter, clock)
            number += 1
            if last:
                return clock.seconds


class _Rows:
    """The rows of a span from the record at `start` on, with the place where the page behind them begins."""

    def __init__(
        self, task: Task, start: int | None, hand: Hand, left_out: frozenset[int], clock: Clock, batch: int
    ) -> None:
        self.task, self.hand, self.left_out, self.clock, self.batch = task, hand, left_out, clock, batch
        self.others: Counter[str] = Counter()
        """Records that are no pages, passed over up to the next page."""
        self._passed: Counter[str] = Counter()
        """The same, up to the page that is read ahead."""
        self.pages = iter(()) if start is None else read_span(task.file, task.path, start, task.stop, self._passed)
        self._ahead: RawPage | None = None
        self._ready: deque[tuple[dict[str, Any], _Place]] = deque()
        self._go(self._step())
        self.clock.lap("read")

    def _go(self, place: "_Place") -> None:
        """Say that all before the place is done."""
        self.ended, self.next = place.ended, place.next
        self.others.update(place.others)

    def _step(self) -> "_Place":
        """Read the next page; returns its place."""
        self._passed.clear()
        try:
            self._ahead = next(self.pages)
            return _Place(self._ahead.offset, False, Counter(self._passed))
        except StopIteration as end:
            self._ahead = None
            return _Place(end.value, True, Counter(self._passed))

    def row(self) -> dict[str, Any]:
        """There must be one: `ended` is False."""
        if not self._ready:
            self._fill()
        row, place = self._ready.popleft()
        self._go(place)
        return row

    def _fill(self) -> None:
        """Annotate the next pages."""
        pages: list[RawPage] = []
        places: list[_Place] = []
        size = 0
        while self._ahead is not None and len(pages) < self.batch and size < BATCH_BYTES:
            pages.append(self._ahead)
            size += len(self._ahead.body) + len(self._ahead.text or "")
            if len(pages) < self.batch:
                places.append(self._step())
            else:
                break
        self.clock.lap("read")
        self.hand.hold(pages[0].offset)
        rows = self._annotated(pages)
        self.hand.hold(BETWEEN)
        if len(places) < len(pages):
            places.append(self._step())
            self.clock.lap("read")
        self._ready.extend(zip(rows, places, strict=True))

    def _annotated(self, pages: Sequence[RawPage]) -> list[dict[str, Any]]:
        task = self.task
        if not self.left_out and task.annotate is None:
            return annotate_pages(pages, task.file, task.settings, self.clock)
        rows = []
        for page in pages:
            if page.offset in self.left_out:
                rows.append(killed_page(page, task.file, task.settings))
            elif task.annotate is None:
                rows += annotate_pages([page], task.file, task.settings, self.clock)
            else:
                rows.append(task.annotate(page, task.file, task.settings, self.clock))
        return rows


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the reading stands behind a page."""

    next: int | None
    """Where the next page of the span begins, behind its last one the next record, None at the end of the file."""
    ended: bool
    others: Counter[str]
    """Records that are no pages, between the two."""


def _write_part(task: Task, number: int, rows: _Rows, enter: int | None, clock: Clock) -> bool:
    """Rows until the part is full or there are no more; says whether it is the span's last."""
    count, weight, size, errors, policies = 0, 0, 0, 0, 0
    with parquet_writer(task.folder / task.part(number), ANNOTATED_SCHEMA) as writer:
        while not rows.ended and count < PART_ROWS and weight < PART_BYTES:
            group: list[dict[str, Any]] = []
            held = 0
            while not rows.ended and len(group) < ROW_GROUP_ROWS and held < ROW_GROUP_BYTES:
                row = rows.row()
                group.append(row)
                size += row["bytes"]
                held += max(row["bytes"], len(row["text"] or ""))  # a policy file has text and no bytes of a document
                errors += (row["rejected_by"] or "").startswith("read:")
                policies += row["rejected_by"] == POLICY_FILE
            writer.write_table(pa.Table.from_pylist(group, ANNOTATED_SCHEMA), row_group_size=len(group))
            count, weight = count + len(group), weight + held
            clock.lap("write")
        noted = {
            "key": part_key(task.file, task.named),
            "enter": enter,
            "next": rows.next,
            "last": rows.ended,
            "bytes": size,
            "errors": errors,
            "policies": policies,
            "not_pages": dict(sorted(rows.others.items())),
        }
        writer.add_key_value_metadata({NOTE.decode(): orjson.dumps(noted).decode()})
    rows.others.clear()
    return rows.ended
