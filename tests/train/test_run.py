"""A run gives the same bits however often it is killed, on any number of threads, and says what it computes in."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tiny_tokens import context, tokenizer, write_tokens

from openbook.books.record import hash_files
from openbook.errors import OpenbookError
from openbook.model import Checkpoint, FinalModel, ModelSettings
from openbook.tokenizer import TokenizedCorpus
from openbook.train import TrainSettings, run
from openbook.train.processes import Processes
from openbook.train.session import build, finish

MODEL = ModelSettings(dim=32, layers=2, heads=2, kv_heads=1, feed_forward=48, context=64)
SETTINGS = TrainSettings(steps=24, batch_rows=6, sequence=32, checkpoint_every=5, epochs=50, compile=False, seed=3)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    return write_tokens(tmp_path_factory.mktemp("corpus") / "tokens", {"en": 6000, "fr": 3000, "mt": 200, "ga": 20})


@pytest.fixture(scope="module")
def whole(tokens: TokenizedCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run."""
    folder = tmp_path_factory.mktemp("whole")
    run(MODEL, SETTINGS, tokenizer(folder / "tokenizer"), tokens, folder / "work", context(folder))
    return folder / "work"


def stopped_at(step: int, tokens: TokenizedCorpus, folder: Path, settings: TrainSettings = SETTINGS) -> None:
    """Run as if killed after `step` steps: nothing is saved that would not be saved on the way."""
    loop = build(
        MODEL, settings, tokenizer(folder / "tokenizer"), tokens, folder / "work", context(folder), Processes()
    )
    loop.stop_at = step
    loop.run()


def test_the_artifact_is_a_row_of_hugging_face_folders(whole: Path) -> None:
    model = FinalModel.open(whole)
    assert [path.name for path in model.checkpoints] == [f"step-{step:06d}" for step in (5, 10, 15, 20, 24)]
    assert model.final.step == 24
    assert (model.final.folder / "tokenizer.json").exists()
    with_state = [path.name for path in model.checkpoints if (path / "training" / "optimizer.safetensors").exists()]
    assert with_state == ["step-000020", "step-000024"]
    assert "Loss" in (whole / "report.html").read_text()
    files = ["checkpoints", "final.json", "log.jsonl", "repeats.json", "report.html"]
    assert sorted(path.name for path in whole.iterdir()) == files
    read = {one["name"]: one for one in json.loads((whole / "repeats.json").read_text())["readings"]}
    assert sorted(read) == ["en", "fr", "ga", "mt"] and "Loss by language" in (whole / "report.html").read_text()


def test_the_log_tells_every_step_and_the_loss_falls(whole: Path) -> None:
    log = FinalModel.open(whole).log()
    assert [row["step"] for row in log] == list(range(24))
    assert log[-1]["loss"] < 0.8 * log[0]["loss"]
    assert set(log[0]) == {"step", "loss", "lr", "tokens", "grad_norm", "languages"}
    assert "ga" in {code for row in log for code in row["languages"]}


def test_the_logged_loss_is_that_of_the_checkpoint_on_the_next_batch(whole: Path, tokens: TokenizedCorpus) -> None:
    from openbook.train.batches import Batches

    model = Checkpoint.open(whole / "checkpoints" / "step-000010").load()
    batch = Batches(tokens, SETTINGS, 320, 0).rows(10, 0, 6)
    with torch.no_grad():
        logits = model(torch.from_numpy(batch.ids))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(batch.targets).flatten())
    assert FinalModel.open(whole).log()[10]["loss"] == pytest.approx(float(loss), rel=0.01)  # bfloat16


