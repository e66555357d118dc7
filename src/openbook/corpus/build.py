"""Step two: from annotated pages to a corpus. Decides with the recipe's thresholds; no page is read again.

decide (a task a part) -> duplicates, cap, held-out (over all) -> deal (a task a part) -> merge (a task a language).
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from openbook.books import merkle
from openbook.books.record import Outcome
from openbook.books.store import write_bytes
from openbook.context import Context
from openbook.corpus import blocklists, deal, ledger, outside, signals, snapshots
from openbook.corpus.annotated import Annotated
from openbook.corpus.corpus import INDEX
from openbook.corpus.decide import DecideTask, decide_part
from openbook.corpus.filter import PROFILES, check_overrides
from openbook.corpus.funnel import Funnel
from openbook.corpus.ledger import Ledger
from openbook.corpus.page import write_report
from openbook.corpus.settings import CorpusSettings
from openbook.errors import OpenbookError
from openbook.languages import LANGUAGES, language

PIECES = ".pieces"
POLICIES = "policies.json"
RIGHTS = "rights.json"


def run(settings: CorpusSettings, annotated: Annotated, work: Path, context: Context, base: Path = Path()) -> Outcome:
    """`base`: the folder that paths of the settings are relative to.

    Raises OpenbookError when no document is kept, or when the settings contradict the annotated pages.
    """
    check_overrides(settings.filter)
    for code in settings.languages or ():
        language(code)
    assert set(settings.profiles.values()) <= set(PROFILES)
    pieces = work / PIECES
    pieces.mkdir(parents=True, exist_ok=True)
    parts = annotated.parts
    policies = annotated.policy_files()
    for site, texts in snapshots.read(settings.rights.snapshots, base).items():
        policies.setdefault(site, []).extend(texts)
    write_bytes(pieces / POLICIES, orjson.dumps(policies))
    lists = blocklists.files(settings.blocklists, base)
    blocked = blocklists.compiled(lists, outside.blocklist_digest(settings, base), context.cache) if lists else None
    book = _decide(settings, parts, pieces, context, blocked)
    write_bytes(work / RIGHTS, signals.counts([_decided(pieces, number) for number in range(len(parts))], policies))
    if not (book.rule == -1).any():
        raise OpenbookError(_nothing_kept(book))
    _write(book, parts, pieces, work, context)
    funnel = Funnel.of(book)
    write_bytes(work / "funnel.json", funnel.json())
    index = _index(book)
    write_bytes(work / INDEX, orjson.dumps(index, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    write_report(work, funnel, index, settings)
    shutil.rmtree(pieces)
    counts: dict[str, int | float] = {
        "pages": len(book.rule),
        "documents": int((book.rule == -1).sum()),
        "rejected": int((book.rule != -1).sum()),
        "held_out": int(book.held_out.sum()),
        "bytes": int(book.bytes[book.rule == -1].sum()),
        "languages": len(index["languages"]),
    }
    return Outcome(counts=counts, roots={"documents": index["root"]})


def _decide(
    settings: CorpusSettings, parts: Sequence[Path], pieces: Path, context: Context, blocked: Path | None
) -> Ledger:
    """Every verdict. Quick enough to be made anew after a killed run."""
    verdicts = [_decided(pieces, number) for number in range(len(parts))]
    pairs = zip(parts, verdicts, strict=True)
    tasks = [DecideTask(part, out, settings, pieces / POLICIES, blocked) for part, out in pairs]
    with context.progress.task("decide", len(tasks), "parts") as bar:
        for _ in context.engine.map(decide_part, tasks, lambda _: bar.advance()):
            pass
    with context.progress.task("find duplicates", None):
        book, rows, exact, signatures = ledger.gather(verdicts, pieces / "signatures.bin")
        ledger.mark_duplicates(book, rows, exact, signatures, settings)
    ledger.mark_cap(book, settings.most_bytes)
    ledger.mark_held_out(book, settings.held_out)
    return book


def _decided(pieces: Path, number: int) -> Path:
    return pieces / f"decided-{number:06d}.parquet"


def _target(book: Ledger, row: int) -> str:
    name = book.names[book.language[row]]
    kept = book.rule[row] == -1
    return f"documents/{name}" if kept else f"rejected/{name if name in LANGUAGES else 'und'}"


def _write(book: Ledger, parts: Sequence[Path], pieces: Path, work: Path, context: Context) -> None:
    """documents/ and rejected/."""
    targets = [_target(book, row) for row in range(len(book.rule))]
    sizes: dict[str, int] = {}
    for target, size in zip(targets, book.bytes.tolist(), strict=True):
        sizes[target] = sizes.get(target, 0) + size
    counts = {target: deal.ranges(size) for target, size in sizes.items()}
    tasks = []
    for number, part in enumerate(parts):
        rows = range(book.starts[number], book.starts[number + 1])
        path = pieces / f"verdicts-{number:06d}.parquet"
        deal.write_verdicts(path, _verdict_columns(book, rows, targets, counts))
        tasks.append(deal.DealTask(part, pieces / f"dealt-{number:06d}.parquet", _decided(pieces, number), path))
    dealt: list[tuple[Path, list[deal.Hand]]] = []
    with context.progress.task("sort", len(tasks), "parts") as bar:
        for task, hands in zip(tasks, context.engine.map(deal.deal_part, tasks, lambda _: bar.advance()), strict=True):
            dealt.append((task.out, hands))
    merges = deal.merge_tasks(dealt, work)
    with context.progress.task("write", len(merges), "files") as bar:
        for _ in context.engine.map(deal.merge, merges, lambda _: bar.advance()):
            pass


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
        "target": [targets[row] for row in rows],
        "ranges": [counts[targets[row]] for row in rows],
    }


def _index(book: Ledger) -> dict[str, Any]:
    """Root over the sorted ids of all documents, and counts of each language."""
    kept = np.flatnonzero(book.rule == -1)
    ids = sorted(book.ids[row].tobytes() for row in kept)
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
    return {"root": merkle.root(ids).hex(), "languages": dict(sorted(languages.items()))}


def _nothing_kept(book: Ledger) -> str:
    rules: dict[str, int] = {}
    for rule in book.rule:
        rules[book.names[rule]] = rules.get(book.names[rule], 0) + 1
    most = sorted(rules.items(), key=lambda row: (-row[1], row[0]))[:3]
    told = ", ".join(f"{name} ({count:,})" for name, count in most)
    return f"no document is kept: all {len(book.rule):,} pages were rejected, most by {told}: look at [corpus]."
