"""The training run: from its last whole checkpoint, or the seed, to its last step, saving on the way."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openbook.books.store import remove_leftovers, sync, write_bytes
from openbook.model.config import TransformerConfig
from openbook.progress import Bar, Progress
from openbook.train import repeats, state
from openbook.train.arithmetic import Arithmetic
from openbook.train.beginning import Beginning
from openbook.train.report import report
from openbook.train.settings import TrainSettings
from openbook.train.step import Stepper, StepResult
from openbook.train.watch import RollBack, Spike

RESUME_SECONDS = 30.0
"""A killed run loses about this much at most; longer where saving takes longer than a twentieth of it."""
PAGE_SECONDS = 30.0
"""The page with the curves is written anew about this often, and at every published checkpoint."""

PAGE = "report.html"


@dataclass
class Loop:
    """One run in its work folder."""

    work: Path
    identity: str
    settings: TrainSettings
    config: TransformerConfig
    tokenizer: Path | None
    stepper: Stepper
    progress: Progress
    arithmetic: Arithmetic
    history: list[dict[str, Any]] = field(default_factory=list)
    """Arithmetic of the run so far: [{"from": step, ...}]."""
    stop_at: int | None = None
    """Leave after so many steps, as if killed there."""
    peak: float | None = None
    """Operations a second that the machine could do at most."""
    beginning: Beginning | None = None
    """What the run started from, for a roll-back that finds no checkpoint."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    """The lines of the log so far."""
    seconds: float = 0.0
    steps_run: int = 0

    def resume(self) -> int:
        """Go back to the last whole checkpoint; returns the steps already done. Cuts the log to them."""
        if self.stepper.processes.first:
            remove_leftovers(self.work)
        if self.settings.on_spike == "roll-back":
            self.beginning = Beginning.of(self.stepper.model)
        saved = state.latest(self.work, self.identity)
        done = 0
        if saved is not None:
            saved.restore(self.stepper.model, self.stepper.optimizer)
            found = saved.state()
            done, self.history = saved.step, list(found["arithmetic"])
            self.stepper.watch.restore(found["watch"])
            self.progress.say(f"Training goes on after step {done}.")
        if not self.history or self._differs(self.history[-1]):
            if self.history:
                self.progress.say(
                    "This part of the run computes in another arithmetic than the part before it "
                    "(the record says which): its last bits will differ from a run on one machine."
                )
            self.history.append({"from": done, **self.arithmetic.facts()})
        self._cut_log(done)
        return done

    def roll_back(self, spike: Spike) -> int:
        """Go back to the last published checkpoint, or the beginning; returns the steps done there. The batches that
        the run leaves out from now on stand in the state of every later checkpoint."""
        saved = state.last_published(self.work, self.identity)
        done = saved.step if saved else 0
        self.stepper.watch.roll_back(spike, done)
        self.stepper.optimizer.reset()
        if saved:
            saved.restore(self.stepper.model, self.stepper.optimizer)
        elif self.beginning:
            self.beginning.restore(self.stepper.model)
        self.stepper.watch.restore(saved.state()["watch"] if saved else {}, keep_roll_backs=True)
        self.history = [part for part in self.history if part["from"] < done]
        if not self.history or self._differs(self.history[-1]):
            self.history.append({"from": done, **self.arithmetic.facts()})
        self._cut_log(done)
        if self.stepper.processes.first:
            state.forget_resuming(self.work)
        self.progress.say(f"{spike.sentence()} Training is rolled back to step {done} and leaves those batches out.")
        return done

    @property
    def log(self) -> Path:
        return self.work / "log.jsonl"

    def _differs(self, part: dict[str, Any]) -> bool:
        return {name: value for name, value in part.items() if name != "from"} != self.arithmetic.facts()

    def _cut_log(self, steps: int) -> None:
        if not self.stepper.processes.first:
            return
        lines = self.log.read_bytes().splitlines(keepends=True) if self.log.exists() else []
        write_bytes(self.log, b"".join(lines[:steps]))
        self.rows = [json.loads(line) for line in lines[:steps]]

    def run(self, watch: Callable[[StepResult], None] | None = None) -> None:
        """Run all steps that are left."""
        done = self.resume()
        started = time.monotonic()
        end = self.settings.total_steps if self.stop_at is None else min(self.settings.total_steps, self.stop_at)
        if self.stepper.processes.first and done < end:
            self.progress.say(repeats.sentence(self.stepper.batches.order))
            self.progress.say(f"The curves of this run are in {self.work / PAGE}; the page refreshes itself.")
        with self.progress.task("training", self.settings.total_steps, "steps") as bar:
            while done < end:
                try:
                    self._stretch(done, end, bar, started, watch)
                    break
                except RollBack as jump:
                    done = self.roll_back(jump.spike)
        self.seconds = time.monotonic() - started

    def _stretch(
        self, done: int, end: int, bar: Bar, started: float, watch: Callable[[StepResult], None] | None
    ) -> None:
        """Steps [done, end), saved on the way."""
        tokens = sum(self.stepper.batches.predicted(step) for step in range(done))
        saved_at = page_at = time.monotonic()
        save_cost = 0.0
        total, first = self.settings.total_steps, self.stepper.processes.first
        bar.update(done)
        with self.log.open("ab") as log:
            for step in range(done, end):
                result = self.stepper.run(step)
                if first:
                    line = json.dumps(result.row(tokens)).encode()
                    log.write(line + b"\n")
                    self.rows.append(json.loads(line))
                    if result.spike and result.spike["action"] != "left out":
                        self.progress.say(
                            f"Step {step}: {result.spike['why']} ({result.spike['action']}; see the log)."
                        )
                tokens += result.tokens
                self.steps_run += 1
                self._show(bar, step + 1, result, time.monotonic() - started)
                if watch:
                    watch(result)
                published = (step + 1) % self.settings.checkpoint_every == 0 or step + 1 == total
                due = time.monotonic() - saved_at > max(RESUME_SECONDS, 20 * save_cost)
                if published or (due and self.stepper.processes.count == 1):
                    log.flush()
                    sync(self.log)
                    before = time.monotonic()
                    self._save(step + 1, tokens, published)
                    saved_at = time.monotonic()
                    save_cost = saved_at - before
                if first and step + 1 < total and (published or time.monotonic() - page_at > PAGE_SECONDS):
                    log.flush()
                    self._page()
                    page_at = time.monotonic()

    def _page(self) -> None:
        """The curves so far, in a page that loads itself again until the run is done."""
        report(self.rows, self.config, self.settings, self.stepper.batches.order, unfinished=True).write(
            self.work / PAGE
        )

    def _show(self, bar: Bar, done: int, result: StepResult, seconds: float) -> None:
        speed = self.steps_run * self.settings.batch_rows * self.settings.sequence / seconds
        left = seconds / self.steps_run * (self.settings.total_steps - done)
        fields = {
            "loss": f"{result.loss:.3f}",
            "gradient": f"{result.gradient:.2f}",
            "speed": f"{speed:,.0f} tokens/s",
            "left": f"{left // 60:.0f}:{left % 60:02.0f}",
        }
        share = self.share_of_peak(speed)
        if share is not None:
            fields["MFU"] = f"{share:.0%}"
        bar.update(done, **fields)

    def share_of_peak(self, speed: float) -> float | None:
        """MFU: the operations of so many tokens a second over what all the run's devices could do at most."""
        if not self.peak:
            return None
        devices = self.stepper.processes.count if self.stepper.model.head_weight.device.type == "cuda" else 1
        return speed * self.config.training_flops(self.settings.sequence) / (self.peak * devices)

    def _save(self, done: int, tokens: int, published: bool) -> None:
        folder = self.work / "checkpoints" / state.folder_name(done)
        first = self.stepper.processes.first
        facts = {
            "step": done,
            "tokens": tokens,
            "run": self.identity,
            "arithmetic": self.history,
            "watch": self.stepper.watch.state(),
        }
        state.save(
            folder if published else state.keep_for_resuming(self.work, done),
            self.stepper.model,
            self.stepper.optimizer,
            self.config,
            self.tokenizer if published else None,
            facts,
            write=first,
        )
        if first:
            state.forget_resuming(self.work, but=None if published else done)
            state.drop_old_states(self.work, self.settings.keep)
