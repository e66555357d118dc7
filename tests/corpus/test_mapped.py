"""Tables that all processes map: what was made, once, and nothing that is damaged."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from openbook.corpus import mapped

MADE = {
    "numbers": np.arange(7, dtype=np.int16).reshape(7, 1),
    "names": np.array(["a", "żółw"]),
    "none": np.zeros((0, 3)),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(mapped, "_folder", [])
    mapped.keep_in(tmp_path)
    yield tmp_path


def tables(made: list[int]) -> mapped.Tables:
    def make() -> mapped.Tables:
        made.append(1)
        return MADE

    return mapped.tables("case", "key", make)


def equal(found: mapped.Tables) -> bool:
    same = (np.array_equal(found[name], MADE[name]) and found[name].dtype == MADE[name].dtype for name in MADE)
    return list(found) == list(MADE) and all(same)


def test_tables_are_made_once_and_cannot_be_written(folder: Path) -> None:
    made: list[int] = []
    assert equal(tables(made)) and equal(tables(made)) and len(made) == 1
    assert not tables(made)["numbers"].flags.writeable


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: data[:-65] + b"\xff" + data[-64:], lambda _: b""]
)
def test_a_damaged_file_is_made_anew(folder: Path, damage: object) -> None:
    made: list[int] = []
    tables(made)
    (path,) = folder.glob("case-*")
    path.write_bytes(damage(path.read_bytes()))
    assert equal(tables(made)) and len(made) == 2
    assert equal(tables(made)) and len(made) == 2


def test_without_a_folder_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "_folder", [])
    made: list[int] = []
    assert equal(tables(made)) and equal(tables(made)) and len(made) == 2
