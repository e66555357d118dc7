"""What strangers may hand over, records, manifests, statements and whole folders, ends in a page or in a sentence."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openbook.books import record as records
from openbook.books.record import parse_record
from openbook.errors import OpenbookError
from openbook.release import manifest as manifests
from openbook.release import statement
from openbook.release.page import write_page
from tests.release.small import make_records, write_corpus

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
changing = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(deadline=None)
@given(st.binary(max_size=200) | json_values.map(lambda one: json.dumps(one).encode()))
def test_no_bytes_fail_otherwise_than_in_a_sentence(data: bytes) -> None:
    for parse in (parse_record, manifests.parse, statement.parse):
        with pytest.raises(OpenbookError, match="here"):
            parse(data, "here")


def fields_of(record: dict[str, Any]) -> list[str]:
    return ["code", "machine", "counts", "measures", "settings", "inputs", "roots", "files", "step", "root", "started"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "run"
    corpus = write_corpus(folder / "corpus")
    for step, made in make_records(corpus).items():
        records.write_record(folder / step, made)
    return folder


@changing
@given(data=st.data())
def test_a_record_that_says_anything_is_shown_or_refused_in_a_sentence(run: Path, data: st.DataObject) -> None:
    step = data.draw(st.sampled_from(("sources", "corpus", "model", "export")))
    path = run / step / "record.json"
    before = path.read_bytes()
    said = json.loads(before)
    for field in data.draw(st.lists(st.sampled_from(fields_of(said)), min_size=1, max_size=3)):
        said[field] = data.draw(st.dictionaries(st.text(max_size=8), json_values, max_size=3) | json_values)
    try:
        path.write_bytes(json.dumps(said).encode())
        write_page(run, run.parent / "page.html")
    finally:
        path.write_bytes(before)
    assert (run.parent / "page.html").read_text().count("</script>") == 1


@changing
@given(data=st.data())
def test_a_release_with_any_bit_changed_is_shown_with_the_problem_or_refused(
    made: Path, tmp_path: Path, data: st.DataObject
) -> None:
    copy = tmp_path / "release"
    if not copy.exists():
        shutil.copytree(made / "release", copy)
    name = data.draw(st.sampled_from(sorted(json.loads((copy / "manifest.json").read_text())["files"])))
    before = (copy / name).read_bytes()
    at = data.draw(st.integers(0, len(before) - 1))
    changed = bytearray(before)
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        (copy / name).write_bytes(bytes(changed))
        assert f"{name} was changed" in write_page(copy, tmp_path / "page.html")
    finally:
        (copy / name).write_bytes(before)


def test_files_that_are_too_large_are_refused_unread(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "release"
    shutil.copytree(made / "release", copy)
    with (copy / "manifest.json").open("r+b") as file:
        file.truncate(manifests.MOST_BYTES + 1)  # a hole: no disk is taken
    with pytest.raises(OpenbookError, match="more than the"):
        manifests.read(copy)
    (tmp_path / "model").mkdir()
    with (tmp_path / "model" / "record.json").open("wb") as file:
        file.truncate(records.MOST_BYTES + 1)
    with pytest.raises(OpenbookError, match="more than the"):
        records.read_record(tmp_path / "model")
