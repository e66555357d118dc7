"""The log of a run, finished or under way, for people and for TensorBoard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbook.books.store import work_folder
from openbook.errors import OpenbookError
from openbook.model.checkpoint import read_rows
from openbook.train.course import courses, ends, slowest

FIGURES = {"loss": "loss", "grad_norm": "gradient", "lr": "rate", "tokens": "tokens", "kept": "kept"}
"""Key of a line of the log -> name of the curve."""
NEEDED = ("step", "loss", "tokens", "languages")
"""What every line tells."""


@dataclass(frozen=True)
class Curves:
    page: Path
    rows: list[dict[str, Any]]

    @property
    def jumps(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if "spike" in row]

    def summary(self) -> dict[str, Any]:
        last = self.rows[-1]
        jumps = [{"step": row["step"], **row["spike"]} for row in self.jumps]
        languages = {one.code: round(one.end, 4) for one in courses(self.rows)}
        return {
            "steps": len(self.rows),
            "loss": last["loss"],
            "tokens": last["tokens"],
            "languages": languages,
            "jumps": jumps,
        }

    def sentence(self) -> str:
        last = self.rows[-1]
        loss = "not finite" if last["loss"] is None else f"{last['loss']:.3f}"
        lines = [f"{len(self.rows):,} steps, {last['tokens']:,} tokens, loss {loss}; curves: {self.page}"]
        found = courses(self.rows)
        lines += [f"by language, nats per token: {ends(found)}"] if found else []
        lines += [slowest(found)] if slowest(found) else []
        lines += [f"step {row['step']}: {row['spike']['why']} ({row['spike']['action']})" for row in self.jumps]
        return "\n".join(lines)


def read(run: Path) -> Curves:
    """Of a run under way the lines that are on the disk. Raises OpenbookError where no step was logged yet."""
    for folder in (work_folder(run / "model"), run / "model"):
        rows = read_rows(folder / "log.jsonl")
        for number, row in enumerate(rows, 1):
            lacking = [key for key in NEEDED if key not in row]
            if lacking or not isinstance(row["languages"], dict):
                untold = ", ".join(lacking) or "languages"
                raise OpenbookError(f"{folder / 'log.jsonl'}, line {number} is damaged: it does not tell {untold}.")
        if rows:
            return Curves(folder / "report.html", rows)
    raise OpenbookError(f"{run} has no training steps yet. Start them with `openbook run`.")


def to_tensorboard(rows: Sequence[Mapping[str, Any]], folder: Path) -> int:
    """Write event files; returns how many figures. Their times are the steps: a run's log holds no clock time."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise OpenbookError(
            "TensorBoard is not installed: `pip install 'openbook[tensorboard]'`, and run the command again."
        ) from None
    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writer = SummaryWriter(log_dir=str(folder))
    except OSError as error:
        raise OpenbookError(
            f"{folder} cannot be written to ({error.strerror or error}): name another folder with --tensorboard."
        ) from None
    with writer:
        for row in rows:
            values = {name: row.get(key) for key, name in FIGURES.items()}
            values |= {f"loss by language/{code}": value for code, value in row["languages"].items()}
            for name, value in values.items():
                if value is not None:
                    writer.add_scalar(name, value, row["step"], walltime=float(row["step"]))
                    count += 1
    return count
