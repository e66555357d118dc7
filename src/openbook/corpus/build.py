"""Step two: from annotated pages to a corpus. Decides with the recipe's thresholds; no page is read again.

decide (a task a part) -> duplicates, repeated lines, cap, held-out (over all) -> deal (a task for some
parts) -> merge (a task a language).
"""

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray

from openbook.books import merkle
from openbook.books.record import Outcome
from openbook.books.store import write_bytes
from openbook.compute.beside import beside
from openbook.compute.garbage import loaded_left_out
from openbook.context import Context
from openbook.corpus import blocklists, deal, decontaminate, draws, duplicate_marks, outside, scan, signals, snapshots
from openbook.corpus.annotated import POLICY_FILE, Annotated
from openbook.corpus.corpus import INDEX
from openbook.corpus.decide import DecideTask, decide_part
from openbook.corpus.filter import PROFILES, THRESHOLDS, applied, check_overrides
from openbook.corpus.find import index as find_index
from openbook.corpus.funnel import Funnel
from openbook.corpus.identifiers import score_rule
from openbook.corpus.ledger import Ledger, gather
from openbook.corpus.page import write_report
from openbook.corpus.parallel import ParallelText
from openbook.corpus.policies import by_site
from openbook.corpus.settings import CorpusSettings
from openbook.errors import OpenbookError
from openbook.languages import LANGUAGES, language

R = TypeVar("R")
PIECES = ".pieces"
POLICIES = "policies.json"


