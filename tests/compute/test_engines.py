"""What holds for every engine: how one is chosen, what stages may know of it, how a full disk is told."""

import ast
import errno
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import openbook as package
from openbook import compute
from openbook.compute import parcel
from openbook.errors import OpenbookError
from openbook.pipeline import steps
from openbook.recipe import load
from tests.compute.tasks import fill_disk, slow_square
from tests.compute.whole import crawl_of_many_files
from tests.end_to_end.conftest import openbook

SOURCES = Path(package.__file__).parent
ENGINES = {"ray", "submitit"}


def imported(path: Path) -> set[str]:
    """Top-level names of all modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_only_the_engines_know_ray_and_submitit() -> None:
    users = {path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*.py") if imported(path) & ENGINES}
    assert users == {"compute/ray_cluster.py", "compute/slurm.py"}


def test_importing_every_stage_imports_no_engine() -> None:
    code = "import sys, openbook.pipeline; print(*{'ray', 'submitit'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


@pytest.mark.parametrize(("kind", "module"), [("ray", "ray"), ("slurm", "submitit")])
def test_a_missing_extra_is_a_sentence(kind: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    for name in ("openbook.compute.ray_cluster", "openbook.compute.slurm"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(OpenbookError, match=rf"needs the Python package {module}: pip install 'openbook\[{kind}\]'"):
        compute.started(compute.EngineSettings(kind=kind), Path("unused")).__enter__()


@pytest.mark.parametrize(
    ("kind", "address", "options", "said"),
    [
        ("local", None, ["cpus=2"], "the local engine has no option 'cpus'. Its options are: none"),
        ("slurm", None, ["tiem=5"], "no option 'tiem'. Its options are: partition, account"),
        ("slurm", None, ["time=soon"], "option time of the slurm engine: input should be"),
        ("slurm", None, ["partition"], "it must be key=value"),
        ("slurm", "here", [], "the slurm engine has no address"),
    ],
)
def test_a_mistaken_option_is_a_sentence(kind: str, address: str | None, options: list[str], said: str) -> None:
    with pytest.raises(OpenbookError) as raised:
        settings = compute.chosen(compute.EngineSettings(), kind, None, address, options)
        compute.started(settings, Path("unused")).__enter__()
    assert said in str(raised.value)


def test_an_unknown_engine_is_a_sentence_on_the_command_line(tmp_path: Path) -> None:
    result = openbook("run", crawl_of_many_files(tmp_path), "--engine", "spark", folder=tmp_path)
    assert result.returncode == 2
    assert "there is no engine 'spark'; the engines are local, ray, slurm" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_command_line_changes_what_the_recipe_says() -> None:
    written = compute.EngineSettings(kind="slurm", workers=9, options={"time": 60, "partition": "long"})
    assert compute.chosen(written) == written
    changed = compute.chosen(written, workers=3, options=["time=5"])
    assert (changed.workers, dict(changed.options)) == (3, {"time": "5", "partition": "long"})
    other = compute.chosen(written, kind="ray", address="auto")
    assert (other.kind, other.address, dict(other.options)) == ("ray", "auto", {})


def test_the_engine_is_no_part_of_any_step(tmp_path: Path) -> None:
    recipe = crawl_of_many_files(tmp_path)
    plain = [(step.name, step.settings) for step in steps(load(recipe), tmp_path)]
    recipe.write_text(recipe.read_text() + '\n[engine]\nkind = "slurm"\n[engine.options]\npartition = "long"\n')
    assert load(recipe).engine.kind == "slurm"
    assert [(step.name, step.settings) for step in steps(load(recipe), tmp_path)] == plain


def test_training_is_given_no_more_threads_than_this_machine_has() -> None:
    assert compute.threads(compute.local(10_000)) <= 1024
    assert compute.threads(compute.local(1)) == 1


def test_a_machine_with_other_code_or_without_the_folder_is_refused(tmp_path: Path) -> None:
    packed = parcel.pack(slow_square, [1, 2])
    assert parcel.results(parcel.run(packed)) == [1, 4]
    other = replace(packed, code={**packed.code, "numpy": "0.1"})
    with pytest.raises(OpenbookError, match=r"runs other code than this machine.*numpy 0\.1 here, .* there"):
        parcel.results(parcel.run(other))
    with pytest.raises(OpenbookError, match="does not see the folder"):
        parcel.results(parcel.run(replace(packed, folder=str(tmp_path / "elsewhere"))))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_in_a_worker_is_no_lost_task(workers: int) -> None:
    with pytest.raises(OSError) as raised:
        list(compute.local(workers).map(fill_disk, range(3)))
    assert raised.value.errno == errno.ENOSPC


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_the_run_goes_on_when_there_is_room(tmp_path: Path, small_disk: Path) -> None:
    recipe = crawl_of_many_files(tmp_path / "sources", files=2)
    arguments = ["--workers", "2", "--runs", str(small_disk), "--quiet"]
    started = openbook("run", recipe, "--until", "sources", *arguments, folder=tmp_path)
    assert started.returncode == 0, started.stderr
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(4096))
    with ballast.open("r+b") as file:
        file.truncate(ballast.stat().st_size - (24 << 10))  # room for a few small files, not for the pages
    stopped = openbook("run", recipe, "--until", "annotated", *arguments, folder=tmp_path)
    assert stopped.returncode == 2
    assert stopped.stderr.startswith("openbook: the disk is full")
    assert stopped.stderr.count("\n") == 1
    ballast.unlink()
    again = openbook("run", recipe, "--until", "annotated", *arguments, folder=tmp_path)
    assert again.returncode == 0, again.stderr
