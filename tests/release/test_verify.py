"""What was changed in a release is named, file by file, by what is wrong with it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openbook.books.record import Record, read_record
from openbook.errors import OpenbookError
from openbook.release import manifest as manifests
from openbook.release.standalone.listing import read_json_file, safe_name
from openbook.release.verify import verify
from tests.release.small import roll


def problems(release: Path) -> list[str]:
    return [one for one in verify(release).problems if not one.startswith("model.sig")]


def edit(path: Path, **changed: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


def test_a_sound_release_is_sound(made: Path) -> None:
    verdict = verify(made / "release", key=made / "key.pub.pem")
    assert verdict.problems == ()
    assert (verdict.records, verdict.documents) == (9, 30)


def test_files_that_were_changed_added_or_are_missing_are_named(release: Path) -> None:
    (release / "README.md").write_text("other")
    (release / "extra.txt").write_text("x")
    (release / "gguf/model-f16.gguf").unlink()
    (release / "elsewhere").symlink_to("/")
    (release / "model/model.safetensors").unlink()
    (release / "model/model.safetensors").symlink_to(release / "README.md")
    assert problems(release) == [
        "README.md was changed",
        "elsewhere was added",
        "extra.txt was added",
        "gguf/model-f16.gguf is missing",
        "model/model.safetensors was changed",
    ]


def test_a_number_edited_in_a_record_is_named_though_the_manifest_was_written_anew(release: Path) -> None:
    path = release / "records/corpus.json"
    edit(path, counts={"documents": 31})
    roll(release)
    assert problems(release) == ["corpus/document-ids.txt lists 30 documents, records/corpus.json counts 31"]
    edit(path, counts={"documents": 30}, settings={"seed": 4})
    roll(release)
    assert problems(release) == ["records/corpus.json: its identity is not that of its settings and inputs"]


def test_a_record_that_was_made_from_something_else_is_named(release: Path) -> None:
    path = release / "records/model.json"
    inputs = json.loads(path.read_text())["inputs"]
    edit(path, inputs={**inputs, "tokens": "00" * 32})
    roll(release)
    assert "records/model.json: it was made from another tokens than this release's" in problems(release)


def test_a_step_that_was_taken_out_of_the_chain_is_named(release: Path) -> None:
    (release / "records/annotated.json").unlink()
    roots = json.loads((release / "manifest.json").read_text())["roots"]
    del roots["annotated"]
    roll(release, roots=roots)
    found = problems(release)
    assert "records/corpus.json: it was made from annotated, whose record is not in this release" in found
    assert "records/model.json: no chain of inputs leads from it back to the sources" in found


@pytest.mark.parametrize("name", ["model/model.safetensors", "gguf/model-f16.gguf", "reports/bits.json"])
def test_weights_and_reports_that_no_step_made_are_named(release: Path, name: str) -> None:
    (release / name).write_bytes((release / name).read_bytes().replace(b"2", b"1") + b" ")
    roll(release)
    assert any(one.startswith(f"{name} is no file that") for one in problems(release))


def lines(release: Path) -> list[str]:
    return (release / "corpus/document-ids.txt").read_text().splitlines(keepends=True)


@pytest.mark.parametrize("change", ["drop", "add", "swap", "twice", "case"])
def test_ids_dropped_added_or_in_another_order_are_named(release: Path, change: str) -> None:
    ids = lines(release)
    if change == "drop":
        del ids[4]
    elif change == "add":
        ids.append("f" * 64 + "\n")
    elif change == "swap":
        ids[4], ids[5] = ids[5], ids[4]
    elif change == "twice":
        ids.insert(4, ids[4])
    else:
        ids[4] = ids[4].upper()
    (release / "corpus/document-ids.txt").write_text("".join(ids))
    roll(release)
    found = problems(release)
    assert any(one.startswith("corpus/document-ids.txt") for one in found)
    if change in ("swap", "twice"):
        assert "corpus/document-ids.txt, line 6: the ids are not in order, or one stands there twice" in found


def test_lists_that_receipts_are_made_from_are_checked(release: Path) -> None:
    path = release / "keys/urls.bin"
    data = path.read_bytes()
    path.write_bytes(data[32:])
    roll(release)
    assert "keys/urls.bin: its root and size are not those that the manifest publishes" in problems(release)
    path.write_bytes(data[32:64] + data[:32] + data[64:])
    roll(release)
    assert any(one.startswith("keys/urls.bin or keys/urls.tree cannot be read") for one in problems(release))


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "a\\..\\x", "C:/x", "a//b", "", "a\nb"])
def test_names_that_lead_out_of_the_release_are_refused(release: Path, name: str) -> None:
    assert not safe_name(name)
    path = release / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][name] = {"sha256": "0" * 64, "size": 1}
    parsed = {key: manifests.FileEntry(**entry) for key, entry in manifest["files"].items()}
    data = json.dumps({**manifest, "root": manifests.files_root(parsed)}).encode()
    path.write_bytes(data)
    (release / "manifest.sha256").write_bytes(manifests.digest_line(data))
    with pytest.raises(OpenbookError, match="outside of the release"):
        verify(release)


def test_a_step_whose_name_leads_out_of_the_release_is_refused(release: Path) -> None:
    roll(release, roots={"../../secret": "0" * 64})
    with pytest.raises(OpenbookError, match="outside of the release"):
        verify(release)


def test_files_too_large_to_be_what_they_are_called_are_refused_unread(release: Path) -> None:
    for name in ("manifest.json", "records/model.json"):
        os.truncate(release / name, 1 << 40)  # a hole: it takes no room
    with pytest.raises(OpenbookError, match="more than"):
        verify(release)
    (release / "records/model.json").rename(release / "record.json")
    with pytest.raises(OpenbookError, match="more than"):
        read_record(release)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | json_values.map(lambda one: json.dumps(one).encode()))
def test_no_bytes_of_a_record_or_manifest_fail_otherwise_than_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "record.json").write_bytes(data)
    (folder / "manifest.json").write_bytes(data)
    (folder / "manifest.sha256").write_bytes(manifests.digest_line(data))
    for read in (read_record, manifests.read, verify, lambda one: manifests.parse(data, "here")):
        with pytest.raises(OpenbookError):
            read(folder)


@pytest.mark.parametrize("root", [[], {}, None, 1])
def test_an_input_whose_root_is_no_text_is_named(release: Path, root: object) -> None:
    path = release / "records" / "corpus.json"
    record = json.loads(path.read_bytes())
    path.write_text(json.dumps(record | {"inputs": {"annotated": root}}))
    found = verify(release)
    assert not found.sound and any("records/corpus.json cannot be read" in one for one in found.problems)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_no_value_in_a_record_or_manifest_fails_otherwise_than_in_a_sentence(made: Path, data: st.DataObject) -> None:
    """Any value in the place of any field: it is refused, or found wrong, and nothing else."""
    good = made / "release"
    which = data.draw(st.sampled_from(["manifest.json", "records/corpus.json"]))
    value = json.loads((good / which).read_text())
    field = data.draw(st.sampled_from(sorted(value)))
    packed = json.dumps({**value, field: data.draw(json_values)}).encode()
    folder = made / "fuzzed"
    if not folder.exists():
        import shutil

        shutil.copytree(good, folder)
    (folder / which).write_bytes(packed)
    if which == "manifest.json":
        (folder / "manifest.sha256").write_bytes(manifests.digest_line(packed))
    try:
        assert not verify(folder).sound or json.loads(packed) == value
    except OpenbookError:
        pass
    finally:
        for name in (which, "manifest.sha256"):
            (folder / name).write_bytes((good / name).read_bytes())
    try:
        Record.model_validate_json(packed)
        manifests.parse(packed, "here")
    except (OpenbookError, ValueError):
        pass


def test_json_that_says_something_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text in ('{"a": 1, "a": 2}', '{"a": NaN}', "[1]", "[" * 100_000, '{"a": 1'):
        path.write_text(text)
        with pytest.raises(OpenbookError, match="cannot be read"):
            read_json_file(path)
