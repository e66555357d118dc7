"""Files of a run that were cut short or changed are named, with what to do; nothing damaged is trained on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from test_replay import again, published  # noqa: F401  (a fixture)
from test_run import stopped_at
from tiny_tokens import context, tokenizer, write_tokens

from openbook.books.record import hash_files
from openbook.errors import OpenbookError
from openbook.model import FinalModel
from openbook.tokenizer import TokenizedCorpus
from openbook.train import TrainSettings, run
from openbook.train.curves import read, to_tensorboard

SETTINGS = TrainSettings(steps=15, batch_rows=4, sequence=32, checkpoint_every=5, epochs=50, compile=False, keep=2)
ROW = {"step": 0, "loss": 3.5, "lr": 0.1, "tokens": 64, "grad_norm": 1.5, "languages": {"mt": 3.5}}
WEIGHTS, MOMENTS, STATE = "model.safetensors", "training/optimizer.safetensors", "training/state.json"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def emptied(path: Path) -> None:
    path.write_text("[]")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    return write_tokens(tmp_path_factory.mktemp("corpus") / "tokens", {"en": 4000, "mt": 900})


@pytest.fixture(scope="module")
def killed(tokens: TokenizedCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that ended after step 11, its last checkpoint that of step 10."""
    folder = tmp_path_factory.mktemp("killed")
    stopped_at(11, tokens, folder, SETTINGS)
    return folder


@pytest.mark.parametrize(
    ("name", "damage", "expected"),
    [
        (WEIGHTS, cut, r"step-000010/model\.safetensors is damaged .* Delete the folder .*step-000010; "),
        (MOMENTS, cut, r"step-000010/training/optimizer\.safetensors is damaged .* Delete the folder .*step-000010; "),
        (STATE, emptied, r"step-000010/training/state\.json is damaged: .* Delete the folder .*step-000010; "),
    ],
)
def test_a_run_does_not_go_on_from_a_damaged_checkpoint_and_does_from_the_one_before(
    name: str, damage: Callable[[Path], None], expected: str, killed: Path, tokens: TokenizedCorpus, tmp_path: Path
) -> None:
    from test_run import MODEL

    folder = shutil.copytree(killed, tmp_path / "copy")
    last = folder / "work" / "checkpoints" / "step-000010"
    damage(last / name)
    with pytest.raises(OpenbookError, match=expected) as raised:
        run(MODEL, SETTINGS, tokenizer(folder / "tokenizer"), tokens, folder / "work", context(folder))
    assert "after step 5" in str(raised.value) or name == STATE
    shutil.rmtree(last)
    run(MODEL, SETTINGS, tokenizer(folder / "tokenizer"), tokens, folder / "work", context(folder))
    run(MODEL, SETTINGS, tokenizer(killed / "tokenizer"), tokens, tmp_path / "whole", context(tmp_path))
    assert hash_files(folder / "work") == hash_files(tmp_path / "whole")


@pytest.mark.parametrize(
    ("step", "name", "damage", "expected"),
    [
        (9, WEIGHTS, cut, r"step-000009/model\.safetensors is damaged"),
        (9, MOMENTS, cut, r"step-000009/training/optimizer\.safetensors is damaged"),
        (12, WEIGHTS, cut, r"step-000012/model\.safetensors is damaged"),
        (9, STATE, emptied, r"step-000009/training/state\.json is damaged"),
    ],
)
def test_a_replay_names_the_damaged_file(
    step: int,
    name: str,
    damage: Callable[[Path], None],
    expected: str,
    published: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    folder = shutil.copytree(published, tmp_path / "run")
    damage(folder / "model" / "checkpoints" / f"step-{step:06d}" / name)
    with pytest.raises(OpenbookError, match=expected):
        again(folder, 9, 12)


@pytest.mark.parametrize("line", ["{half", "[]", '{"step": 1}', json.dumps(ROW | {"languages": 5}), "\udcff"])
def test_a_line_of_the_log_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "model").mkdir()
    log = tmp_path / "model" / "log.jsonl"
    log.write_bytes(f"{json.dumps(ROW)}\n{line}\n".encode(errors="surrogateescape"))
    with pytest.raises(OpenbookError, match=r"log\.jsonl, line 2 is damaged"):
        read(tmp_path)


def test_a_finished_run_without_a_named_checkpoint_is_said(tmp_path: Path) -> None:
    (tmp_path / "final.json").write_text("[]")
    with pytest.raises(OpenbookError, match=r"final\.json names no checkpoint"):
        FinalModel.open(tmp_path)


def test_event_files_that_cannot_be_written_are_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "inner", Path("/proc/x")):
        with pytest.raises(OpenbookError, match=r"cannot be written to .*--tensorboard"):
            to_tensorboard([ROW], folder)
