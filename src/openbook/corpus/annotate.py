"""Step one: read every page and write down what it is. Nothing is decided here that a recipe may want to change.

A task for each span of a source file; a span that an older artifact holds, made from the same, is taken over.
"""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from openbook.books.previous import Previous
from openbook.books.record import FileEntry, Outcome
from openbook.books.store import write_bytes
from openbook.compute.beside import beside
from openbook.compute.garbage import loaded_left_out
from openbook.context import Context
from openbook.corpus import identifiers
from openbook.corpus.annotated import INDEX
from openbook.corpus.parts import HANDS, NOWHERE, Task, TaskResult, annotate_span
from openbook.corpus.settings import AnnotateSettings
from openbook.corpus.sources import Sources, span_starts
from openbook.corpus.warming import prepare
from openbook.errors import OpenbookError

DECISIVE = (
    "fastwarc", "fasttext-predict", "google-re2", "idna", "numba", "numpy", "phonenumbers", "py3langid", "pyarrow",
    "resiliparse", "xxhash", "zstandard",
)  # fmt: skip
"""Libraries that have a say in the bytes of a part: those that another version made are made anew."""


@loaded_left_out()
def run(settings: AnnotateSettings, sources: Sources, work: Path, context: Context) -> Outcome:
    """Raises OpenbookError when the sources hold no page at all."""
    sources.restore(context)
    identifiers.note(settings, work)
    tasks = span_tasks(settings, sources, work, context)
    context.engine.ready(partial(prepare, context.cache, settings.identifier))
    loaded = beside(context.engine, _load_next) if context.engine.workers > 1 else None
    results = annotate(tasks, context)
    if loaded:
        loaded()
    shutil.rmtree(work / HANDS, ignore_errors=True)
    policies = sum(result.policies for result in results)
    pages, errors = sum(result.pages for result in results) - policies, sum(result.errors for result in results)
    if pages == errors:
        raise OpenbookError(_no_page(results, sources, errors, work))
    write_bytes(work / INDEX, orjson.dumps(_index(results, sources), option=orjson.OPT_INDENT_2) + b"\n")
    stages = sorted({stage for result in results for stage in result.seconds})
    seconds = {stage: round(sum(result.seconds.get(stage, 0.0) for result in results), 3) for stage in stages}
    counts: dict[str, int | float] = {
        "pages": pages,
        "policy_files": policies,
        "unreadable": errors,
        "not_pages": sum(result.not_pages.total() for result in results),
        "text_bytes": sum(r.bytes for r in results),
    }
    parts = {"all": sum(len(result.parts) for result in results), "taken_over": sum(one.taken for one in results)}
    return Outcome(counts=counts, measures={"cpu_seconds": seconds, "parts": parts})


def _load_next() -> None:
    """What the next step imports, a quarter of a second, while this process waits for its workers."""
    import_module("openbook.corpus.build")


def _no_page(results: Sequence[TaskResult], sources: Sources, errors: int, work: Path) -> str:
    """Names the first file that cannot be read, and why."""
    names = ", ".join(sorted({file.source for file in sources.files})) or "none"
    first = next((result for result in results if result.errors), None)
    if first is None:
        return f"the sources hold no page (sources: {names}): look at the paths in the recipe's [[sources]]."
    table = pa.concat_tables(pq.read_table(work / part, columns=["rejected_by", "detail"]) for part in first.parts)
    rows = table.to_pylist()
    why = next(row["detail"] for row in rows if (row["rejected_by"] or "").startswith("read:")).rstrip(".")
    broken = "1 record is damaged" if errors == 1 else f"{errors:,} records are damaged"
    return (
        f"the sources hold no page that could be read; {broken}. The first is in {first.name}: {why}. Put a whole file "
        f"in its place, or mend the kind or the columns of its source in the recipe's [[sources]] (sources: {names})."
    )


def _index(results: Sequence[TaskResult], sources: Sources) -> list[dict[str, object]]:
    """A row for each file, in the order of their names."""
    files: dict[str, list[TaskResult]] = {}
    for result in results:
        files.setdefault(result.name, []).append(result)
    source = {file.name: file.source for file in sources.files}
    return [
        {
            "file": name,
            "source": source[name],
            "parts": [part for span in spans for part in span.parts],
            "pages": sum(span.pages for span in spans),
            "not_pages": dict(sorted(sum((span.not_pages for span in spans), Counter()).items())),
        }
        for name, spans in files.items()
    ]


def span_tasks(settings: AnnotateSettings, sources: Sources, work: Path, context: Context) -> list[Task]:
    """In the order of the files and of the spans in each."""
    previous = context.previous if context.previous and context.previous.made_with(DECISIVE) else None
    older = _by_span(previous)
    named = identifiers.named(settings)
    tasks = []
    for file in sources.files:
        path = sources.locate(file.name)
        starts = span_starts(file, path)
        for number, (start, stop) in enumerate(zip(starts, [*starts[1:], None], strict=True)):
            task = Task(file, path, work, settings, named, context.cache, number, start, stop)
            if previous is not None and (found := older.get(task.stem)):
                task = replace(task, previous=previous.folder, older=tuple(sorted(found)))
            tasks.append(task)
    return tasks


def _by_span(previous: Previous | None) -> Mapping[str, list[tuple[str, FileEntry]]]:
    """Stem of a part -> name and entry of the parts of that span."""
    found: dict[str, list[tuple[str, FileEntry]]] = {}
    for name, entry in (previous.files if previous else {}).items():
        if name.startswith("pages/"):
            found.setdefault(name.removeprefix("pages/").rpartition("-")[0], []).append((name, entry))
    return found


def annotate(tasks: Sequence[Task], context: Context) -> list[TaskResult]:
    """Results in the order of the tasks, as if each file had been read through from its start.

    A worker finds the first record of its span by the look of it. That can be wrong (an archive in an archive), so each
    span's beginning is held against where the span before it ends, and the span read again from there if they differ.
    """
    results: dict[int, TaskResult] = {}
    waiting = dict(enumerate(tasks))
    with context.progress.task("annotate", len(tasks), "spans") as bar:
        while waiting:
            # Large ones first: a file that cannot be split must not be begun when all others are done.
            order = sorted(waiting, key=lambda at: (-_size(waiting[at]), at))
            found = context.engine.map(annotate_span, [waiting[at] for at in order], lambda _: bar.advance())
            for at, result in zip(order, found, strict=True):
                results[at] = result
                bar.update(pages=f"{sum(one.pages for one in results.values()):,}")
            waiting = {}
            for at in range(1, len(tasks)):
                before, result = results[at - 1], results[at]
                if tasks[at].number and result.enter != before.next:
                    enter = NOWHERE if before.next is None else before.next
                    waiting[at] = replace(tasks[at], enter=enter, previous=None)
                    break
    return [results[at] for at in range(len(tasks))]


def _size(task: Task) -> int:
    return (task.file.size if task.stop is None else task.stop) - task.start
