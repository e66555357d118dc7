"""What is a step, is its artifact up to date and why not, and how is it run and recorded?"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

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
from openbook.errors import OpenbookError

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
    handed_on: bool = False
    """The artifact is handed on whole, with records of its own: its record lies beside it."""


NEW = "not made yet"


@dataclass(frozen=True)
class State:
    step: Step
    reasons: tuple[str, ...]
    """Why the step must run; empty when it is up to date."""


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
    """Root of each artifact that the step reads, and its evidence, by name; `skip`: those that are not looked at."""
    roots = {name: read_step(run_folder / name).root for name in step.inputs if name not in skip}
    return {**roots, **step.evidence}


def beside(artifact: Path) -> Path:
    """Where the record of an artifact lies that is handed on whole, and so cannot hold it: beside it."""
    return artifact.with_name(f"{artifact.name}.record")


def read_step(artifact: Path) -> Record:
    """The record of an artifact, wherever it lies. Raises OpenbookError where it cannot be read."""
    return read_record(beside(artifact) if beside(artifact).exists() else artifact)


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
    write_record(beside(artifact) if step.handed_on else work, record)
    store.publish(work, artifact)
    key_path(work).unlink()
    return record


def rooted(files: Mapping[str, FileEntry], unrooted: frozenset[str]) -> str:
    """Merkle root (hex) over the files without those that say how the run went and may differ."""
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
