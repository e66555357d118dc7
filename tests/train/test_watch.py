"""What jumps is named, and handled as the recipe says, to the same bits however often the run is killed around it."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_run import MODEL, SETTINGS
from tiny_tokens import context, tokenizer, write_tokens

from openbook.books.record import hash_files
from openbook.errors import OpenbookError
from openbook.model import FinalModel
from openbook.tokenizer import TokenizedCorpus
from openbook.train import TrainSettings, run
from openbook.train.processes import Processes
from openbook.train.session import build
from openbook.train.step import Stepper
from openbook.train.watch import Watch, worst

BAD = 13
"""The step whose batch is made bad."""
WATCHED = SETTINGS.model_copy(update={"spike_window": 8, "steps": 20, "keep": 4})


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    return write_tokens(tmp_path_factory.mktemp("corpus") / "tokens", {"en": 6000, "fr": 3000})


@pytest.fixture(scope="module", params=["skip", "roll-back"])
def action(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True, scope="module")
def bad_batch() -> Iterator[None]:
    """Step 13 computes a loss a hundred times what it is: a pure function of the step, as a bad document's is."""
    gradients = Stepper.gradients

    def worse(stepper: Stepper, batch):  # type: ignore[no-untyped-def]
        sums, counts = gradients(stepper, batch)
        return (sums * 100, counts) if batch.step == BAD else (sums, counts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stepper, "gradients", worse)
        yield