@loaded_left_out()
def run(
    settings: CorpusSettings,
    annotated: Annotated,
    work: Path,
    context: Context,
    base: Path = Path(),
    parallel: ParallelText | None = None,
) -> Outcome:
    """`base`: the folder that paths in the settings are relative to. `parallel`: to hold texts against.

    Raises OpenbookError when no document is kept, or when the settings contradict the annotated pages."""
    check_overrides(settings.filter)
    for code in settings.languages or ():
        language(code)
    assert set(settings.profiles.values()) <= set(PROFILES)
    pieces = work / PIECES
    pieces.mkdir(parents=True, exist_ok=True)
    context.engine.ready(lambda: None)
    parts = annotated.parts
    handed_in = snapshots.read(settings.rights.snapshots, base)
    policies = by_site([*annotated.policy_answers(), *handed_in.answers])
    write_bytes(pieces / POLICIES, orjson.dumps(policies))
    lists = blocklists.files(settings.blocklists, base)
    blocked = blocklists.compiled(lists, outside.blocklist_digest(settings, base), context.cache) if lists else None
    figures = _scan(settings, annotated, pieces, work, context, base, parallel)
    score = score_rule(annotated.folder)
    book, cuts = _decide(settings, parts, pieces, context, score, blocked)
    decided = [_decided(pieces, number) for number in range(len(parts))]
    if not (book.rule == -1).any():
        raise OpenbookError(_nothing_kept(book))

    def told() -> tuple[Funnel, dict[str, Any]]:
        """What is counted, and its files."""
        write_bytes(work / signals.FILE, signals.counts(decided, policies, handed_in))
        scanned = [path for path in (_scanned(pieces, number) for number in range(len(parts))) if path.exists()]
        if scanned:
            write_bytes(work / decontaminate.TABLE, scan.contamination_rows(scanned, parts))
        funnel = Funnel.of(book, annotated.not_pages())
        write_bytes(work / "funnel.json", funnel.json())
        index = _index(book)
        write_bytes(work / INDEX, orjson.dumps(index, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
        met = [(one.language, one.source, settings.profiles.get(one.source, settings.profile)) for one in funnel.lines]
        write_bytes(
            work / THRESHOLDS, orjson.dumps(applied(met, settings.filter, score), option=orjson.OPT_INDENT_2) + b"\n"
        )
        return funnel, index

    counted = _write(book, parts, cuts, pieces, work, context, told)
    funnel, index = counted()
    find_index.build(work, context, beside=[partial(write_report, work, funnel, index, settings)])
    shutil.rmtree(pieces)
    policy_files = book.rejected_by(POLICY_FILE)
    counts: dict[str, int | float] = {
        "pages": len(book.rule) - policy_files,
        "documents": int((book.rule == -1).sum()),
        "rejected": int((book.rule != -1).sum()) - policy_files,
        "policy_files": policy_files,
        "held_out": int(book.held_out.sum()),
        "bytes": int(book.bytes[book.rule == -1].sum()),
        "languages": len(index["languages"]),
    }
    return Outcome(counts=counts, measures=figures, roots={"documents": index["root"]})


def _scan(
    settings: CorpusSettings,
    annotated: Annotated,
    pieces: Path,
    work: Path,
    context: Context,
    base: Path,
    parallel: ParallelText | None,
) -> dict[str, Any]:
    """Classifiers, and what they and the evaluation sets say of each text; returns their figures."""
    for path in pieces.glob("scanned-*"):  # of a killed run
        path.unlink()
    index = pieces / "evaluation.npz"
    counted = scan.write_index(settings.decontaminate, base, parallel, index)
    if counted is None and not settings.quality:
        return {}
    figures: dict[str, Any] = {"evaluation_sets": counted} if counted else {}
    if settings.quality:
        from openbook.corpus import quality

        with context.progress.task("train classifiers", None):
            figures["quality"] = quality.make(settings, annotated, base, work)
    asked = settings.languages if settings.languages is not None else tuple(LANGUAGES)
    # Without the bounds: what is found does not depend on them.
    unbound = tuple(one.model_copy(update={"min": None, "max": None, "language": {}}) for one in settings.quality)
    tasks = [
        scan.ScanTask(
            part,
            _scanned(pieces, number),
            asked,
            unbound,
            settings.decontaminate,
            index if counted else None,
            base,
            work,
        )
        for number, part in enumerate(annotated.parts)
    ]
    with context.progress.task("scan texts", len(tasks), "parts") as bar:
        for _ in context.engine.map(scan.scan_part, tasks, lambda _: bar.advance()):
            pass
    return figures


def _scanned(pieces: Path, number: int) -> Path:
    return pieces / f"scanned-{number:06d}.parquet"


def _decide(
    settings: CorpusSettings, parts: Sequence[Path], pieces: Path, context: Context, score: str, blocked: Path | None
) -> tuple[Ledger, list[Path]]:
    """Every verdict, and the files of the lines to be cut, if any. Quick enough to be made anew after a killed run."""
    verdicts = [_decided(pieces, number) for number in range(len(parts))]
    found = [path if path.exists() else None for path in (_scanned(pieces, number) for number in range(len(parts)))]
    tasks = [
        DecideTask(part, out, settings, pieces / POLICIES, scanned, score, blocked)
        for part, out, scanned in zip(parts, verdicts, found, strict=True)
    ]
    with context.progress.task("decide", len(tasks), "parts") as bar:
        for _ in context.engine.map(decide_part, tasks, lambda _: bar.advance()):
            pass
    with context.progress.task("find duplicates", None):
        book, exact = gather(verdicts)
        rows = duplicate_marks.mark_equal(book, exact, settings)
        rows, cuts = duplicate_marks.mark_lines(book, rows, parts, settings, context.engine, pieces / "lines")
        duplicate_marks.mark_near(book, rows, verdicts, settings, context.engine, pieces / "near")
        duplicate_marks.point_to_kept(book)
    draws.mark_cap(book, settings.most_bytes)
    draws.mark_held_out(book, settings.held_out)
    return book, cuts


def _decided(pieces: Path, number: int) -> Path:
    return pieces / f"decided-{number:06d}.parquet"


def _targets(book: Ledger) -> tuple[list[str], NDArray[np.int64]]:
    """The files that pages go to, and of each page which of them."""
    pairs, code = np.unique(book.language.astype(np.int64) * 2 + (book.rule == -1), return_inverse=True)
    names = []
    for pair in pairs.tolist():
        name = book.names[pair // 2]
        names.append(f"documents/{name}" if pair % 2 else f"rejected/{name if name in LANGUAGES else 'und'}")
    return names, code.reshape(-1)


def _write(
    book: Ledger,
    parts: Sequence[Path],
    cuts: Sequence[Path],
    pieces: Path,
    work: Path,
    context: Context,
    meanwhile: Callable[[], R],
) -> Callable[[], R]:
    """documents/ and rejected/. `meanwhile` is done here while workers write; returns what waits for its result."""
    names, code = _targets(book)
    sizes = dict.fromkeys(names, 0)
    for name, size in zip(names, np.bincount(code, book.bytes, len(names)).tolist(), strict=True):
        sizes[name] += int(size)
    counts = {target: deal.ranges(size) for target, size in sizes.items()}
    made = []
    for number, part in enumerate(parts):
        rows = range(book.starts[number], book.starts[number + 1])
        path = pieces / f"verdicts-{number:06d}.arrow"
        targets = [names[one] for one in code[rows.start : rows.stop]]
        deal.write_verdicts(path, _verdict_columns(book, rows, targets, counts))
        made.append(deal.DealPart(part, _decided(pieces, number), path, cuts[number] if cuts else None))
    held = np.concatenate([[0], np.cumsum(book.bytes)])[book.starts]
    tasks = [
        deal.DealTask(tuple(made[at] for at in group), pieces / f"dealt-{group.start:06d}-{group.stop:06d}.arrow")
        for group in deal.groups(np.diff(held).tolist())
    ]
    result = beside(context.engine, meanwhile)
    dealt: list[tuple[Path, list[tuple[deal.Hand, deal.Rows]]]] = []
    with context.progress.task("sort", len(tasks), "groups of parts") as bar:
        for task, hands in zip(tasks, context.engine.map(deal.deal_parts, tasks, lambda _: bar.advance()), strict=True):
            dealt.append((task.out, hands))
    # Large ones first: none is to be begun when all others are done.
    merges = sorted(deal.merge_tasks(dealt, work), key=lambda task: -sizes[task.target])
    with context.progress.task("write", len(merges), "files") as bar:
        for _ in context.engine.map(deal.merge, merges, lambda _: bar.advance()):
            pass
    return result


def _verdict_columns(book: Ledger, rows: range, targets: list[str], counts: dict[str, int]) -> dict[str, Any]:
    at = slice(rows.start, rows.stop)
    rules, originals = book.rule[at].tolist(), book.duplicate_of[at].tolist()
    held = book.held_out[at].tolist()
    return {
        "rights": [book.names[one] for one in book.rights[at]],
        "split": [
            None if rule != -1 else "held-out" if out else "train" for rule, out in zip(rules, held, strict=True)
        ],
        "rejected_by": [None if rule == -1 else book.names[rule] for rule in rules],
        "measure": book.measure[at],
        "duplicate_of": [None if one == -1 else book.id(one) for one in originals],
        "similarity": book.similarity[at],
        "cut_lines": book.cut_lines[at],
        "cut_bytes": book.cut_bytes[at],
        "target": targets,
        "ranges": [counts[target] for target in targets],
    }


def _index(book: Ledger) -> dict[str, Any]:
    """Root over the sorted ids of all documents, and counts of each language."""
    kept = book.kept
    ids = book.ids[kept[np.lexsort(book.id_words(kept)[::-1])]]
    languages: dict[str, dict[str, int]] = {}
    for number in np.unique(book.language[kept]):
        mine = kept[book.language[kept] == number]
        out = mine[book.held_out[mine]]
        languages[book.names[number]] = {
            "documents": int(mine.size),
            "bytes": int(book.bytes[mine].sum()),
            "held_out_documents": int(out.size),
            "held_out_bytes": int(book.bytes[out].sum()),
        }
    return {"root": merkle.root(one.tobytes() for one in ids).hex(), "languages": dict(sorted(languages.items()))}


def _nothing_kept(book: Ledger) -> str:
    found, counts = np.unique(book.rule, return_counts=True)
    rules = [(book.names[rule], int(count)) for rule, count in zip(found, counts, strict=True)]
    most = sorted(rules, key=lambda row: (-row[1], row[0]))[:3]
    told = ", ".join(f"{name} ({count:,})" for name, count in most)
    return f"no document is kept: all {len(book.rule):,} pages were rejected, most by {told}: look at [corpus]."
