"""Evaluations beside a run's own: any model on the run's held-out and parallel text, kept with a record."""

import re
from collections.abc import Sequence
from pathlib import Path

from openbook import evaluate
from openbook.context import Context
from openbook.corpus import Corpus, parallel
from openbook.errors import OpenbookError
from openbook.evaluate import EvaluateSettings, Evaluation, references
from openbook.evaluate.pairs import Pair, read_pairs
from openbook.step import Step, difference, dump, execute, read_step

FOLDER = "evaluations"
PAIRS = "pairs"
OWN = "evaluation"
"""The step of a run that evaluates its own model."""


def settings_of(run: Path) -> EvaluateSettings:
    """How the run evaluated its own model, so that others are measured alike; its gates are for its own model."""
    try:
        asked = read_step(run / OWN).settings["evaluate"]
    except OpenbookError:
        return EvaluateSettings()
    shared = {key: value for key, value in asked.items() if key not in ("gates", "pairs")}
    return EvaluateSettings.model_validate(shared)


def pairs_of(run: Path) -> dict[str, list[Pair]]:
    """The minimal pairs that the run's own model was scored on, by language."""
    paths = sorted((run / OWN / PAIRS).glob("*.jsonl"))
    return {path.stem: read_pairs(path) for path in paths}


def evaluate_model(
    model: Path, run: Path, name: str | None, languages: Sequence[str] | None, threads: int, context: Context
) -> Path:
    """Score a checkpoint, a Hugging Face folder or a GGUF file on the texts of `run`; returns the evaluation's folder.

    What stands there already and still matches is left. Raises OpenbookError when `model` is none of these.
    """
    from openbook.evaluate.scorer import model_source

    if not (run / "corpus").is_dir() or not (run / "parallel").is_dir():
        raise OpenbookError(
            f"{run} is no run with a corpus and parallel text to score on: name the folder of a run with --on, such as "
            "runs/first-light, and run its recipe first (`openbook run RECIPE --until corpus`)."
        )
    model_source(model)
    name = name or re.sub(r"[^A-Za-z0-9._-]+", "-", model.resolve().name)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise OpenbookError(f"{name!r} is no name for an evaluation: letters, digits, dots and dashes.")
    settings, pairs = settings_of(run), pairs_of(run)
    evidence = {"model": references.model_digest(model)}
    if pairs:
        evidence["minimal pairs"] = references.digest(sorted((run / OWN / PAIRS).glob("*.jsonl")))
    step = Step(
        name=f"{FOLDER}/{name}",
        version=evaluate.VERSION,
        settings={"evaluate": dump(settings), "languages": dump(languages)},
        inputs=("corpus", "parallel"),
        run=lambda folders, work, inner: evaluate.evaluate(
            settings,
            model,
            Corpus.open(folders["corpus"]),
            parallel.ParallelText.open(folders["parallel"]),
            work,
            inner,
            languages,
            threads,
            {code: pairs[code] for code in languages if code in pairs} if languages else pairs,
        ),
        evidence=evidence,
    )
    (run / FOLDER).mkdir(exist_ok=True)
    if difference(step, run):
        execute(step, run, context)
    return run / FOLDER / name


def find(path: Path) -> Evaluation:
    """The evaluation that a folder is, or that lies in a run's folder."""
    return Evaluation.open(path / OWN if (path / OWN).is_dir() else path)