@pytest.fixture(scope="module")
def whole(action: str, tokens: TokenizedCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    trained(folder, tokens, WATCHED.model_copy(update={"on_spike": action}))
    return folder / "work"


def trained(folder: Path, tokens: TokenizedCorpus, wanted: TrainSettings, stop: int | None = None) -> list[str]:
    """What was said on the way."""
    said: list[str] = []
    surroundings = context(folder)
    surroundings.progress.say = said.append  # type: ignore[method-assign]
    if stop is None:
        run(MODEL, wanted, tokenizer(folder / "t"), tokens, folder / "work", surroundings)
    else:
        loop = build(MODEL, wanted, tokenizer(folder / "t"), tokens, folder / "work", surroundings, Processes())
        loop.stop_at = stop
        loop.run()
    return said


def watch_of(work: Path, step: int) -> dict:  # type: ignore[type-arg]
    state = work / "checkpoints" / f"step-{step:06d}" / "training" / "state.json"
    return dict(json.loads(state.read_text())["watch"])


def test_the_step_is_named_with_its_rows_languages_and_documents(action: str, whole: Path) -> None:
    log = FinalModel.open(whole).log()
    assert [row["step"] for row in log] == list(range(20))
    named = {row["step"]: row["spike"]["action"] for row in log if "spike" in row}
    state = watch_of(whole, 20)
    if action == "skip":
        assert named == {BAD: "skipped"}
        jump = log[BAD]["spike"]
        assert "the loss jumped to" in jump["why"] and len(jump["rows"]) == 3
        assert jump["documents"] and all(name[:2] in jump["languages"] for name in jump["documents"])
        assert state["skipped"] == [BAD] and state["left_out"] == []
    else:
        assert named == dict.fromkeys(range(10, 14), "left out")  # since the checkpoint after step 10
        assert state["left_out"] == state["skipped"] == [10, 11, 12, 13]
        assert state["roll_backs"] == [{"at": BAD, "to": 10}]
        assert watch_of(whole, 10)["left_out"] == []
    assert "Jumps" in (whole / "report.html").read_text()


@given(stops=st.lists(st.integers(8, 18), min_size=1, max_size=3), every=st.booleans())
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_killed_around_a_jump_resumes_to_the_same_bits(
    stops: list[int],
    every: bool,
    action: str,
    whole: Path,
    tokens: TokenizedCorpus,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    wanted = WATCHED.model_copy(update={"on_spike": action})
    with pytest.MonkeyPatch.context() as patch:
        if every:
            patch.setattr("openbook.train.loop.RESUME_SECONDS", -1e9)
        for stop in sorted(stops):
            trained(folder, tokens, wanted, stop)
        trained(folder, tokens, wanted)
    assert hash_files(folder / "work") == hash_files(whole)


def test_a_skipped_step_changes_no_weight_and_what_follows_is_replayed(
    action: str, whole: Path, tokens: TokenizedCorpus, tmp_path: Path
) -> None:
    from test_replay import again

    from openbook.books.record import Record, write_record

    (tmp_path / "tokens").symlink_to(tokens.folder)
    (tmp_path / "model").mkdir()
    for path in whole.iterdir():
        (tmp_path / "model" / path.name).symlink_to(path)
    wanted = WATCHED.model_copy(update={"on_spike": action})
    empty: dict[str, object] = {key: {} for key in ("inputs", "code", "machine", "roots", "counts", "measures")}
    texts = dict.fromkeys(("identity", "started", "root"), "")
    entry = {**empty, **texts, "step": "model", "version": 1, "seconds": 0, "cpu_seconds": 0, "unrooted": []}
    asked = {"model": MODEL.model_dump(), "train": wanted.model_dump(mode="json")}
    write_record(tmp_path / "model", Record.model_validate({**entry, "settings": asked, "files": hash_files(whole)}))
    for first, last in ((0, 20), (10, 15), (15, 20)):
        assert again(tmp_path, first, last).agrees


def test_a_run_that_jumps_before_its_first_checkpoint_goes_back_to_its_beginning(
    tokens: TokenizedCorpus, tmp_path: Path
) -> None:
    wanted = WATCHED.model_copy(update={"on_spike": "roll-back", "checkpoint_every": 20})
    said = trained(tmp_path, tokens, wanted)
    assert any("rolled back to step 0" in line for line in said)
    assert watch_of(tmp_path / "work", 20)["left_out"] == list(range(14))
    assert FinalModel.open(tmp_path / "work").log()[-1]["loss"] > 4  # six updates only


def test_stop_names_the_documents_and_report_goes_on(tokens: TokenizedCorpus, tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match=r"Step 13: the loss jumped .* documents (en|fr)0"):
        trained(tmp_path / "stop", tokens, WATCHED.model_copy(update={"on_spike": "stop"}))
    said = trained(tmp_path / "report", tokens, WATCHED)
    assert any("Step 13: the loss jumped" in line and "reported" in line for line in said)
    log = FinalModel.open(tmp_path / "report" / "work").log()
    assert log[BAD]["spike"]["action"] == "reported"
    assert watch_of(tmp_path / "report" / "work", 20)["skipped"] == []


def test_a_loss_that_is_not_finite_is_skipped_and_too_many_in_a_row_stop_the_run(
    tokens: TokenizedCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gradients = Stepper.gradients

    def broken(stepper: Stepper, batch):  # type: ignore[no-untyped-def]
        sums, counts = gradients(stepper, batch)
        return (sums * np.nan, counts) if batch.step in bad else (sums, counts)

    monkeypatch.setattr(Stepper, "gradients", broken)
    wanted = WATCHED.model_copy(update={"on_spike": "skip"})
    bad = {0, 3}
    trained(tmp_path / "two", tokens, wanted)
    log = FinalModel.open(tmp_path / "two" / "work").log()
    assert [row["loss"] is None for row in log[:4]] == [True, False, False, True]
    assert "NaN" not in (tmp_path / "two" / "work" / "log.jsonl").read_text()
    bad = set(range(2, 20))
    with pytest.raises(OpenbookError, match="diverges: 10 steps in a row were skipped"):
        trained(tmp_path / "many", tokens, wanted)


def test_a_jump_is_far_from_the_median_and_noise_is_none() -> None:
    draw = np.random.default_rng(4)
    watch = Watch(TrainSettings(spike_window=32))
    for loss in 3 + 0.2 * draw.standard_normal(500):
        assert watch.judge(float(loss), 0.5) is None
        watch.accept(float(loss), 0.5)
    assert watch.judge(3.8, 0.5) is None
    assert "loss jumped to 6.000" in str(watch.judge(6.0, 0.5))
    assert "gradient's logarithm jumped" in str(watch.judge(3.0, 50.0))
    assert watch.judge(1.0, 0.001) is None  # better is no jump
    assert watch.judge(float("nan"), 0.5) == "the loss is not finite"


def test_the_worst_rows_come_first() -> None:
    assert worst([1.0, 3.0, float("nan"), 2.0, 3.0]) == (2, 1, 4)


def test_the_page_refreshes_itself_until_the_run_is_done(whole: Path, tokens: TokenizedCorpus, tmp_path: Path) -> None:
    said = trained(tmp_path, tokens, WATCHED, stop=7)
    page = tmp_path / "work" / "report.html"
    assert any(str(page) in line for line in said)
    assert '<meta http-equiv="refresh"' in page.read_text() and "5 of 20 steps" in page.read_text()
    assert 'http-equiv="refresh"' not in (whole / "report.html").read_text()
