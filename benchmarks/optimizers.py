"""Which optimizer is better after the same processor seconds, and where does the best rate lie at each size?

    python benchmarks/optimizers.py TOKENS [--part race carry] [--sizes 1M 5M] [--seconds 60] [--threads 1]

TOKENS is a run's folder `tokens`. `race`: Muon and AdamW, each at three rates, trained for the same processor seconds;
`carry`: every size for the same steps at half, one and two times the rates of the settings. Both print bits per byte of
held-out text: of each language's first rows, the mean over languages.
"""

import argparse
import math
import time
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from openbook.compute import local
from openbook.context import Context
from openbook.model import ModelSettings
from openbook.progress import quiet
from openbook.tokenizer import TokenizedCorpus
from openbook.train import TrainSettings, memory
from openbook.train.processes import Processes
from openbook.train.session import Named, build
from openbook.train.step import Stepper

HERE = Path(__file__).parent
SHAPE = ("dim", "layers", "heads", "kv_heads", "feed_forward")
ROWS = 2
"""Held-out rows of each language: a figure's error is then about 0.01 bits, shared by all runs of a table."""
TRIAL = 4
NARROW = {"0.2M": {"dim": 64, "layers": 4, "heads": 1, "kv_heads": 1, "feed_forward": 192}}
"""A size beside those of training.toml: a quarter of the width at which the rates were found, and quickly trained."""


class Bench:
    """Trains one shape after another on the same tokens, rows of `sequence`."""

    def __init__(self, tokens: Path, folder: Path, rows: int, sequence: int) -> None:
        self.corpus, self.folder, self.rows, self.sequence = TokenizedCorpus.open(tokens), folder, rows, sequence
        self.made = 0

    def start(self, size: dict[str, Any], **settings: Any) -> Stepper:
        self.made += 1
        model = ModelSettings(**{key: size[key] for key in SHAPE}, context=self.sequence)
        train = TrainSettings(batch_rows=self.rows, sequence=self.sequence, **settings)
        # The compiled blocks of all runs share one folder.
        context = Context(local(torch.get_num_threads()), quiet(), self.folder / "cache")
        facts = Named(self.folder, self.corpus.vocabulary, 0)
        return build(model, train, facts, self.corpus, self.folder / str(self.made), context, Processes()).stepper

    def step_seconds(self, size: dict[str, Any], optimizer: str) -> float:
        """Processor seconds of a step, the median of `TRIAL`."""
        stepper = self.start(size, optimizer=optimizer, steps=1000)
        stepper.run(0)
        took = []
        for step in range(1, TRIAL + 1):
            before = time.process_time()
            stepper.run(step)
            took.append(time.process_time() - before)
        return float(np.median(took))

    def train(self, size: dict[str, Any], **settings: Any) -> tuple[float, float]:
        """Held-out bits per byte after all steps, and the processor seconds that they took."""
        stepper = self.start(size, **settings)
        before = time.process_time()
        for step in range(stepper.settings.total_steps):
            stepper.run(step)
        took = time.process_time() - before
        return self.bits_per_byte(stepper), took

    def bits_per_byte(self, stepper: Stepper) -> float:
        """The mean over languages. A language's tokens are taken to have as many bytes as they have on average."""
        figures = []
        for language in self.corpus.languages:
            stream = np.asarray(self.corpus.tokens(language, "held-out")).astype(np.int64)
            rows = min(self.rows, ROWS, (len(stream) - 1) // self.sequence)
            if rows == 0:
                continue
            pieces = np.stack([stream[at * self.sequence : (at + 1) * self.sequence + 1] for at in range(rows)])
            ids, targets = torch.from_numpy(pieces[:, :-1]), torch.from_numpy(pieces[:, 1:])
            nats = float(stepper.model.position_losses(ids, targets).double().mean())
            counts = self.corpus.counts(language)
            figures.append(nats / math.log(2) * counts["held_out_tokens"] / counts["held_out_bytes"])
        return float(np.mean(figures))


def race(bench: Bench, label: str, size: dict[str, Any], seconds: float) -> None:
    grids = {"muon": ("matrix_rate", (0.01, 0.02, 0.04)), "adamw": ("rate", (1.5e-3, 3e-3, 6e-3))}
    best: dict[str, float] = {}
    for optimizer, (name, rates) in grids.items():
        steps = max(10, round(seconds / bench.step_seconds(size, optimizer)))
        for rate in rates:
            bits, took = bench.train(size, optimizer=optimizer, steps=steps, **{name: rate})
            print(f"{label} {optimizer:<6} {name} {rate:<7g} {steps} steps, {took:.0f} s: {bits:.4f}", flush=True)
            best[optimizer] = min(best.get(optimizer, math.inf), bits)
    print(f"{label}: best Muon {best['muon']:.4f}, best AdamW {best['adamw']:.4f} bits per byte")
    print(f"{label}: Muon better by {best['adamw'] - best['muon']:.4f}\n", flush=True)


def carry(bench: Bench, sizes: dict[str, dict[str, Any]], steps: int) -> None:
    usual = TrainSettings()
    print("| size | half the rates | the rates | twice the rates |\n|---|--:|--:|--:|")
    for label, size in sizes.items():
        row = []
        for factor in (0.5, 1.0, 2.0):
            rates = {"matrix_rate": usual.matrix_rate * factor, "rate": usual.resolved_rate * factor}
            row.append(f"{bench.train(size, steps=steps, **rates)[0]:.4f}")
        print(f"| {label} | {' | '.join(row)} |", flush=True)


def main() -> None:
    sizes = NARROW | tomllib.loads((HERE / "training.toml").read_text())["sizes"]
    parser = argparse.ArgumentParser()
    parser.add_argument("tokens", type=Path)
    parser.add_argument("--part", nargs="*", choices=("race", "carry"), default=["race", "carry"])
    parser.add_argument("--sizes", nargs="*", choices=list(sizes), default=["1M", "5M"])
    parser.add_argument("--seconds", type=float, default=60, help="processor seconds of every run of the race")
    parser.add_argument("--carried", nargs="*", choices=list(sizes), default=["0.2M", "1M", "5M", "15M"])
    parser.add_argument("--steps", type=int, default=100, help="steps of every run that looks for the best rate")
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--sequence", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    wanted = parser.parse_args()
    torch.set_num_threads(wanted.threads)
    with TemporaryDirectory() as folder, memory.held():
        bench = Bench(wanted.tokens, Path(folder), wanted.rows, wanted.sequence)
        if "race" in wanted.part:
            for label in wanted.sizes:
                race(bench, label, sizes[label], wanted.seconds)
        if "carry" in wanted.part:
            carry(bench, {label: sizes[label] for label in wanted.carried}, wanted.steps)


if __name__ == "__main__":
    main()
