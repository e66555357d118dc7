"""What came out of a run: one table, rows are languages, and the seconds of each step."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from openbook.books.record import Record
from openbook.errors import OpenbookError
from openbook.pipeline import STEPS
from openbook.release.evidence import Evidence, LanguageFigures, gather
from openbook.report import number
from openbook.step import read_step

COLUMNS = ("docs", "bytes", "bytes/tok", "tok/en", "bits/B", "95 %", "baseline", "n", "parity")
NARROW = 96
"""On a terminal with fewer columns languages are only coded, not named, and the last two columns are left out."""
LEGEND = (
    "bits/B: bits per byte on n held-out documents of the same sources, with interval; lower is better, compare within "
    "a row. baseline: a general compressor on the same text. tok/en: tokens for the same content, relative to English. "
    "parity: bits for the same content, relative to English; form and meaning stay confounded."
)


def evidence_of(run_folder: Path) -> Evidence:
    """Raises OpenbookError when no step of the run has been made."""
    records: dict[str, Record] = {}
    for step in STEPS:
        try:
            records[step] = read_step(run_folder / step)
        except OpenbookError:
            continue
    if not records:
        raise OpenbookError(f"{run_folder} is not a run: no step has been made there.")
    return gather({step: run_folder / step for step in records}, records)


def as_json(evidence: Evidence) -> dict[str, Any]:
    languages = {row.code: {"name": row.name, **row.__dict__} for row in evidence.languages}
    seconds = {step: record.seconds for step, record in evidence.records.items()}
    roots = {step: record.root for step, record in evidence.records.items()}
    return {"languages": languages, "seconds": seconds, "roots": roots}


def cells(row: LanguageFigures) -> list[str]:
    interval = "–" if row.low is None else f"{row.low:.2f}–{row.high:.2f}"
    figures = [row.documents, row.text_bytes, row.bytes_per_token, row.tokens_relative_to_english, row.bits_per_byte]
    shown = [number(figure) for figure in figures]
    return [*shown, interval, number(row.baseline), number(row.held_out_documents), number(row.information_parity)]


def print_summary(run_folder: Path, console: Console) -> None:
    evidence = evidence_of(run_folder)
    narrow = console.width < NARROW
    columns = COLUMNS[:-2] if narrow else COLUMNS
    table = Table(title=f"{run_folder.name}, smallest language first", title_justify="left", box=None, pad_edge=False)
    table.add_column("language", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for row in evidence.languages:
        table.add_row(row.code if narrow else f"{row.code} {row.name}", *cells(row)[: len(columns)])
    console.print(table)
    console.print(LEGEND, style="dim")
    split = ", ".join(f"{step} {record.seconds:.0f}" for step, record in evidence.records.items())
    total = sum(record.seconds for record in evidence.records.values())
    console.print(f"seconds: {split}; together {total:.0f}")
    for step in evidence.records:
        report = run_folder / step / "report.html"
        if report.exists():
            console.print(f"report: {report}", soft_wrap=True)
