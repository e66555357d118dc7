"""The job script says what was asked for, is valid shell, and several processes that it starts train one model."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openbook.errors import OpenbookError
from openbook.train.launch import Job, launch, script


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "a recipe.toml"
    path.write_text("")
    return path


def test_the_script_asks_for_what_the_job_says_and_is_valid_shell(recipe: Path) -> None:
    job = Job(
        recipe, "tiny", nodes=4, gpus=8, hours=1.5, partition="boost", extra=("--account=a1",), setup=("module x",)
    )
    text = script(job)
    for line in ("--nodes=4", "--gpus-per-node=8", "--time=01:30:00", "--partition=boost", "--account=a1", "--requeue"):
        assert f"#SBATCH {line}\n" in text
    assert 'endpoint="$first:$((20000 + SLURM_JOB_ID % 10000))"' in text
    assert "--nproc-per-node=8" in text and f"openbook run '{recipe}'" in text and "\nmodule x\n" in text
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)


def test_the_script_runs_the_recipe_under_torchrun_on_each_node(recipe: Path, tmp_path: Path) -> None:
    """With stand-ins for Slurm's commands, and the real torchrun, which starts a stand-in for openbook."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, body in {
        "srun": 'exec "$@"',
        "scontrol": "echo 127.0.0.1; echo other",
        "openbook": 'echo "$RANK of $WORLD_SIZE: $*" > "$OUT/$RANK"',
    }.items():
        (tools / name).write_text(f"#!/bin/bash\n{body}\n")
        (tools / name).chmod(0o755)
    variables = {
        **os.environ,
        "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OUT": str(tmp_path),
        "SLURM_NNODES": "1",
        "SLURM_JOB_ID": str(os.getpid()),  # decides the port
        "SLURM_JOB_NODELIST": "n[1-2]",
    }
    subprocess.run(["bash", "-s"], input=script(Job(recipe, "tiny", gpus=2)), text=True, env=variables, check=True)
    for rank in (0, 1):
        assert (tmp_path / str(rank)).read_text() == f"{rank} of 2: run {recipe}\n"


def test_submission_hands_slurm_the_script_and_reports_its_refusal(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "tools"))  # no Slurm of this machine
    path, answer = launch(Job(recipe, "tiny"), tmp_path, submit=False)
    assert answer is None and path.read_text() == script(Job(recipe, "tiny"))
    with pytest.raises(OpenbookError, match="no sbatch"):
        launch(Job(recipe, "tiny"), tmp_path, submit=True)
    (tmp_path / "tools").mkdir()
    sbatch = tmp_path / "tools" / "sbatch"
    sbatch.write_text('#!/bin/sh\ntest -f "$1" && echo "Submitted batch job 42"\n')
    sbatch.chmod(0o755)
    assert launch(Job(recipe, "tiny"), tmp_path, submit=True)[1] == "Submitted batch job 42"
    sbatch.write_text("#!/bin/sh\necho 'invalid account' >&2; exit 1\n")
    with pytest.raises(OpenbookError, match=r"Slurm refused .*invalid account"):
        launch(Job(recipe, "tiny"), tmp_path, submit=True)
    with pytest.raises(OpenbookError, match="there is no recipe"):
        launch(Job(tmp_path / "none.toml", "tiny"), tmp_path, submit=False)


def test_without_graphics_processors_a_job_asks_for_none(tmp_path: Path) -> None:
    text = script(Job(tmp_path / "r.toml", "tiny", gpus=0, processes=2, cores=8))
    assert "gpus" not in text and "--nproc-per-node=2" in text and "--cpus-per-task=16" in text
