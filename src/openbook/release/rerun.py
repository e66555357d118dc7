"""Whether a part of a run, done again, gives what the release holds: training steps and evaluation results."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openbook.books.chance import generator
from openbook.books.record import read_record
from openbook.context import Context
from openbook.corpus import Corpus
from openbook.corpus.parallel import ParallelText
from openbook.errors import OpenbookError
from openbook.evaluate import EvaluateSettings
from openbook.evaluate.bits import language_bits
from openbook.evaluate.scorer import ModelSource
from openbook.evaluate.task import score_language
from openbook.evaluate.texts import choose
from openbook.model import final_checkpoint
from openbook.model.checkpoint import read_json
from openbook.release import manifest as manifests
from openbook.step import read_step
from openbook.tokenizer import TokenizedCorpus, Tokenizer
from openbook.train.replay import Replay, replay
from openbook.train.state import OPTIMIZER


@dataclass(frozen=True)
class Rerun:
    problems: tuple[str, ...]
    told: tuple[str, ...]
    """What was done again, a sentence each."""


def rerun(release: Path, run: Path, count: int, context: Context) -> Rerun:
    """Rerun at most `count` training steps and score `count` languages again, of the run that a release was made from.

    Which languages is drawn from the manifest's root. Raises OpenbookError when the run is another one.
    """
    manifest = manifests.read(release)
    for step, root in manifest.roots.items():
        if read_step(run / step).root != root:
            raise OpenbookError(f"{run} is not the run of {release}: its {step} is another one.")
    again = _steps(run, count, context)
    problems = [] if again.agrees else [f"model/model.safetensors: {again.sentence()}"]
    told = [again.sentence()]
    published = read_json(release / "reports" / "bits.json")["languages"]
    for code, row in _bits(run, sorted(published), count, manifest.root).items():
        said = published[code]["bits_per_byte"]
        told.append(f"{code} was scored again: {row['bits_per_byte']} bits per byte, the release says {said}.")
        problems += [
            f"reports/bits.json: {code}.{name} is {published[code].get(name)}, scored again {value}"
            for name, value in row.items()
            if published[code].get(name) != value
        ]
    return Rerun(tuple(problems), tuple(told))


def _steps(run: Path, count: int, context: Context) -> Replay:
    """The longest stretch between two checkpoints that has at most `count` steps; of several the last."""
    stretches = [(last - first, last) for first, last in stretches_of(run)]
    able = [one for one in stretches if one[0] <= count]
    if not able:
        least = min(stretches)[0] if stretches else 0
        raise OpenbookError(
            f"{run} has no two checkpoints within {count} steps: --replay {least} reruns the shortest stretch."
        )
    size, last = max(able)
    tokenizer, tokens = Tokenizer.open(run / "tokenizer"), TokenizedCorpus.open(run / "tokens")
    return replay(run, last - size, last, tokenizer, tokens, context)


def stretches_of(run: Path) -> list[tuple[int, int]]:
    """(first, last): steps that can be rerun, from the seed or a checkpoint with its optimizer to a later one."""
    folders = sorted((run / "model" / "checkpoints").glob("step-*"))
    saved = {int(folder.name.removeprefix("step-")): folder for folder in folders}
    starts = [0, *(step for step, folder in saved.items() if (folder / OPTIMIZER).exists())]
    return [(first, last) for first in starts for last in saved if first < last]


def _bits(run: Path, languages: list[str], count: int, root: str) -> dict[str, dict[str, Any]]:
    drawn = generator(int(root[:15], 16), "release/rerun").permutation(len(languages))[:count]
    chosen = sorted(languages[at] for at in drawn)
    settings = EvaluateSettings.model_validate(read_record(run / "evaluation").settings["evaluate"])
    texts = choose(Corpus.open(run / "corpus"), ParallelText.open(run / "parallel"), settings, chosen)
    source = ModelSource("openbook", final_checkpoint(run / "model").folder, Tokenizer.open(run / "tokenizer").folder)
    rows = {}
    for one in texts:
        if one.language in chosen:
            documents = score_language(one, source, settings.overlap)["documents"]
            rows[one.language] = language_bits(one.language, documents, one.documents, settings)
    return rows