@given(stops=st.lists(st.integers(0, 24), min_size=1, max_size=3), every=st.booleans())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_killed_at_any_step_resumes_to_the_same_bits(
    stops: list[int], every: bool, tokens: TokenizedCorpus, whole: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    with pytest.MonkeyPatch.context() as patch:
        if every:  # as on a machine so slow that each step is saved
            patch.setattr("openbook.train.loop.RESUME_SECONDS", -1e9)
        for stop in sorted(stops):
            stopped_at(stop, tokens, folder)
        run(MODEL, SETTINGS, tokenizer(folder / "tokenizer"), tokens, folder / "work", context(folder))
    assert hash_files(folder / "work") == hash_files(whole)


def test_a_process_that_is_killed_outright_goes_on_to_the_same_bits(
    tokens: TokenizedCorpus, whole: Path, tmp_path: Path
) -> None:
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "import time; import openbook.train.loop as loop; loop.RESUME_SECONDS = -1e9\n"
        "show = loop.Loop._show\n"
        "log = Path(sys.argv[2]) / 'work' / 'log.jsonl'\n"
        "waits = lambda: 600 * (log.exists() and log.read_bytes().count(b'\\n') >= 7)\n"
        "loop.Loop._show = lambda *a: (show(*a), time.sleep(0.05 + waits()))\n"  # until it is killed
        "from test_run import *\n"
        "folder = Path(sys.argv[2])\n"
        "tokens = TokenizedCorpus.open(Path(sys.argv[3]))\n"
        "run(MODEL, SETTINGS, tokenizer(folder / 'tokenizer'), tokens, folder / 'work', context(folder))"
    )
    log = tmp_path / "work" / "log.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(Path(__file__).parent), tmp_path, tokens.folder]
    ) as process:
        while process.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") >= 7):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "work" / "final.json").exists()
    run(MODEL, SETTINGS, tokenizer(tmp_path / "tokenizer"), tokens, tmp_path / "work", context(tmp_path))
    assert hash_files(tmp_path / "work") == hash_files(whole)


def test_weights_do_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    """At a size whose work torch really shares out among threads."""
    tokens = write_tokens(tmp_path / "tokens", {"en": 20_000, "fr": 9000})
    model = ModelSettings(dim=128, layers=2, heads=4, kv_heads=2, feed_forward=352, context=128)
    settings = SETTINGS.model_copy(update={"steps": 2, "sequence": 128, "batch_rows": 8})
    made = tokenizer(tmp_path / "tokenizer")
    made.vocabulary_size = 4096
    for workers in (1, 2, 4):
        run(model, settings, made, tokens, tmp_path / str(workers), context(tmp_path, workers))
    assert hash_files(tmp_path / "1") == hash_files(tmp_path / "2") == hash_files(tmp_path / "4")


COMPILED = """
import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])
from tiny_tokens import *
from openbook.train import *
folder, cache, workers = Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
made = tokenizer(folder / "tokenizer"); made.vocabulary_size = 4096
model = ModelSettings(dim=128, layers=2, heads=4, kv_heads=2, feed_forward=352, context=128)
settings = TrainSettings(steps=3, sequence=128, batch_rows=8, checkpoint_every=2)
outcome = run(model, settings, made, TokenizedCorpus.open(Path(sys.argv[5])), folder / "work", context(cache, workers))
assert outcome.measures["arithmetic"]["compiled"], outcome.measures
"""


@pytest.mark.slow
def test_compiled_weights_do_not_depend_on_threads_or_on_the_state_of_the_compile_cache(tmp_path: Path) -> None:
    from openbook.train.arithmetic import compiler

    if not compiler():
        pytest.skip("no C++ compiler on this machine")
    tokens = write_tokens(tmp_path / "tokens", {"en": 20_000, "fr": 9000})
    for name, cache, workers in (("one", "a", 1), ("two", "b", 2), ("two-warm", "b", 2)):
        (tmp_path / name).mkdir()
        arguments = [str(Path(__file__).parent), tmp_path / name, tmp_path / cache, str(workers), tokens.folder]
        subprocess.run([sys.executable, "-c", COMPILED, *arguments], check=True)
    assert hash_files(tmp_path / "one" / "work") == hash_files(tmp_path / "two" / "work")
    assert hash_files(tmp_path / "two-warm" / "work") == hash_files(tmp_path / "two" / "work")


