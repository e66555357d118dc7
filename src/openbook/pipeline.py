"""How a recipe becomes a run: which steps there are, which are out of date and why, and running those.

The only file that knows every stage.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from openbook import corpus, evaluate, release, tokenizer, train
from openbook.books import store
from openbook.books.previous import Previous
from openbook.books.record import (
    FILE_NAME,
    Clock,
    FileEntry,
    Outcome,
    Record,
    check_sizes,
    code_facts,
    files_root,
    hash_files,
    identity,
    machine_facts,
    read_record,
    write_record,
)
from openbook.compute.energy import Meter
from openbook.context import Context
from openbook.corpus import Annotated, Corpus, outside, parallel, sources
from openbook.corpus.samples import listing
from openbook.errors import OpenbookError
from openbook.model import export, final_checkpoint
from openbook.origins import resolve
from openbook.recipe import Recipe
from openbook.tokenizer import TokenizedCorpus, Tokenizer, TokenizeSettings

STEPS = (
    "sources", "parallel", "annotated", "corpus", "tokenizer", "tokens", "model", "evaluation", "export", "release",
)  # fmt: skip
"""The steps of a run in the order of the flow; each one's artifact is the folder of its name."""

Folders = Mapping[str, Path]
"""Name of a step -> its artifact's folder."""


@dataclass(frozen=True)
class Step:
    name: str
    version: int
    settings: Mapping[str, Any]
    inputs: tuple[str, ...]
    """Steps whose artifacts go in."""
    run: Callable[[Folders, Path, Context], Outcome]
    evidence: Mapping[str, str]
    """Digests of what goes in from outside of the run: local source files."""
    outside: tuple[Path, ...] = ()
    """Those files: one that was written after the step began may have changed, though its name and size did not."""


NEW = "not made yet"


@dataclass(frozen=True)
class State:
    step: Step
    reasons: tuple[str, ...]
    """Why the step must run; empty when it is up to date."""


def steps(recipe: Recipe, base: Path) -> list[Step]:
    """The steps of a recipe, in the order of the flow. `base` is the folder that its paths are relative to."""
    languages = list(recipe.languages)
    wanted = recipe.corpus.model_copy(update={"languages": tuple(languages)})
    beside_sources = corpus.corpus_files(recipe.corpus, base)
    annotate = corpus.located(recipe.annotate, base)
    origins = resolve(recipe, base)
    exported = recipe.export.model_copy(
        update={
            "name": recipe.export.name or recipe.name,
            "license": recipe.export.license or recipe.release.license,
        }
    )

    def step(
        name: str,
        version: int,
        settings: Mapping[str, Any],
        inputs: Sequence[str],
        run: Callable[[Folders, Path, Context], Outcome],
        evidence: Mapping[str, str] | None = None,
        outside: Sequence[Path] = (),
    ) -> Step:
        asked = {key: dump(value) for key, value in settings.items()}
        return Step(name, version, asked, tuple(inputs), run, evidence or {}, tuple(outside))

    return [
        step(
            "sources",
            sources.VERSION,
            {"sources": recipe.sources},
            [],
            lambda f, work, context: sources.run(recipe.sources, work, context, base=base),
            {"files on this machine": sources.listing(recipe.sources, base)},
            sources.local_files(recipe.sources, base),
        ),
        step(
            "parallel",
            parallel.VERSION,
            {"parallel": recipe.parallel},
            [],
            lambda f, work, context: parallel.run(recipe.parallel, work, context),
        ),
        step(
            "annotated",
            corpus.ANNOTATE_VERSION,
            {"annotate": corpus.named(annotate)},
            ["sources"],
            lambda f, work, context: corpus.run_annotate(annotate, sources.Sources.open(f["sources"]), work, context),
        ),
        step(
            "corpus",
            corpus.VERSION,
            {"corpus": wanted},
            ["annotated", "parallel"],
            lambda f, work, context: corpus.run_corpus(
                wanted, Annotated.open(f["annotated"]), work, context, base, parallel.ParallelText.open(f["parallel"])
            ),
            outside.evidence(wanted, base)
            | ({"files beside the sources": listing(beside_sources, base)} if beside_sources else {}),
            [*beside_sources, *outside.local_files(wanted, base)],
        ),
        step(
            "tokenizer",
            tokenizer.VERSION,
            {"tokenizer": origins.tokenizer},
            ["corpus", "parallel"],
            lambda f, work, context: tokenizer.run(
                origins.tokenizer,
                Corpus.open(f["corpus"]),
                parallel.ParallelText.open(f["parallel"]),
                work,
                context,
                origins.tokenizer_folder,
            ),
        ),
        step(
            "tokens",
            tokenizer.TOKENIZE_VERSION,
            {},
            ["corpus", "tokenizer"],
            lambda f, work, context: tokenizer.tokenize(
                TokenizeSettings(), Corpus.open(f["corpus"]), Tokenizer.open(f["tokenizer"]), work, context
            ),
        ),
        step(
            "model",
            train.VERSION,
            origins.settings(),
            ["tokens", "tokenizer"],
            lambda f, work, context: train.run(
                origins.model,
                origins.train,
                Tokenizer.open(f["tokenizer"]),
                TokenizedCorpus.open(f["tokens"]),
                work,
                context,
                origins.initial.folder if origins.initial else None,
            ),
        ),
        step(
            "evaluation",
            evaluate.VERSION,
            {"evaluate": recipe.evaluate},
            ["model", "tokenizer", "tokens", "corpus", "parallel"],
            lambda f, work, context: evaluate.run(
                recipe.evaluate,
                final_checkpoint(f["model"]),
                Tokenizer.open(f["tokenizer"]),
                Corpus.open(f["corpus"]),
                parallel.ParallelText.open(f["parallel"]),
                work,
                context,
                evaluate.Trained(recipe.train, TokenizedCorpus.open(f["tokens"])),
            ),
        ),
        step(
            "export",
            export.VERSION,
            {"export": exported},
            ["model", "tokenizer", "corpus", "parallel"],
            lambda f, work, context: export.run(
                exported,
                final_checkpoint(f["model"]),
                Tokenizer.open(f["tokenizer"]),
                parallel.ParallelText.open(f["parallel"]),
                work,
                context,
                provenance(exported, Corpus.open(f["corpus"])),
            ),
        ),
        release_step(recipe.release, recipe.name, recipe.description),
    ]


