"""Several processes train on the same batches, to the same weights within the tolerance of summing in another order."""

import json
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_tokens import context, tokenizer, write_tokens

from openbook.errors import OpenbookError
from openbook.model import FinalModel, ModelSettings
from openbook.tokenizer import TokenizedCorpus
from openbook.train import TrainSettings
from openbook.train.batches import Batches
from openbook.train.distributed import joined, started
from openbook.train.processes import Processes
from openbook.train.session import build, run

MODEL = ModelSettings(dim=32, layers=2, heads=2, kv_heads=1, feed_forward=48, context=64)
SETTINGS = TrainSettings(
    steps=6, batch_rows=8, sequence=32, checkpoint_every=3, epochs=50, compile=False, seed=3, dtype="float32"
)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    return write_tokens(tmp_path_factory.mktemp("corpus") / "tokens", {"en": 6000, "fr": 3000, "mt": 200, "ga": 20})


@pytest.fixture(scope="module")
def alone(tokens: TokenizedCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    run(MODEL, SETTINGS, tokenizer(folder / "t"), tokens, folder / "work", context(folder), processes=1)
    return folder / "work"


@given(step=st.integers(0, 5), count=st.sampled_from([1, 2, 4, 8]))
@settings(max_examples=20, deadline=None)
def test_the_rows_of_all_processes_are_the_batch_of_one(tokens: TokenizedCorpus, step: int, count: int) -> None:
    batches = Batches(tokens, SETTINGS, 320, 0)
    whole = batches.rows(step, 0, 8)
    parts = [batches.rows(step, rank * 8 // count, (rank + 1) * 8 // count) for rank in range(count)]
    assert np.array_equal(np.concatenate([part.ids for part in parts]), whole.ids)
    assert np.array_equal(np.concatenate([part.targets for part in parts]), whole.targets)


@pytest.mark.parametrize("count", [2, 4])
def test_several_processes_log_the_losses_and_reach_the_weights_of_one(
    count: int, tokens: TokenizedCorpus, alone: Path, tmp_path: Path
) -> None:
    outcome = run(
        MODEL, SETTINGS, tokenizer(tmp_path / "t"), tokens, tmp_path / "work", context(tmp_path), processes=count
    )
    assert outcome.measures["processes"] == count
    one, several = FinalModel.open(alone), FinalModel.open(tmp_path / "work")
    for expected, found in zip(one.log(), several.log(), strict=True):
        assert found["loss"] == pytest.approx(expected["loss"], rel=2e-3)
        assert found["languages"].keys() == expected["languages"].keys()
    assert several.log()[0]["loss"] == pytest.approx(one.log()[0]["loss"], rel=1e-6)
    # Muon's products are bfloat16: a gradient summed in another order may round an update the other way.
    assert furthest(one, several) < 2e-3


def furthest(one: FinalModel, other: FinalModel) -> float:
    weights = other.final.tensors()
    return max(float((weights[name] - tensor).abs().max()) for name, tensor in one.final.tensors().items())


def test_with_adamw_in_float32_only_last_bits_differ(tokens: TokenizedCorpus, tmp_path: Path) -> None:
    found = []
    for count in (1, 2):
        folder = tmp_path / str(count)
        settings = SETTINGS.model_copy(update={"optimizer": "adamw"})
        run(MODEL, settings, tokenizer(folder / "t"), tokens, folder / "work", context(folder), processes=count)
        found.append(FinalModel.open(folder / "work"))
    assert furthest(*found) < 5e-6


def test_a_run_of_one_process_is_continued_by_two(tokens: TokenizedCorpus, alone: Path, tmp_path: Path) -> None:
    loop = build(MODEL, SETTINGS, tokenizer(tmp_path / "t"), tokens, tmp_path / "work", context(tmp_path), Processes())
    loop.stop_at = 4
    loop.run()
    outcome = run(MODEL, SETTINGS, tokenizer(tmp_path / "t"), tokens, tmp_path / "work", context(tmp_path), processes=2)
    assert outcome.measures["steps_in_this_run"] == 3
    final = FinalModel.open(tmp_path / "work")
    assert final.log()[-1]["loss"] == pytest.approx(FinalModel.open(alone).log()[-1]["loss"], rel=5e-3)
    parts = json.loads((final.final.folder / "training" / "state.json").read_text())["arithmetic"]
    assert [(part["from"], part["processes"]) for part in parts] == [(0, 1), (3, 2)]


def test_the_port_where_processes_meet_is_held_before_they_are_started() -> None:
    """Found free and let go, it could be another program's by the time that the first process has loaded torch."""
    with started(1):
        port = int(os.environ["MASTER_PORT"])
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        with joined() as found:
            assert (found.rank, found.count) == (0, 1)
    assert "MASTER_PORT" not in os.environ


def test_rows_that_cannot_be_shared_evenly_are_refused(tokens: TokenizedCorpus, tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match="batch_rows 8 cannot be shared evenly by 3 processes"):
        build(MODEL, SETTINGS, tokenizer(tmp_path / "t"), tokens, tmp_path / "w", context(tmp_path), Processes(0, 3))
