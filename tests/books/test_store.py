"""Artifacts appear whole or not at all, and one writer at a time builds them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from openbook.books import store
from openbook.errors import OpenbookError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "table.json"
    store.write_bytes(target, b"old")
    with pytest.raises(RuntimeError), store.atomic_path(target) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError("stopped")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.json"]


def test_a_killed_writer_leaves_the_old_file_and_its_leftovers_are_removed(tmp_path: Path) -> None:
    target = tmp_path / "table.json"
    store.write_bytes(target, b"old")
    code = (
        "import sys, time; from pathlib import Path; from openbook.books import store\n"
        "with store.atomic_path(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_bytes(b'half'); print('ready', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        writer.send_signal(signal.SIGKILL)
    assert target.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    store.remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["table.json"]


def test_a_replacement_cut_off_between_its_renames_is_undone(tmp_path: Path) -> None:
    artifact = tmp_path / "corpus"
    artifact.mkdir()
    (artifact / "a").write_text("old")
    artifact.rename(tmp_path / ".corpus.old")  # the first of the two renames, then the power went
    store.recover(artifact)
    assert (artifact / "a").read_text() == "old"


def test_publish_replaces_the_whole_artifact(tmp_path: Path) -> None:
    artifact = tmp_path / "corpus"
    artifact.mkdir()
    (artifact / "gone").write_text("old")
    work = store.work_folder(artifact)
    work.mkdir()
    (work / "new").write_text("new")
    store.publish(work, artifact)
    assert [path.name for path in artifact.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_two_builders_of_one_folder_are_told_apart(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from openbook.books import store\n"
        "with store.lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(OpenbookError, match=str(holder.pid)), store.lock(tmp_path):
            pass
        holder.kill()
    deadline = time.monotonic() + 60
    while True:  # the lock dies with its holder
        try:
            with store.lock(tmp_path):
                break
        except OpenbookError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert (tmp_path / ".lock").read_text() == str(os.getpid())
