"""The curves of a run can be read while it goes on, and TensorBoard reads back what the log holds."""

import json
import sys
from pathlib import Path

import pytest

from openbook.errors import OpenbookError
from openbook.train.curves import read, to_tensorboard
from openbook.train.peak import known, peak

ROW = {"step": 0, "loss": 3.5, "lr": 0.1, "tokens": 64, "grad_norm": 1.5, "languages": {"mt": 3.5}}


def test_a_half_written_line_of_a_run_under_way_is_left_for_later(tmp_path: Path) -> None:
    from openbook.books.store import work_folder

    work = work_folder(tmp_path / "model")
    work.mkdir(parents=True)
    (work / "log.jsonl").write_text(json.dumps(ROW) + "\n" + '{"step": 1, "lo')
    found = read(tmp_path)
    assert found.rows == [ROW]
    assert "1 steps, 64 tokens, loss 3.500" in found.sentence()
    with pytest.raises(OpenbookError, match="no training steps yet"):
        read(tmp_path / "other")


def test_tensorboard_reads_back_the_log(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    rows = [{**ROW, "step": step, "loss": 3.5 - step} for step in range(3)]
    assert to_tensorboard(rows, tmp_path) == 15
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(one.step, one.value) for one in events.Scalars("loss")] == [(0, 3.5), (1, 2.5), (2, 1.5)]
    assert events.Scalars("loss by language/mt")[0].value == 3.5


def test_without_tensorboard_a_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(OpenbookError, match=r"openbook\[tensorboard\]"):
        to_tensorboard([ROW], tmp_path)


def test_the_peak_of_a_known_device_is_its_maker_s_and_of_a_processor_is_measured() -> None:
    import torch

    assert known("NVIDIA H200") == 989e12
    assert known("an abacus") is None
    assert (peak(torch.device("cpu"), torch.float32) or 0) > 1e9
