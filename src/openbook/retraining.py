"""A run without removed documents, from the last checkpoint that had not seen them: a run folder of its own.

The removed documents' tokens become empty documents of the same length, of which nothing is learned. So the order of
the data stays what it was, and the steps before the first that read them are the steps of the run that never did.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from openbook import corpus, evaluations, pipeline, tokenizer, train
from openbook.books import store
from openbook.books.record import FILE_NAME, Outcome, Record, read_record
from openbook.context import Context
from openbook.corpus import CorpusSettings
from openbook.errors import OpenbookError
from openbook.evaluate import EvaluateSettings
from openbook.model import FinalModel, ModelSettings
from openbook.model.export import ExportSettings
from openbook.quantize import QuantizeSettings
from openbook.release import ReleaseSettings, manifest, removal
from openbook.release.exposure import last_clean
from openbook.release.sealed import SECRET
from openbook.release.tombstones import keep_record, link_tree, without_documents
from openbook.step import Folders, Step, beside, difference, execute, read_step
from openbook.tokenizer import TokenizedCorpus, Tokenizer
from openbook.train import TrainSettings

FORMAT = 2
"""Of the steps here: raised when the same removals would give other bytes."""


@dataclass(frozen=True)
class Retrained:
    folder: Path
    removed: tuple[str, ...]
    """Ids of the documents whose tokens were taken out."""
    began: int
    """Steps of the checkpoint that training went on from; 0: the seed."""
    steps: int
    made: tuple[str, ...]
    """Steps of the run that are there now, the release among them where the run had one."""
    missing: str
    """Why evaluation, export and release were not made; empty when they were."""


def folder_of(run: Path) -> Path:
    """Where the run without what has been removed from it so far goes."""
    return run.with_name(f"{run.resolve().name}.without-{len(removal.removals(run)):04d}")


def retrain(run: Path, out: Path, context: Context, initial: Path | None = None) -> Retrained:
    """Take the removed documents out of the run's corpus and tokens, train on, and go as far as the run itself did.

    What is up to date in `out` is left. `initial`: the weights that the run started from, if it did. Raises
    OpenbookError when the run has no removals or no model.
    """
    entries = removal.removals(run)
    if not entries:
        raise OpenbookError(f"nothing has been removed from {run}: name what is to be, `openbook remove --help`.")
    model, tokens = read_record(run / "model"), TokenizedCorpus.open(run / "tokens")
    gone = frozenset(removal.optouts(run).ids)
    ids = _taken_out(tokens, sorted(gone))
    if not ids:
        raise OpenbookError(f"the model of {run} was trained without all that was removed: there is nothing to apply.")
    start = last_clean(run, ids)
    rebuilt = read_record(run / "tokens").inputs.get("corpus") != read_record(run / "corpus").root
    missing = f"the corpus of {run} was made anew since, so that its recipe makes the release" if rebuilt else ""
    with store.lock(out):
        _carry_over(run, out, ("tokenizer",) if rebuilt else ("sources", "parallel", "annotated", "tokenizer"))
        steps = [] if rebuilt else [_corpus_step(run, gone, entries[-1].digest)]
        steps += [_tokens_step(run, ids, entries[-1].digest, whole=not rebuilt), _model_step(run, start, initial)]
        later, behind = ([], missing) if rebuilt else _later(run)
        for step in [*steps, *later]:
            store.recover(out / step.name)
            if difference(step, out):
                execute(step, out, context)
    total = TrainSettings.model_validate(model.settings["train"]).total_steps
    made = tuple(path.parent.name.removesuffix(".record") for path in sorted(out.glob(f"*/{FILE_NAME}")))
    return Retrained(out, ids, start, total, made, behind)


def _carry_over(run: Path, out: Path, names: Sequence[str]) -> None:
    """Artifacts that a removal does not change, with their records; the books of removals; the secret of the seals."""
    for name in names:
        if (out / name).exists() and read_record(out / name).root != read_record(run / name).root:
            shutil.rmtree(out / name)
        if not (out / name).exists():
            with store.atomic_path(out / name) as copy:
                link_tree(run / name, copy)
    for path in sorted((run / removal.FOLDER).iterdir()):
        store.write_bytes(out / removal.FOLDER / path.name, path.read_bytes())
    if (run / SECRET).is_file():
        with store.atomic_path(out / SECRET) as copy:
            copy.touch(0o600)
            copy.write_bytes((run / SECRET).read_bytes())


def _corpus_step(run: Path, gone: frozenset[str], digest: str) -> Step:
    record = read_record(run / "corpus")
    known = {key: one for key, one in record.settings["corpus"].items() if key in CorpusSettings.model_fields}
    settings = CorpusSettings.model_validate(known)
    return Step(
        "corpus",
        corpus.VERSION,
        {**record.settings, "removed": sorted(gone), "retraining": FORMAT},
        ("annotated", "parallel"),
        lambda folders, work, context: without_documents(run / "corpus", record, gone, settings, work, context),
        {"corpus before": record.root, "books of removals": digest},
    )


def _tokens_step(run: Path, ids: tuple[str, ...], digest: str, whole: bool) -> Step:
    record = read_record(run / "tokens")
    tokens = TokenizedCorpus.open(run / "tokens")
    return Step(
        "tokens",
        tokenizer.TOKENIZE_VERSION,
        {"removed": list(ids), "retraining": FORMAT},
        ("corpus", "tokenizer") if whole else ("tokenizer",),
        lambda folders, work, _: without(tokens, record, ids, Tokenizer.open(folders["tokenizer"]).bos, work),
        {"tokens before": record.root, "books of removals": digest},
    )


def _model_step(run: Path, start: int, initial: Path | None) -> Step:
    record = read_record(run / "model")
    return Step(
        "model",
        train.VERSION,
        {**record.settings, "from": start, "retraining": FORMAT},
        ("tokens", "tokenizer"),
        lambda folders, work, context: _train(record, run, start, folders, work, context, initial),
        {"model before": record.root},
    )


def _alone(asked: Mapping[str, Any]) -> EvaluateSettings:
    """How the run was evaluated, but for what lay beside its recipe: its pairs come from the run, and the model without
    the removed documents is held against none that had them."""
    settings = EvaluateSettings.model_validate(asked)
    gates = settings.gates.model_copy(update={"earlier": None})
    return settings.model_copy(update={"pairs": (), "gates": gates})


def _later(run: Path) -> tuple[list[Step], str]:
    """Evaluation, export, quantized files and release, with the settings of the run's own; why there are no more."""
    steps: list[Step] = []
    trained = TrainSettings.model_validate(read_record(run / "model").settings["train"])
    for name in ("evaluation", "export", "quantized", "release"):
        if not (run / name / FILE_NAME).exists() and not beside(run / name).exists():
            return steps, f"{run} has no {name} yet"
        said = read_step(run / name).settings
        if name == "evaluation":
            steps.append(pipeline.evaluation_step(_alone(said["evaluate"]), trained, run, evaluations.pairs_of(run)))
        elif name == "export":
            steps.append(pipeline.export_step(ExportSettings.model_validate(said["export"])))
        elif name == "quantized":
            exported = ExportSettings.model_validate(said["export"])
            steps.append(pipeline.quantized_step(QuantizeSettings.model_validate(said["quantize"]), exported))
        else:
            settings = ReleaseSettings.model_validate(said["release"])
            before = {"release before": manifest.read(run / name).root}
            steps.append(pipeline.release_step(settings, said["name"], said["description"], before))
    return steps, ""


def _taken_out(tokens: TokenizedCorpus, ids: Sequence[str]) -> tuple[str, ...]:
    """Those of the ids that training could read."""
    return tuple(sorted(id for id in set(ids) if any(tokens.span(code, id) for code in tokens.languages)))


def without(tokens: TokenizedCorpus, record: Record, ids: Sequence[str], bos: int, work: Path) -> Outcome:
    """The tokens, those of the documents replaced by `bos` one by one; held-out tokens stay as they are."""
    work.mkdir(parents=True, exist_ok=True)
    shutil.copytree(tokens.folder, work, dirs_exist_ok=True, ignore=shutil.ignore_patterns(FILE_NAME))
    keep_record(record, work, tokens.folder)
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
    return Outcome(counts=record.counts | {"removed_documents": len(ids), "removed_tokens": count})


def _train(
    record: Record, run: Path, start: int, folders: Folders, work: Path, context: Context, initial: Path | None
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
    keep_record(record, work, before)
    return train.run(
        ModelSettings.model_validate(record.settings["model"]),
        TrainSettings.model_validate(record.settings["train"]),
        Tokenizer.open(folders["tokenizer"]),
        TokenizedCorpus.open(folders["tokens"]),
        work,
        context,
        initial,
    )
