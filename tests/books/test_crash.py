"""A book that a crash struck between any two writes can be read: it holds what it held, or what it was to hold."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from openbook import compute, progress
from openbook.books import Outcome, store
from openbook.books.note import verifier_key
from openbook.books.record import hash_files, read_record
from openbook.books.tiles import check_log
from openbook.books.tlog import TileLog
from openbook.context import Context
from openbook.step import Step, execute
from tests.books.cut import Cut, cut_after, was_cut

MOST = 400
"""Changes of files after which a test gives up finding the end."""


def step(number: int) -> Step:
    def run(_: Mapping[str, Path], work: Path, context: Context) -> Outcome:
        store.write_bytes(work / "a" / "numbers.json", json.dumps([number] * 3).encode())
        store.write_bytes(work / "b.txt", f"number {number}".encode())
        return Outcome(counts={"number": number})

    return Step("corpus", 1, {"number": number}, (), run, {})


def context(tmp_path: Path) -> Context:
    return Context(compute.local(1), progress.for_terminal(quiet=True, json_lines=False), tmp_path / "cache")


def number_in(artifact: Path) -> int:
    """The number that the artifact holds, when record and files fit together."""
    record = read_record(artifact)
    assert hash_files(artifact) == record.files
    number = int(record.counts["number"])
    assert (artifact / "b.txt").read_text() == f"number {number}"
    return number


@pytest.mark.parametrize("exchanges", [True, False])
def test_an_artifact_cut_off_at_any_write_is_the_old_one_or_the_new_one(
    exchanges: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    if exchanges and not store.exchange(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this file system cannot exchange two folders in one step")
    if not exchanges:  # as on a file system that cannot
        monkeypatch.setattr(store, "exchange", lambda one, other: False)
    found = set()
    for changes in range(MOST):
        run_folder = tmp_path / str(changes)
        run_folder.mkdir()
        execute(step(1), run_folder, context(tmp_path))
        try:
            with cut_after(changes):
                execute(step(2), run_folder, context(tmp_path))
        except Cut:
            pass
        ended = not was_cut(changes)
        if not exchanges:
            store.recover(run_folder / "corpus")  # as every run begins; there is a moment between two renames
        found.add(number_in(run_folder / "corpus"))
        store.recover(run_folder / "corpus")
        found.add(number_in(run_folder / "corpus"))
        execute(step(2), run_folder, context(tmp_path))
        assert number_in(run_folder / "corpus") == 2
        assert [path.name for path in run_folder.iterdir()] == ["corpus"]
        if ended:
            break
    assert ended
    assert changes > 15
    assert found == {1, 2}


def test_a_log_cut_off_at_any_write_is_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    key = verifier_key("example.org/log", public)
    first, more = [b"%d" % one for one in range(254)], [b"more %d" % one for one in range(5)]
    sizes = set()
    for changes in range(MOST):
        log = TileLog(tmp_path / str(changes), None)
        log.append(first, key.name, public, private.sign)
        try:
            with cut_after(changes):
                log.append(more, key.name, public, private.sign)
        except Cut:
            pass
        ended = not was_cut(changes)
        now, entries = check_log(log.folder, key)
        sizes.add(now.size)
        assert entries == [*first, *more][: now.size]
        again = TileLog.open(log.folder)
        if again.size == len(first):
            again.append(more, key.name, public, private.sign)
        assert check_log(log.folder, key)[1] == [*first, *more]
        if ended:
            break
    assert ended
    assert changes > 10
    assert sizes == {254, 259}


def test_a_file_cut_off_at_any_write_is_whole(tmp_path: Path) -> None:
    contents: set[Any] = set()
    for changes in range(MOST):
        path = tmp_path / str(changes) / "table.json"
        store.write_bytes(path, b"old")
        try:
            with cut_after(changes):
                store.write_bytes(path, b"new" * 1000)
        except Cut:
            pass
        contents.add(path.read_bytes())
        if not was_cut(changes):
            break
    assert contents == {b"old", b"new" * 1000}
