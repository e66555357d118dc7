"""A log is one that other tools of C2SP tlog-tiles can read, and whoever changes it is caught."""

import base64
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from openbook.books import merkle, store
from openbook.books.note import VerifierKey, verifier_key
from openbook.books.tiles import (
    Checkpoint,
    check_log,
    check_proof,
    open_checkpoint,
    parse_checkpoint,
    tile_path,
    tile_widths,
    unbundle,
)
from openbook.books.tlog import TileLog
from openbook.errors import OpenbookError
from tests.books.test_merkle import LEAVES, ROOTS
from tests.books.trees import verify_consistency

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()
NAME = "example.org/log"
KEY: VerifierKey = verifier_key(NAME, PUBLIC)


def grown(folder: Path, *parts: list[bytes]) -> TileLog:
    log = TileLog.open(folder)
    for part in parts:
        log.append(part, NAME, PUBLIC, PRIVATE.sign)
    return log


def test_paths_are_those_of_the_specification() -> None:
    # C2SP tlog-tiles: "index 1234067 will be encoded as x001/x234/067".
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path("entries", 5, 112) == "tile/entries/005.p/112"
    assert tile_path(2, 0, 1) == "tile/2/000.p/1"
    assert tile_path(1, 1000) == "tile/1/x001/000"


def test_a_tree_of_70000_has_the_tiles_of_the_specifications_example() -> None:
    # 273 full tiles and one of width 112; one full and one of width 17; one of width 1.
    widths = [[width for _, width in tile_widths(70_000, level)] for level in range(3)]
    assert widths[0] == [256] * 273 + [112]
    assert widths[1] == [256, 17]
    assert widths[2] == [1]
    assert [width for _, width in tile_widths(256, 1)] == [1]


def test_the_checkpoint_of_the_specification_is_read() -> None:
    # C2SP tlog-checkpoint, its example.
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    found = parse_checkpoint(text)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert found.root[:4].hex() == "0ac5186a"
    assert found.text() == text


def test_roots_are_those_of_the_reference_implementation_entry_by_entry(tmp_path: Path) -> None:
    entries = [b"a", *LEAVES[1:]]  # a log has no empty entries; the reference's first leaf is one
    log = TileLog.open(tmp_path)
    for size, entry in enumerate(entries, 1):
        log.append([entry], NAME, PUBLIC, PRIVATE.sign)
        assert log.root(size) == merkle.root(entries[:size])
    assert merkle.root(LEAVES).hex() == ROOTS[7]


def test_an_outsider_reads_it_with_hashlib_and_the_specification(tmp_path: Path) -> None:
    """Entries, hashes and signature by the text of the specification, with nothing of ours."""
    import hashlib

    entries = [b"entry %d" % one for one in range(300)]
    grown(tmp_path, entries[:3], entries[3:260], entries[260:])
    text, _, line = (tmp_path / "checkpoint").read_text().rpartition("\n\n")
    origin, size, root = text.split("\n")
    assert (origin, size) == (NAME, "300")
    name, packed = line.strip().removeprefix("\u2014 ").split(" ")
    signature = base64.b64decode(packed)
    assert signature[:4] == hashlib.sha256(name.encode() + b"\n\x01" + PUBLIC).digest()[:4]
    PRIVATE.public_key().verify(signature[4:], text.encode() + b"\n")
    bundle = (tmp_path / "tile/entries/000").read_bytes() + (tmp_path / "tile/entries/001.p/44").read_bytes()
    assert bundle == b"".join(len(one).to_bytes(2, "big") + one for one in entries)
    hashes = [hashlib.sha256(b"\0" + one).digest() for one in entries]
    assert (tmp_path / "tile/0/000").read_bytes() == b"".join(hashes[:256])
    assert (tmp_path / "tile/0/001.p/44").read_bytes() == b"".join(hashes[256:])
    assert (tmp_path / "tile/1/000.p/1").read_bytes() == merkle.root_of_hashes(hashes[:256])
    assert base64.b64decode(root) == merkle.root(entries)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=4), st.data())