def release_step(said: release.ReleaseSettings, name: str, description: str) -> Step:
    return Step(
        release.STEP,
        release.VERSION,
        {"release": dump(said), "name": name, "description": description},
        STEPS[: STEPS.index(release.STEP)],
        lambda f, work, context: release.run(said, name, description, f, work, context),
        {},
    )


def release_again(run_folder: Path, context: Context, recipe: Recipe | None = None) -> Record:
    """Build the release of a finished run anew, with what `recipe` says, or what its last release was told.

    Raises OpenbookError when a step before it is missing, or when there is neither recipe nor release.
    """
    with store.lock(run_folder):
        if recipe:
            step = release_step(recipe.release, recipe.name, recipe.description)
        elif beside(run_folder / release.STEP).exists():
            told = read_step(run_folder / release.STEP).settings
            said = release.ReleaseSettings.model_validate(told["release"])
            step = release_step(said, told["name"], told["description"])
        else:
            raise OpenbookError(f"{run_folder} has no release yet: name its recipe with --recipe.")
        store.recover(run_folder / step.name)
        return execute(step, run_folder, context)


def with_removals(recipe: Recipe, run_folder: Path) -> Recipe:
    """The recipe, with what the run's books of removals leave out. Raises OpenbookError when those were changed."""
    from openbook.release import removal

    left_out = removal.optouts(run_folder)
    joined = recipe.corpus.model_copy(update={"optouts": recipe.corpus.optouts.joined(left_out)})
    return recipe.model_copy(update={"corpus": joined})


def provenance(settings: export.ExportSettings, corpus: Corpus) -> export.Provenance:
    """What the model files say of themselves."""
    name = settings.name or "openbook"
    return export.Provenance(name, settings.license, tuple(corpus.languages), (f"corpus {corpus.root}",))


def dump(value: Any) -> Any:
    """Settings as JSON values."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return [dump(one) for one in value] if isinstance(value, list | tuple) else value


def plan(steps: Sequence[Step], run_folder: Path) -> Iterator[State]:
    """Each step with what makes it out of date; a step behind one that must run is out of date by it."""
    stale: set[str] = set()
    for step in steps:
        waiting = [name for name in step.inputs if name in stale]
        reasons = difference(step, run_folder, skip=set(waiting))
        if reasons != [NEW]:
            reasons += [f"{name} will be made anew" for name in waiting]
        if reasons:
            stale.add(step.name)
        yield State(step, tuple(reasons))


def difference(step: Step, run_folder: Path, skip: Set[str] = frozenset()) -> list[str]:
    """Which fields of the step's record no longer match, each as a few words; empty when it is up to date."""
    artifact = run_folder / step.name
    if not (artifact / FILE_NAME).exists() and not beside(artifact).exists():
        return [NEW]
    try:
        record = read_step(artifact)
    except OpenbookError as error:
        return [str(error)]
    if record.step != step.name or record.version != step.version:
        return [f"the program's version of this step was {record.version}, is {step.version}"]
    reasons = compare(record.settings, dict(step.settings), "")
    for name, digest in expected_inputs(step, run_folder, skip).items():
        if name not in skip and record.inputs.get(name) != digest:
            reasons.append(f"input {name} {'changed' if name in record.inputs else 'is new'}")
    reasons += [f"input {name} is gone" for name in record.inputs if name not in {*step.inputs, *step.evidence}]
    reasons += [f"{path.name} was written since" for path in step.outside if path.stat().st_mtime >= record.began]
    return reasons + check_sizes(artifact, record)


