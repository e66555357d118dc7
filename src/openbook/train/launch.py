"""How a run is started on a cluster: the job script that hands a recipe to torchrun on every node, and its submission.

Under torchrun the first process runs the recipe; the others wait for its training step (`openbook.train.worker`).
"""

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from openbook.books.store import write_bytes
from openbook.errors import OpenbookError

PORTS = "$((20000 + SLURM_JOB_ID % 10000))"
"""Where a job's processes meet: below the ports that systems hand out themselves, and two jobs on a node do not share
one."""


@dataclass(frozen=True)
class Job:
    """What a Slurm job asks for. `extra` are further #SBATCH lines, such as `--account=ehpc-123`."""

    recipe: Path
    name: str
    nodes: int = 1
    gpus: int = 4
    """Graphics processors of a node; a process for each. 0: none, and `processes` of them on the processor."""
    cores: int = 16
    """Processor cores for each of them."""
    hours: float = 24.0
    partition: str | None = None
    extra: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    """Shell lines before the run: modules to load, an environment to activate."""
    processes: int = 1
    """Of a node, where there are no graphics processors."""
    openbook: tuple[str, ...] = ()
    """Further arguments for `openbook run`."""


def script(job: Job) -> str:
    """The job script. It can be submitted again at any time: a run goes on from its last checkpoint."""
    minutes = max(1, round(job.hours * 60))
    processes = job.gpus or job.processes
    asks = [
        f"--job-name=openbook-{job.name}",
        f"--nodes={job.nodes}",
        "--ntasks-per-node=1",
        *([f"--gpus-per-node={job.gpus}"] if job.gpus else []),
        f"--cpus-per-task={processes * job.cores}",
        f"--time={minutes // 60:02d}:{minutes % 60:02d}:00",
        "--requeue",
        f"--output=openbook-{job.name}-%j.log",
        *([f"--partition={job.partition}"] if job.partition else []),
        *job.extra,
    ]
    run = shlex.join(["openbook", "run", str(job.recipe), *job.openbook])
    torchrun = (
        f'srun torchrun --nnodes="$SLURM_NNODES" --nproc-per-node={processes} --rdzv-id="$SLURM_JOB_ID" '
        f'--rdzv-backend=c10d --rdzv-endpoint="$first:{PORTS}" --no-python'
    )
    lines = [
        "#!/bin/bash",
        *(f"#SBATCH {ask}" for ask in asks),
        "set -euo pipefail",
        f"export OMP_NUM_THREADS={job.cores}",
        *job.setup,
        'hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")',
        "first=${hosts%%$'\\n'*}",  # no `| head`: it may end scontrol by SIGPIPE, and pipefail then the job
        f"{torchrun} \\\n  {run}",
    ]
    return "\n".join(lines) + "\n"


def launch(job: Job, folder: Path, submit: bool) -> tuple[Path, str | None]:
    """Write the script into `folder`; with `submit`, hand it to sbatch. Returns its path and sbatch's answer.

    Raises OpenbookError where there is no Slurm or Slurm refuses the job.
    """
    if not job.recipe.is_file():
        raise OpenbookError(f"there is no recipe {job.recipe}.")
    path = folder / f"openbook-{job.name}.sbatch"
    write_bytes(path, script(job).encode())
    if not submit:
        return path, None
    sbatch = shutil.which("sbatch")
    if sbatch is None:
        raise OpenbookError(f"this machine has no sbatch: {path} was written; submit it where Slurm is.")
    done = subprocess.run([sbatch, str(path)], capture_output=True, text=True)
    if done.returncode:
        raise OpenbookError(f"Slurm refused {path}: {done.stderr.strip() or done.stdout.strip()}")
    return path, done.stdout.strip()
