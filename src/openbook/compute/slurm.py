"""Tasks as jobs of a Slurm array, submitted by submitit; a lost job's tasks are submitted again, one a job."""

import errno
import getpass
import io
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from submitit import SlurmExecutor
from submitit.core.utils import FailedJobError, pickle_load

from openbook.compute import parcel
from openbook.compute.processes import ATTEMPTS
from openbook.compute.settings import SlurmOptions
from openbook.errors import OpenbookError

T = TypeVar("T")
R = TypeVar("R")
PARALLEL = 256
"""Jobs of an array that run at once when `workers` is not given."""
LOOK_SECONDS = 1.0
"""How often the folder is looked at for results."""
RESULT = "_0_result.pkl"
"""What submitit appends to a job's id to name the file of its result."""
SILENT_SECONDS = 1800.0
"""Slurm may leave questions unanswered for so long: a controller is restarted now and then."""
WAITING = frozenset(
    "PENDING RUNNING COMPLETING CONFIGURING SUSPENDED STOPPED RESIZING REQUEUED REQUEUE_FED REQUEUE_HOLD SIGNALING "
    "STAGE_OUT SPECIAL_EXIT RESV_DEL_HOLD".split()
)
"""States of a job that may still end well (squeue(1), JOB STATE CODES). Any other without a result is a lost job."""


@dataclass
class _Job:
    tasks: list[int]
    log: Path
    doubts: int = 0
    """Times that Slurm called it ended while no result was to be seen: a shared file system may show it late."""


class Slurm:
    def __init__(self, folder: Path, workers: int | None, options: SlurmOptions) -> None:
        self._folder, self._parallel, self._options = folder.absolute(), workers or PARALLEL, options
        for program in ("sbatch", "squeue", "scancel"):
            if shutil.which(program) is None:
                raise OpenbookError(f"the slurm engine needs {program}: run it on a machine of the Slurm cluster.")

    @property
    def workers(self) -> int:
        return self._parallel

    @property
    def standing(self) -> bool:
        return False

    def ready(self, prepare: Callable[[], None]) -> None:
        """Nothing: a task loads what it needs."""

    def rest(self) -> None:
        """Nothing is held between two maps."""

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], done: Callable[[int], None] | None = None
    ) -> Iterator[R]:
        self._remove_abandoned()
        folder = self._folder / f"openbook-{secrets.token_hex(6)}"
        queue = _Queue(folder.name, self._options.poll)
        results: dict[int, R] = {}
        deaths = [0] * len(tasks)
        next_result = 0
        submit = partial(self._submit, folder, function, tasks)
        left: dict[str, _Job] = {}
        try:
            left = submit(_dealt(len(tasks), self._options.jobs))
            while left:
                time.sleep(min(LOOK_SECONDS, self._options.poll))
                for name in sorted(_names(folder) & left.keys()):
                    job = left.pop(name)
                    results |= zip(job.tasks, _read(folder / name, job), strict=True)
                    if done:
                        for index in job.tasks:
                            done(index)
                while next_result in results:
                    yield results.pop(next_result)
                    next_result += 1
                again: list[int] = []
                for name, state in queue.lost(left):
                    _demand_room(folder)
                    job = left.pop(name)
                    _count(deaths, job, state, tasks)
                    again += job.tasks
                if again:  # by themselves: that says which of them it is
                    left |= submit([[index] for index in sorted(again)])
        finally:
            if left:
                _cancel(folder.name)
        shutil.rmtree(folder, ignore_errors=True)

    def _submit(
        self, folder: Path, function: Callable[[T], R], tasks: Sequence[T], dealt: Sequence[list[int]]
    ) -> dict[str, _Job]:
        """Submit an array, a job for each of `dealt`; name of the result's file -> job."""
        if not dealt:
            return {}
        executor = SlurmExecutor(folder, max_num_timeout=0)
        executor.update_parameters(job_name=folder.name, array_parallelism=self._parallel, **_asked(self._options))
        parcels = [parcel.pack(function, [tasks[index] for index in one]) for one in dealt]
        try:
            with redirect_stderr(io.StringIO()):  # the error says it again
                submitted = executor.map_array(run_job, parcels)
        except FailedJobError as error:
            said = (str(error).strip().splitlines() or ["no reason given"])[-1]
            raise OpenbookError(
                f"Slurm does not take the jobs: {said[:300]}. Look at [engine.options] or --engine-option "
                "(partition, account, time, memory, cpus; `jobs` when the array is too large)."
            ) from None
        return {
            job.paths.result_pickle.name: _Job(one, job.paths.stderr) for one, job in zip(dealt, submitted, strict=True)
        }

    def _remove_abandoned(self) -> None:
        """End the jobs of a run that was killed. Called in a run's own lock, so nobody else's are here."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for folder in self._folder.glob("openbook-*"):
            _cancel(folder.name)
            shutil.rmtree(folder, ignore_errors=True)


class _Queue:
    """Which jobs Slurm has lost, asked now and then in one call for all."""

    def __init__(self, name: str, poll: float) -> None:
        self._name, self._poll = name, poll
        self._asked = self._answered = time.monotonic()

    def lost(self, left: Mapping[str, _Job]) -> list[tuple[str, str]]:
        """Name and state of each job of `left` that was twice found ended without a result."""
        if time.monotonic() - self._asked < self._poll:
            return []
        self._asked = time.monotonic()
        states = _states(self._name)
        if states is None:
            if self._asked - self._answered > SILENT_SECONDS:
                raise OpenbookError(
                    f"Slurm has not answered for {SILENT_SECONDS / 60:.0f} minutes: look at `squeue`, then run the "
                    "same command again; it goes on from here."
                )
            return []
        self._answered = self._asked
        found = []
        for name, job in left.items():
            state = states.get(name.removesuffix(RESULT), "gone from the queue")
            job.doubts = 0 if state in WAITING else job.doubts + 1
            if job.doubts >= 2:
                found.append((name, state))
        return found


def run_job(task: parcel.Parcel) -> bytes:
    """What a job does. submitit lets SIGTERM pass by; a job that is canceled should end."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return parcel.run(task)