def compare(old: Any, new: Any, where: str) -> list[str]:
    """The settings that differ, as `train.steps: 100 -> 200`."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = dict.fromkeys([*old, *new])
        return [line for key in keys for line in compare(old.get(key), new.get(key), f"{where}.{key}".lstrip("."))]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True), 1)
        return [line for index, (a, b) in pairs for line in compare(a, b, f"{where}.{index}")]
    return [] if old == new else [f"{where}: {old!r:.60} -> {new!r:.60}"]


def expected_inputs(step: Step, run_folder: Path, skip: Set[str] = frozenset()) -> dict[str, str]:
    roots = {name: read_step(run_folder / name).root for name in step.inputs if name not in skip}
    return {**roots, **step.evidence}


def beside(artifact: Path) -> Path:
    """Where the record of an artifact lies that is handed on whole, and so cannot hold it: beside it."""
    return artifact.with_name(f"{artifact.name}.record")


def read_step(artifact: Path) -> Record:
    return read_record(beside(artifact) if beside(artifact).exists() else artifact)


def run(recipe: Recipe, base: Path, run_folder: Path, context: Context, until: str | None = None) -> list[State]:
    """Run what is out of date. A run that is stopped goes on from its last finished piece when it is called again."""
    with store.lock(run_folder):
        todo = steps(with_removals(recipe, run_folder), base)
        if until is not None and until not in STEPS:
            raise OpenbookError(f"there is no step {until!r}; the steps are {', '.join(STEPS)}.")
        todo = todo[: STEPS.index(until) + 1] if until else todo
        states = []
        for step in todo:
            store.recover(run_folder / step.name)
            state = State(step, tuple(difference(step, run_folder)))
            states.append(state)
            if state.reasons:
                context.progress.say(f"{step.name}: {'; '.join(state.reasons[:3])}")
                record = execute(step, run_folder, context)
                context.progress.say(f"{step.name}: done in {record.seconds:.0f} s")
            else:
                context.progress.say(f"{step.name}: up to date")
        return states


def execute(step: Step, run_folder: Path, context: Context) -> Record:
    """Run one step in its work folder, write its record, and put the artifact in place."""
    artifact = run_folder / step.name
    inputs = expected_inputs(step, run_folder)
    key = identity(step.name, step.version, step.settings, inputs)
    work = prepare_work(artifact, key)
    clock = Clock()
    lent = replace(context, previous=Previous.of(artifact))
    with Meter() as meter:
        outcome = step.run({name: run_folder / name for name in step.inputs}, work, lent)
        context.engine.rest()
    store.remove_leftovers(work)
    files = hash_files(work)
    record = Record(
        step=step.name,
        version=step.version,
        settings=dict(step.settings),
        inputs=inputs,
        identity=key,
        code=code_facts(),
        machine=machine_facts(),
        started=clock.started_text,
        seconds=round(clock.seconds, 3),
        cpu_seconds=round(clock.cpu_seconds, 3),
        files=files,
        unrooted=sorted(outcome.unrooted),
        root=rooted(files, outcome.unrooted),
        roots=outcome.roots,
        counts=outcome.counts,
        measures=outcome.measures | meter.measures(),
    )
    if step.name == release.STEP:
        write_record(beside(artifact), record)
    else:
        write_record(work, record)
    store.publish(work, artifact)
    key_path(work).unlink()
    return record


def rooted(files: Mapping[str, FileEntry], unrooted: frozenset[str]) -> str:
    return files_root({name: entry for name, entry in files.items() if name not in unrooted})


def prepare_work(artifact: Path, key: str) -> Path:
    """The step's work folder, with what a killed run of the same identity left in it; emptied for another one."""
    work = store.work_folder(artifact)
    name = key_path(work)
    if work.exists() and not (name.exists() and name.read_bytes() == key.encode()):
        shutil.rmtree(work)
    store.write_bytes(name, key.encode())
    work.mkdir(parents=True, exist_ok=True)
    store.remove_leftovers(work)
    return work


def key_path(work: Path) -> Path:
    """Names, beside a work folder, the identity of the step that began it."""
    return work.with_name(f"{work.name}.identity")