def test_however_it_grew_it_proves_its_entries_and_its_past(
    tmp_path_factory: pytest.TempPathFactory, parts: list[int], data: st.DataObject
) -> None:
    log = TileLog.open(tmp_path_factory.mktemp("log"))
    entries: list[bytes] = []
    past: list[Checkpoint] = []
    for count in parts:
        new = [b"%d" % (len(entries) + one) for one in range(count)]
        past.append(log.append(new, NAME, PUBLIC, PRIVATE.sign))
        entries += new
    assert log.root_now == merkle.root(entries)
    assert log.entries() == entries
    at = data.draw(st.integers(0, len(entries) - 1))
    proof = log.proof(at)
    assert check_proof(proof, entries[at], KEY).size == len(entries)
    with pytest.raises(OpenbookError):
        check_proof(proof, entries[at] + b"x", KEY)
    older = data.draw(st.sampled_from(past))
    path = log.consistency(older.size, log.size)
    assert verify_consistency(older.size, older.root, log.size, log.root_now, path)
    assert check_log(log.folder, KEY, older)[0].size == len(entries)
    forged = Checkpoint(older.origin, older.size, bytes(32))
    with pytest.raises(OpenbookError, match="no beginning of this log"):
        check_log(log.folder, KEY, forged)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_byte_changed_in_any_file_is_caught(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("log")
    grown(folder, [b"entry %d" % one for one in range(5)])
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    path = data.draw(st.sampled_from(files))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(bytes(content))
    with pytest.raises(OpenbookError):
        check_log(folder, KEY)


@given(st.text(max_size=200), st.binary(max_size=200))
def test_no_bytes_fail_otherwise_than_in_a_sentence(text: str, data: bytes) -> None:
    for read in (parse_checkpoint, lambda one: check_proof(one, b"x", KEY)):
        with pytest.raises(OpenbookError):
            read(text)
    try:
        assert b"".join(len(one).to_bytes(2, "big") + one for one in unbundle(data)) == data
    except OpenbookError as error:
        assert "cut off" in str(error)


def test_a_second_writer_is_refused_and_the_log_is_whole(tmp_path: Path) -> None:
    log = grown(tmp_path, [b"one"])
    with store.lock(tmp_path), pytest.raises(OpenbookError, match="another run"):
        log.append([b"two"], NAME, PUBLIC, PRIVATE.sign)
    assert open_checkpoint(tmp_path, KEY).size == 1


def test_two_that_opened_the_same_log_one_after_the_other_lose_nothing(tmp_path: Path) -> None:
    one, other = TileLog.open(tmp_path), TileLog.open(tmp_path)
    one.append([b"one"], NAME, PUBLIC, PRIVATE.sign)
    other.append([b"other"], NAME, PUBLIC, PRIVATE.sign)
    assert check_log(tmp_path, KEY)[1] == [b"one", b"other"]


def test_what_is_no_entry_and_no_name_is_refused(tmp_path: Path) -> None:
    log = grown(tmp_path, [b"one"])
    for entries in ([], [b""], [bytes(65536)]):
        with pytest.raises(OpenbookError, match="an entry of a log"):
            log.append(entries, NAME, PUBLIC, PRIVATE.sign)
    with pytest.raises(OpenbookError, match="not other"):
        log.append([b"x"], "other", PUBLIC, PRIVATE.sign)
    with pytest.raises(OpenbookError, match="no entry 1"):
        log.entry(1)
    with pytest.raises(OpenbookError, match="no proof from 0"):
        log.consistency(0, 1)


@pytest.mark.slow
def test_a_log_of_a_million_entries_opens_in_under_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "sync", lambda path: None)  # making it would take minutes on a slow disk
    count = 1_000_003
    grown(tmp_path, [b"%d" % one for one in range(count)])
    monkeypatch.undo()
    started = time.process_time()  # not the disk's time: the append waits for it
    log = TileLog.open(tmp_path)
    assert log.entry(777_777) == b"777777"
    assert check_proof(log.proof(777_777), b"777777", KEY).size == count
    log.append([b"one more"], NAME, PUBLIC, PRIVATE.sign)
    assert time.process_time() - started < 1
