"""How long work shows that it goes on: bars on a terminal, lines in a log, JSON lines for programs, or nothing."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

Mode = Literal["bars", "lines", "json", "quiet"]
LINE_SECONDS = 10.0
"""Without a terminal a line is printed this often."""


class Bar:
    """The progress of one piece of work, from 0 to `total` units."""

    def __init__(self, progress: "Progress", label: str, total: float | None, unit: str) -> None:
        self.progress, self.label, self.total, self.unit = progress, label, total, unit
        self.completed = 0.0
        self.fields: dict[str, str] = {}
        self.started = self.printed = time.monotonic()
        self.rich_task = progress.rich.add_task(label, total=total, unit=unit, fields="") if progress.rich else None

    def advance(self, amount: float = 1.0) -> None:
        self.update(self.completed + amount)

    def update(self, completed: float | None = None, **fields: str) -> None:
        """`fields` are shown behind the bar: `loss="3.21"`."""
        if completed is not None:
            self.completed = completed
        self.fields.update(fields)
        if self.progress.rich and self.rich_task is not None:
            shown = "  ".join(f"{name} {value}" for name, value in self.fields.items())
            self.progress.rich.update(self.rich_task, completed=self.completed, fields=shown)
        elif "note" in fields or time.monotonic() - self.printed >= LINE_SECONDS:
            self.print_line()  # a note says what is to be waited for, so it comes before the waiting

    def print_line(self, state: str = "running") -> None:
        self.printed = time.monotonic()
        self.progress.line(self, self.printed - self.started, state)


class Progress:
    """Shows bars on a terminal (`bars`), a line now and then (`lines`), JSON lines (`json`) or nothing (`quiet`)."""

    def __init__(self, mode: Mode, console: Console | None = None) -> None:
        self.mode = mode
        self.console = console or Console(stderr=True, highlight=False)
        self.rich: RichProgress | None = None

    @contextmanager
    def task(self, label: str, total: float | None, unit: str = "") -> Iterator[Bar]:
        outermost = self.mode == "bars" and self.rich is None
        if outermost:
            self.rich = RichProgress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[unit]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[fields]}"),
                console=self.console,
                transient=True,
            )
            self.rich.start()
        bar = Bar(self, label, total, unit)
        try:
            yield bar
            if not self.rich and time.monotonic() - bar.started >= LINE_SECONDS:
                bar.print_line("done")
        finally:
            if self.rich and bar.rich_task is not None:
                self.rich.remove_task(bar.rich_task)
            if outermost and self.rich:
                self.rich.stop()
                self.rich = None

    def line(self, bar: Bar, seconds: float, state: str) -> None:
        if self.mode == "json":
            event = {
                "task": bar.label,
                "completed": bar.completed,
                "total": bar.total,
                "unit": bar.unit,
                "state": state,
            }
            print(json.dumps({**event, "seconds": round(seconds, 1), **bar.fields}), file=sys.stderr, flush=True)
        elif self.mode == "lines":
            of = f" of {bar.total:,.0f}" if bar.total else ""
            left = ""
            if bar.total and bar.completed and state == "running":
                left = f", {seconds * (bar.total / bar.completed - 1):.0f} s left"
            fields = "".join(f"  {name} {value}" for name, value in bar.fields.items())
            count = f": {bar.completed:,.0f}{of} {bar.unit}" if bar.total or bar.completed else ""
            text = (
                f"  {bar.label}{count} in {seconds:.0f} s{left}{fields}" if seconds >= 1 else f"  {bar.label}{fields}"
            )
            print(text, file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """One line that stays, for what the user should know."""
        if self.mode == "json":
            print(json.dumps({"say": text}), file=sys.stderr, flush=True)
        elif self.mode == "bars":
            self.console.print(text, markup=False, soft_wrap=True)
        elif self.mode == "lines":
            print(text, file=sys.stderr, flush=True)


def quiet() -> Progress:
    return Progress("quiet")


def for_terminal(*, quiet: bool = False, json_lines: bool = False) -> Progress:
    """Bars where standard error is a terminal, lines where it is not."""
    if quiet:
        return Progress("quiet")
    if json_lines:
        return Progress("json")
    return Progress("bars" if sys.stderr.isatty() else "lines")
