"""What is deployed is what was tested: the unit is sound, and both files call the program as it is."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from openbook.cli.app import app
from openbook.serve import answers
from openbook.serve.answers import Job
from openbook.serve.completions import CompletionShape
from openbook.serve.engine.interface import Delta, Usage
from openbook.serve.identity import Identity, digest
from openbook.serve.keys import ANYONE
from openbook.serve.ledger import Ledger
from openbook.serve.limits import Gate
from openbook.serve.metrics import Metrics
from openbook.serve.stream import Fan

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT, CONTAINER = DEPLOY / "openbook.service", DEPLOY / "Containerfile"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit_and_little_exposed(tmp_path: Path) -> None:
    unit = tmp_path / "openbook.service"
    text = UNIT.read_text()
    assert "openbook serve" in text
    unit.write_text(text.replace("/opt/openbook/bin/openbook", str(shutil.which("true"))))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True, check=False
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told.stdout)
    assert found is None or float(found[1]) < 3  # older versions cannot judge a file


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit_with_keys_tls_and_a_graphics_card_too(tmp_path: Path) -> None:
    """The lines that are offered as comments, with the signs taken away."""
    unit = tmp_path / "openbook.service"
    text = UNIT.read_text().replace("/opt/openbook/bin/openbook", str(shutil.which("true")))
    offered = re.sub(r"^#(LoadCredential|Device)", r"\1", text, flags=re.M)
    assert offered.count("LoadCredential=") == 3 and offered.count("\nDevice") == 2
    unit.write_text(offered.replace("PrivateDevices=yes", "PrivateDevices=no"))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_units_offered_options_are_ones_that_the_program_takes() -> None:
    offered = " ".join(re.findall(r"^#(?: ExecStart:)? {2,}(--.*)$", UNIT.read_text(), re.M)).split()
    assert {"--keys", "--audit", "--certificate", "--certificate-key"} == {one for one in offered if one[:2] == "--"}
    said = CliRunner().invoke(app, ["serve", "/srv/openbook/release", *offered])
    assert "does not exist" in str(said.exception), said.output


def test_what_the_unit_compiles_is_kept_where_it_may_write() -> None:
    """`--trace` compiles loops. Its user has no home and the program's folder is closed to it: numba then gives up."""
    text = UNIT.read_text()
    folder = re.search(r"^CacheDirectory=(.+)$", text, re.M)
    kept = re.search(r"^Environment=NUMBA_CACHE_DIR=(.+)$", text, re.M)
    assert folder is not None and kept is not None
    assert kept[1] == f"/var/cache/{folder[1]}"


def test_the_container_installs_the_torch_that_the_makefile_does_and_leaves_the_rest_out() -> None:
    wanted = re.compile(r'"(torch[^"]*)"')
    container, root = CONTAINER.read_text(), DEPLOY.parent
    assert wanted.findall(container) == wanted.findall((root / "Makefile").read_text()) != []
    assert container.index('"torch') < container.index("COPY . /source")  # before anything that could choose another
    ignored = (root / ".dockerignore").read_text().splitlines()
    assert {".git", ".venv", ".cache", "runs"} <= set(ignored)
    assert not {"src", "pyproject.toml", "README.md", "LICENSE", "recipes"} & set(ignored)


@pytest.mark.parametrize("place", [UNIT, CONTAINER])
def test_the_command_lines_are_ones_that_the_program_takes(place: Path) -> None:
    text = place.read_text()
    if place is UNIT:
        found = re.search(r"^ExecStart=\S+/openbook (.*)$", text, re.M)
        assert found is not None
        words = found[1].split()
    else:
        parts = [
            json.loads(line.partition(" ")[2]) for line in text.splitlines() if re.match(r"(ENTRYPOINT|CMD) ", line)
        ]
        assert parts[0] == ["openbook"]
        words = parts[1]
    said = CliRunner().invoke(app, words)
    assert "does not exist" in str(said.exception), said.output  # understood; the release is not on this machine


def test_a_stream_that_waits_says_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that takes long to begin, and again to go on, sends comments that clients pass over."""
    monkeypatch.setattr(answers, "KEEP_ALIVE_SECONDS", 0.01)

    async def run() -> list[bytes]:
        go_on = asyncio.Event()

        async def slow() -> AsyncIterator[Delta]:
            await go_on.wait()
            yield Delta("late", finish="stop", usage=Usage(1, 1))

        shape = CompletionShape(Identity("tiny", None, None), 1, [""], None, "cmpl-1", 0)
        job = Job([slow], shape, stream=True, include_usage=True)
        said = []
        ledger = Ledger(Metrics(), None, ANYONE, "/v1/completions", "tiny", {})
        async for piece in answers._events(Fan(Gate(1, 1), job.starts), job, None, ledger):
            said.append(piece)
            if len(said) == 3:
                go_on.set()
        return said

    said = asyncio.run(run())
    assert said[:3] == [b": keep-alive\n\n"] * 3
    last = b"".join(said[3:]).removeprefix(b": keep-alive\n\n").split(b"\n\n")
    assert b"late" in last[-4] and b'"usage"' in last[-3] and last[-2:] == [b"data: [DONE]", b""]


def test_a_folders_digest_is_what_sha256sum_gives(tmp_path: Path) -> None:
    """`cd FOLDER && sha256sum * | sha256sum`, names in byte order."""
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    (tmp_path / "b").write_text("two")
    (tmp_path / "a").write_text("one")
    told = subprocess.run("sha256sum a b | sha256sum", shell=True, cwd=tmp_path, capture_output=True, check=True)
    assert digest(tmp_path) == told.stdout.decode().split()[0]