def _asked(options: SlurmOptions) -> dict[str, Any]:
    """The options as submitit names them."""
    return {
        "partition": options.partition,
        "account": options.account,
        "qos": options.qos,
        "constraint": options.constraint,
        "time": options.time,
        "mem": f"{int(options.memory * 1024)}M" if options.memory else None,
        "cpus_per_task": options.cpus,
        "setup": options.setup.splitlines() or None,
        "wckey": None,
        "use_srun": False,
        "additional_parameters": {"no-requeue": True},  # lost jobs are counted here, so that the task can be named
    }


def _dealt(tasks: int, jobs: int) -> list[list[int]]:
    """The tasks of each job: neighbors, as equal in number as can be."""
    count = min(tasks, jobs)
    return [list(range(tasks * one // count, tasks * (one + 1) // count)) for one in range(count)]


def _count(deaths: list[int], job: _Job, state: str, tasks: Sequence[Any]) -> None:
    """A job that made room for another (PREEMPTED) is not its tasks' fault."""
    if state == "PREEMPTED":
        return
    for index in job.tasks:
        deaths[index] += 1
        if deaths[index] >= ATTEMPTS:
            raise OpenbookError(
                f"a Slurm job was lost {ATTEMPTS} times on the same task ({tasks[index]!r:.200}), the last time as "
                f"{state}. Give it more time or memory (--engine-option time=MINUTES memory=GiB) or leave this input "
                f"out. Its log is {job.log}."
            )


def _read(result: Path, job: _Job) -> list[Any]:
    outcome, value = pickle_load(result)
    if outcome == "success":
        return parcel.results(value)
    for code in (errno.ENOSPC, errno.EDQUOT):
        if f"[Errno {code}]" in value:
            raise OSError(code, os.strerror(code), str(result.parent))
    raise OpenbookError(
        f"a Slurm job could not begin its task ({value.strip().splitlines()[-1][:300]}): is the same Openbook "
        f"installed on every machine of the cluster? Its log is {job.log}."
    )


def _names(folder: Path) -> set[str]:
    """Listing the folder anew also shows what a network file system has kept from us."""
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries}


def _states(name: str) -> dict[str, str] | None:
    """State of each job of that name, by `<array>_<index>` or `<job>`; none when Slurm does not answer."""
    command = ["squeue", "--noheader", "--array", "--states=all", f"--name={name}", "--format=%F_%K|%A|%T"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return None
    if found.returncode:
        return None
    states = {}
    for line in found.stdout.splitlines():
        in_array, alone, state = line.strip().split("|")
        states[in_array] = states[alone] = state
    return states


def _cancel(name: str) -> None:
    command = ["scancel", "--quiet", f"--user={getpass.getuser()}", f"--name={name}"]
    subprocess.run(command, capture_output=True, timeout=120)


def _demand_room(folder: Path) -> None:
    """Raises OSError when the disk is full: a job that cannot write its result looks like a lost one."""
    probe = folder / f".{secrets.token_hex(4)}.tmp"
    try:
        probe.write_bytes(bytes(1 << 20))
    finally:
        probe.unlink(missing_ok=True)
