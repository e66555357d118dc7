"""A file is newer than a step only if it was written after the step began, to a fraction of a second."""

import os
from pathlib import Path

import pytest

from openbook.books.record import Clock, Record


def record(started: str) -> Record:
    return Record.model_construct(started=started)


def test_a_file_written_within_the_second_before_a_step_is_not_newer(tmp_path: Path) -> None:
    path = tmp_path / "crawl.jsonl"
    path.write_bytes(b"x")
    clock = Clock()
    os.utime(path, (clock.started - 0.3, clock.started - 0.3))
    assert path.stat().st_mtime < record(clock.started_text).began
    os.utime(path, (clock.started, clock.started))
    assert path.stat().st_mtime >= record(clock.started_text).began


def test_what_is_written_now_is_never_stamped_before_what_began_just_before(tmp_path: Path) -> None:
    """File systems stamp with the last tick of the kernel, which lies a little back."""
    for number in range(200):
        began = record(Clock().started_text).began
        path = tmp_path / str(number)
        path.write_bytes(b"x")
        assert path.stat().st_mtime >= began


@pytest.mark.parametrize("text", ["2026-11-20T10:00:00Z", "2026-11-20T10:00:00.000Z"])
def test_records_with_and_without_milliseconds_are_read(text: str) -> None:
    assert 1_795_168_799.9 < record(text).began <= 1_795_168_800.0
