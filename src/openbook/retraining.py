"""Training without removed documents, from the last checkpoint that had not seen them: a run folder of its own.

The removed documents' tokens become empty documents of the same length, of which nothing is learned. So the order of
the data stays what it was, and the steps before the first that read them are the steps of the run that never did.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openbook import tokenizer, train
from openbook.books import store
from openbook.books.record import Outcome, Record, read_record
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.model import FinalModel, ModelSettings
from openbook.release import removal
from openbook.release.exposure import last_clean
from openbook.step import Step, difference, execute
from openbook.tokenizer import TokenizedCorpus, Tokenizer
from openbook.train import TrainSettings


@dataclass(frozen=True)
class Retrained:
    folder: Path
    removed: tuple[str, ...]
    """Ids of the documents whose tokens were taken out."""
    began: int
    """Steps of the checkpoint that training went on from; 0: the seed."""
    steps: int


def folder_of(run: Path) -> Path:
    """Where the run without what has been removed from it so far goes."""
    return run.with_name(f"{run.resolve().name}.without-{len(removal.removals(run)):04d}")


def retrain(run: Path, out: Path, context: Context) -> Retrained:
    """Take the removed documents out of the run's tokens and train on; what is up to date in `out` is left.

    Raises OpenbookError when the run has no removals or no model, or its corpus is of another version than its tokens.
    """
    entries = removal.removals(run)
    if not entries:
        raise OpenbookError(f"nothing has been removed from {run}: name what is to be, `openbook remove --help`.")
    model, tokens = read_record(run / "model"), TokenizedCorpus.open(run / "tokens")
    ids = _taken_out(tokens, removal.optouts(run).ids)
    if not ids:
        raise OpenbookError(f"the model of {run} was trained without all that was removed: there is nothing to apply.")
    start = last_clean(run, ids)
    evidence = {"tokens before": read_record(run / "tokens").root, "removals": entries[-1].digest}
    asked = {name: model.settings[name] for name in ("model", "train")}
    steps = [
        Step(
            "tokens",
            tokenizer.TOKENIZE_VERSION,
            {"removed": list(ids)},
            ("tokenizer",),
            lambda folders, work, _: without(tokens, ids, Tokenizer.open(folders["tokenizer"]).bos, work),
            evidence,
        ),
        Step(
            "model",
            train.VERSION,
            {**asked, "from": start},
            ("tokens", "tokenizer"),
            lambda folders, work, context: _train(
                model, run, start, folders["tokens"], folders["tokenizer"], work, context
            ),
            {"model before": model.root},
        ),
    ]
    with store.lock(out):
        if not (out / "tokenizer").exists():
            with store.atomic_path(out / "tokenizer") as copy:
                shutil.copytree(run / "tokenizer", copy)
        for step in steps:
            store.recover(out / step.name)
            if difference(step, out):
                execute(step, out, context)
    return Retrained(out, ids, start, TrainSettings.model_validate(asked["train"]).total_steps)


def _taken_out(tokens: TokenizedCorpus, ids: Sequence[str]) -> tuple[str, ...]:
    """Those of the ids that training could read."""
    return tuple(sorted(id for id in set(ids) if any(tokens.span(code, id) for code in tokens.languages)))


def without(tokens: TokenizedCorpus, ids: Sequence[str], bos: int, work: Path) -> Outcome:
    """The tokens, those of the documents replaced by `bos` one by one; held-out tokens stay as they are."""
    work.mkdir(parents=True, exist_ok=True)
    shutil.copytree(tokens.folder, work, dirs_exist_ok=True, ignore=shutil.ignore_patterns("record.json"))
    count = 0
    for code in tokens.languages:
        spans = [span for span in (tokens.span(code, id) for id in ids) if span]
        if not spans:
            continue
        stream = np.array(tokens.tokens(code))
        for start, end in spans:
            stream[start:end] = bos
            count += end - start
        store.write_bytes(work / code / "tokens.bin", stream.astype(tokens.dtype).tobytes())
    return Outcome(counts={"removed_documents": len(ids), "removed_tokens": count})


def _train(
    record: Record, run: Path, start: int, tokens: Path, tokenizer_folder: Path, work: Path, context: Context
) -> Outcome:
    """Train on from the run's checkpoint after `start` steps, as a killed run would; its log and checkpoints go with
    it."""
    before = run / "model"
    for folder in FinalModel.open(before).checkpoints:
        target = work / "checkpoints" / folder.name
        if int(folder.name.removeprefix("step-")) <= start and not target.exists():
            with store.atomic_path(target) as copy:
                shutil.copytree(folder, copy)
    if start and not (work / "log.jsonl").exists():
        lines = (before / "log.jsonl").read_bytes().splitlines(keepends=True)
        store.write_bytes(work / "log.jsonl", b"".join(lines[:start]))
    return train.run(
        ModelSettings.model_validate(record.settings["model"]),
        TrainSettings.model_validate(record.settings["train"]),
        Tokenizer.open(tokenizer_folder),
        TokenizedCorpus.open(tokens),
        work,
        context,
    )
