"""The log lists releases and removals, once each, and proves to a stranger that it does."""

import json
from pathlib import Path

import pytest

from openbook.books.note import VerifierKey
from openbook.books.tiles import check_log, check_proof
from openbook.books.tlog import TileLog
from openbook.errors import OpenbookError
from openbook.release.log import append, find, told
from openbook.release.sign import log_key, new_key, read_signing_key
from openbook.release.standalone.checks import release_entry


@pytest.fixture
def log(made: Path, tmp_path: Path) -> tuple[Path, Path, VerifierKey]:
    """A log with the release in it, its private key's file, its key."""
    private = tmp_path / "log.pem"
    new_key(private, "ed25519")
    append(tmp_path / "log", [made / "release"], private, "example.org/log")
    return tmp_path / "log", private, log_key("example.org/log", read_signing_key(private))


def test_a_release_in_the_log_is_proved_to_be(made: Path, log: tuple[Path, Path, VerifierKey]) -> None:
    folder, _, key = log
    entry = release_entry(made / "release")
    assert check_proof(TileLog.open(folder).proof(find(TileLog.open(folder), made / "release")), entry, key).size == 1
    [shown] = [told(one) for one in TileLog.open(folder).entries()]
    manifest = json.loads((made / "release/manifest.json").read_text())
    assert (shown["kind"], shown["name"], shown["root"]) == ("release", "small", manifest["root"])


def test_a_removal_is_listed_by_the_digest_of_its_document(tmp_path: Path, log: tuple[Path, Path, VerifierKey]) -> None:
    folder, private, key = log
    (tmp_path / "removal.json").write_text('{"why": "asked"}')
    append(folder, [tmp_path / "removal.json"], private, None)
    assert check_log(folder, key)[0].size == 2
    assert find(TileLog.open(folder), tmp_path / "removal.json") == 1
    assert b"asked" not in TileLog.open(folder).entry(1)


def test_nothing_is_listed_twice_and_another_name_is_refused(made: Path, log: tuple[Path, Path, VerifierKey]) -> None:
    folder, private, _ = log
    assert append(folder, [made / "release"], private, None).size == 1
    with pytest.raises(OpenbookError, match="not other"):
        append(folder, [made / "release"], private, "other")
    with pytest.raises(OpenbookError, match="--name"):
        append(folder / "new", [made / "release"], private, None)


def test_what_is_not_listed_is_said_so_and_foreign_entries_are_shown(
    release: Path, log: tuple[Path, Path, VerifierKey]
) -> None:
    from tests.release.small import roll

    (release / "README.md").write_text("other")
    roll(release)
    with pytest.raises(OpenbookError, match="does not list"):
        find(TileLog.open(log[0]), release)
    with pytest.raises(OpenbookError, match="no file"):
        find(TileLog.open(log[0]), release / "nothing")
    assert told(b"\xff\x00") == {"kind": "other", "bytes": 2}
    assert told(b"[" * 60_000) == {"kind": "other", "bytes": 60_000}