@pytest.mark.parametrize("reason", ["none found", "broken"])
def test_without_a_working_compiler_the_run_goes_on_and_says_so(
    reason: str, tokens: TokenizedCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    surroundings = context(tmp_path)
    monkeypatch.setattr(surroundings.progress, "say", said.append)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "fresh"))
    if reason == "broken":
        broken = tmp_path / "g++"
        broken.write_text("#!/bin/sh\nexit 1\n")
        broken.chmod(0o755)
        monkeypatch.setenv("CXX", str(broken))
        monkeypatch.setattr("torch._inductor.config.cpp.cxx", (None, str(broken)))
    else:
        monkeypatch.setenv("CXX", str(tmp_path / "no such compiler"))
    wanted = SETTINGS.model_copy(update={"compile": True, "steps": 3})
    outcome = run(MODEL, wanted, tokenizer(tmp_path / "tokenizer"), tokens, tmp_path / "work", surroundings)
    assert outcome.measures["arithmetic"]["compiled"] is False
    assert any("uncompiled" in sentence for sentence in said)
    state = json.loads((FinalModel.open(tmp_path / "work").final.folder / "training" / "state.json").read_text())
    assert [part["compiled"] for part in state["arithmetic"]] == [False]


def test_a_change_of_arithmetic_on_the_way_is_said_and_kept(
    tokens: TokenizedCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_at(10, tokens, tmp_path)
    loop = build(
        MODEL, SETTINGS, tokenizer(tmp_path / "tokenizer"), tokens, tmp_path / "work", context(tmp_path), Processes()
    )
    loop.arithmetic = replace(loop.arithmetic, instructions="another")
    said: list[str] = []
    monkeypatch.setattr(loop.progress, "say", said.append)
    loop.run()
    finish(loop, 0.0, 1)
    assert any("another arithmetic" in sentence for sentence in said)
    state = json.loads((FinalModel.open(tmp_path / "work").final.folder / "training" / "state.json").read_text())
    assert [part["from"] for part in state["arithmetic"]] == [0, 10]


def test_a_loss_that_is_not_finite_stops_the_run_with_step_and_languages(
    tokens: TokenizedCorpus, tmp_path: Path
) -> None:
    stopped_at(5, tokens, tmp_path)
    path = tmp_path / "work" / "checkpoints" / "step-000005" / "model.safetensors"
    weights = load_file(path)
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, path)
    with pytest.raises(
        OpenbookError, match=r"Step 5: the loss is not finite.*documents .*en0.* Languages in the batch: .*en"
    ):
        run(MODEL, SETTINGS, tokenizer(tmp_path / "tokenizer"), tokens, tmp_path / "work", context(tmp_path))


def test_a_longer_row_than_the_context_is_refused(tokens: TokenizedCorpus, tmp_path: Path) -> None:
    wanted = SETTINGS.model_copy(update={"sequence": 65})
    with pytest.raises(OpenbookError, match=r"sequence \(65\) is longer than model.context \(64\)"):
        run(MODEL, wanted, tokenizer(tmp_path / "tokenizer"), tokens, tmp_path / "work", context(tmp_path))


def test_tokens_of_another_tokenizer_are_refused(tokens: TokenizedCorpus, tmp_path: Path) -> None:
    small = tokenizer(tmp_path / "tokenizer")
    small.vocabulary_size = 100
    with pytest.raises(OpenbookError, match="the tokenizer knows 100"):
        run(MODEL, SETTINGS, small, tokens, tmp_path / "work", context(tmp_path))


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_both_optimizers_learn(optimizer: str, tokens: TokenizedCorpus, tmp_path: Path) -> None:
    wanted = SETTINGS.model_copy(update={"optimizer": optimizer, "steps": 30})
    run(MODEL, wanted, tokenizer(tmp_path / "tokenizer"), tokens, tmp_path / "work", context(tmp_path))
    log = FinalModel.open(tmp_path / "work").log()
    assert log[-1]["loss"] < 0.8 * log[0]["loss"]


def test_gradients_summed_over_parts_of_the_batch_are_those_of_the_batch(
    tokens: TokenizedCorpus, tmp_path: Path
) -> None:
    found = []
    for micro in (None, 2):
        wanted = SETTINGS.model_copy(update={"micro_rows": micro, "dtype": "float32"})
        loop = build(
            MODEL, wanted, tokenizer(tmp_path / "t"), tokens, tmp_path / str(micro), context(tmp_path), Processes()
        )
        sums, _ = loop.stepper.gradients(loop.stepper.batch(3))
        found.append((sums, [weight.grad for weight in loop.stepper.model.parameters()]))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
