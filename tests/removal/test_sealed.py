"""Auditors open what is sealed and find every change by name; nobody else reads a word of it."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from openbook.books import merkle
from openbook.books.store import write_bytes
from openbook.cli.app import app
from openbook.corpus import Corpus
from openbook.errors import OpenbookError
from openbook.model import final_checkpoint
from openbook.release import auditors, bundle, challenge, sealed, verify
from openbook.release import manifest as manifests
from openbook.tokenizer import TokenizedCorpus
from tests.removal.conftest import Made

NONCE = "00112233445566778899aabbccddeeff"
SECRET = b"s" * 32
Line = dict[str, Any]


@dataclass(frozen=True)
class Release:
    folder: Path
    key: Any
    """The auditor's secret one."""

    def copy(self, folder: Path) -> "Release":
        shutil.copytree(self.folder, folder)
        return Release(folder, self.key)

    def shards(self) -> list[Path]:
        return sorted((self.folder / "sealed").glob("*.age"))

    def lines(self, shard: Path) -> list[Line]:
        """What a shard holds, by the libraries alone."""
        plain = zstandard.decompress(pyrage.decrypt(shard.read_bytes(), [self.key]))
        return [json.loads(line) for line in plain.split(b"\n")]

    def forge(self, shard: Path, change: Callable[[list[Line]], list[Line]]) -> None:
        """What a provider could do who has changed the documents: seal others, and write the rest of it anew."""
        lines = change(self.lines(shard))
        plain = b"\n".join(json.dumps(line, ensure_ascii=False).encode() for line in lines)
        shard.write_bytes(pyrage.encrypt(zstandard.compress(plain), [self.key.to_public()]))
        path = self.folder / "sealed" / "index.json"
        index = json.loads(path.read_bytes())
        [entry] = [one for one in index["shards"] if one["file"] == shard.name]
        entry["documents"] = len(lines)
        path.write_text(json.dumps(index))
        manifest = manifests.read(self.folder)
        manifests.write(self.folder, **manifest.model_dump(exclude={"files", "root"}))


@pytest.fixture(scope="module")
def release(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of what the run has so far."""
    work, run, key = tmp_path_factory.mktemp("sealed") / "release", made.run, pyrage.x25519.Identity.generate()
    shutil.copytree(final_checkpoint(run / "model").folder, work / "model", ignore=shutil.ignore_patterns("training"))
    roots = {}
    for step in ("sources", "parallel", "annotated", "corpus", "tokenizer", "tokens", "model"):
        record = bundle.read_record(run / step)
        roots[step] = record.root
        write_bytes(work / "records" / f"{step}.json", record.model_dump_json().encode())
    corpus = Corpus.open(run / "corpus")
    bundle.write_document_ids(corpus, work / "corpus" / "document-ids.txt")
    tokens = TokenizedCorpus.open(run / "tokens")
    root = sealed.seal(corpus, tokens, work, [str(key.to_public())], SECRET, True)
    facts = {"name": "small", "serve": None, "kind": "base", "languages": corpus.languages, "corpus_root": corpus.root}
    manifests.write(work, **facts, sealed_root=root, roots=roots)
    return Release(work, key)


def sealed_rows(made: Made) -> dict[str, dict[str, Any]]:
    corpus = Corpus.open(made.run / "corpus")
    rows = [row for code in corpus.languages for row in corpus.documents(code, split=None)]
    assert 0 < sum(row["rights"] == "sealed" for row in rows) < len(rows)
    return {row["id"]: row for row in rows if row["rights"] == "sealed"}


def test_a_release_with_sealed_documents_is_sound_and_shows_no_word_of_them(made: Made, release: Release) -> None:
    assert verify(release.folder).problems == ()
    rows = sealed_rows(made)
    held = b"".join(path.read_bytes() for path in sorted((release.folder / "sealed").iterdir()))
    for row in rows.values():
        assert row["text"][:30].encode() not in held
    index = sealed.read_index(release.folder)
    assert index["documents"] == len(rows)
    assert index["languages"]["en"]["documents"] == sum(row["language"] == "en" for row in rows.values())


def test_the_leaves_are_hashes_that_anyone_can_compute(made: Made, release: Release) -> None:
    leaves, at, rows = sealed.read_leaves(release.folder), 0, sealed_rows(made)
    for shard in release.shards():
        for line in release.lines(shard):
            document = json.dumps(line["document"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
            assert leaves[at] == hashlib.sha256(b"\x00" + bytes.fromhex(line["salt"]) + document).digest()
            assert line["document"]["text"] == rows[line["document"]["id"]]["text"]
            at += 1
    assert at == len(leaves) == len(rows)
    assert merkle.root_of_hashes(leaves).hex() == manifests.read(release.folder).sealed_root


def test_an_auditor_who_opens_all_makes_the_tokens_of_whole_languages_again(release: Release) -> None:
    assert challenge.whole_languages(release.folder)
    assert challenge.check_all(release.folder, [release.key]) == []


def without_text(lines: list[Line], at: int) -> list[Line]:
    return lines[:at] + lines[at + 1 :]


def swapped(lines: list[Line], at: int) -> list[Line]:
    other = (at + 1) % len(lines)
    lines[at], lines[other] = lines[other], lines[at]
    return lines


def altered(lines: list[Line], at: int, field: str) -> list[Line]:
    if field == "salt":
        lines[at]["salt"] = ("1" if lines[at]["salt"][0] != "1" else "2") + lines[at]["salt"][1:]
    else:
        value = str(lines[at]["document"][field])
        lines[at]["document"][field] = value[:-1] + ("x" if value[-1:] != "x" else "y")
    return lines


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_swapped_dropped_or_doubled_document_is_named(
    release: Release, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    forged = release.copy(tmp_path_factory.mktemp("forged") / "release")
    shard = data.draw(st.sampled_from([path for path in forged.shards() if len(forged.lines(path)) > 1]))
    lines = forged.lines(shard)
    at = data.draw(st.integers(0, len(lines) - 1))
    kind = data.draw(st.sampled_from(["drop", "swap", "double", "change"]))
    field = data.draw(st.sampled_from(["salt", "id", "url", "language", "license", "split", "text", "tokens"]))
    changes: dict[str, Callable[[list[Line]], list[Line]]] = {
        "drop": lambda found: without_text(found, at),
        "swap": lambda found: swapped(found, at),
        "double": lambda found: [*found[: at + 1], *found[at:]],
        "change": lambda found: altered(found, at, field),
    }
    forged.forge(shard, changes[kind])
    problems = challenge.check_all(forged.folder, [forged.key])
    assert problems
    if kind in ("swap", "change"):
        first = sealed.read_index(forged.folder)["shards"]
        [place] = [one["first"] for one in first if one["file"] == shard.name]
        assert any(f"document {place + at} " in one and "sealed root" in one for one in problems)
    if kind == "drop":
        assert any(one.endswith("is missing") for one in problems)
    if kind == "double":
        assert any("times" in one for one in problems) or "sealed root" in problems[0]
    with pytest.raises(OpenbookError, match="is not sealed anew"):
        sealed.rotate(forged.folder, [forged.key], [str(forged.key.to_public())])


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_byte_of_any_sealed_file_is_named(release: Release, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted((release.folder / "sealed").iterdir())))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    try:
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert f"sealed/{path.name} was changed" in verify(release.folder).problems
        if path.suffix == ".age":
            with pytest.raises(OpenbookError, match=path.name):
                challenge.check_all(release.folder, [release.key])
        elif path.suffix == ".bin":
            assert challenge.check_all(release.folder, [release.key])
    finally:
        path.write_bytes(content)


def test_a_challenge_is_drawn_from_nonce_and_root_alone() -> None:
    root = "ab" * 32
    wanted: list[int] = []
    turn = 0
    while len(wanted) < 5:
        seed = b"openbook challenge 1\n" + bytes.fromhex(root) + bytes.fromhex(NONCE) + turn.to_bytes(8, "big")
        place = int(hashlib.sha256(seed).hexdigest(), 16) % 100
        wanted += [place] if place not in wanted else []
        turn += 1
    assert challenge.indices(root, NONCE, 100, 5) == sorted(wanted)
    assert challenge.indices(root, NONCE, 4, 9) == [0, 1, 2, 3]
    for nonce in ("no hex", "0011"):
        with pytest.raises(OpenbookError, match="nonce"):
            challenge.indices(root, nonce, 100, 5)


def test_an_answer_opens_the_drawn_documents_alone_and_needs_no_key_to_check(release: Release) -> None:
    answer = challenge.answer(release.folder, [release.key], NONCE, 3)
    told = json.loads(answer)
    assert [one["index"] for one in told["opened"]] == challenge.draw(release.folder, NONCE, 3)
    assert challenge.check_answer(release.folder, answer, NONCE, 3) == []
    other = "ff" * 16
    assert challenge.draw(release.folder, other, 3) != challenge.draw(release.folder, NONCE, 3)
    assert any("was asked for and is not" in one for one in challenge.check_answer(release.folder, answer, other, 3))
    first = told["opened"][0]["index"]
    for change in ("text", "drop", "twice", "salt"):
        bent = json.loads(answer)
        if change == "text":
            bent["opened"][0]["document"]["text"] += "."
        elif change == "salt":
            bent["opened"][0]["salt"] = "zz"
        else:
            bent["opened"] = bent["opened"][1:] if change == "drop" else [*bent["opened"], bent["opened"][0]]
        problems = challenge.check_answer(release.folder, json.dumps(bent).encode(), NONCE, 3)
        assert any(f"document {first}" in one for one in problems), change


@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_no_answer_is_a_sentence(release: Release, data: bytes | str) -> None:
    raw = data if isinstance(data, bytes) else data.encode()
    assert challenge.check_answer(release.folder, raw, NONCE, 3) == ["the answer cannot be read"]


def test_other_auditors_get_the_same_documents_under_the_same_root(release: Release, tmp_path: Path) -> None:
    copy, new = release.copy(tmp_path / "release"), pyrage.x25519.Identity.generate()
    root = manifests.read(copy.folder).sealed_root
    sealed.rotate(copy.folder, [copy.key], [str(new.to_public())])
    assert verify(copy.folder).problems == ()
    assert manifests.read(copy.folder).sealed_root == root
    assert challenge.check_all(copy.folder, [new]) == []
    with pytest.raises(OpenbookError, match=f"sealed for {new.to_public()}.*lost a key"):
        challenge.check_all(copy.folder, [copy.key])


def test_the_same_secret_gives_the_same_root_and_another_one_other_leaves(
    made: Made, release: Release, tmp_path: Path
) -> None:
    corpus, keys = Corpus.open(made.run / "corpus"), [str(release.key.to_public())]
    tokens = TokenizedCorpus.open(made.run / "tokens")
    root = manifests.read(release.folder).sealed_root
    assert sealed.seal(corpus, tokens, tmp_path / "same", keys, SECRET, False) == root
    assert sealed.read_index(tmp_path / "same")["domains"] is None
    assert sealed.seal(corpus, tokens, tmp_path / "other", keys, b"t" * 32, True) != root
    assert not set(sealed.read_leaves(tmp_path / "other")) & set(sealed.read_leaves(release.folder))
    assert sealed.secret_of(tmp_path) == sealed.secret_of(tmp_path)
    assert (tmp_path / sealed.SECRET).stat().st_mode & 0o777 == 0o600


def test_a_key_that_is_none_is_a_sentence(release: Release, tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match="no public key of age"):
        auditors.recipients(["age1nonsense"])
    (tmp_path / "key").write_text("nonsense")
    with pytest.raises(OpenbookError, match="no secret key of age"):
        auditors.identities([tmp_path / "key"])


def test_the_verbs_open_check_count_and_rotate(made: Made, release: Release, tmp_path: Path) -> None:
    copy, key = release.copy(tmp_path / "release"), tmp_path / "key"
    key.write_text(f"# created by age-keygen\n{copy.key}\n")

    def told(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["sealed", *arguments])
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    folder, answer = str(copy.folder), str(tmp_path / "answer.json")
    told("open", folder, "-i", str(key), "--nonce", NONCE, "--sample", "2", "--out", answer)
    assert "the documents are those" in told("check", folder, "--answer", answer, "--nonce", NONCE, "--sample", "2")
    assert "Made again from them" in told("check", folder, "-i", str(key))
    assert len(json.loads(told("challenge", folder, "--nonce", NONCE, "--sample", "2", "--json"))) == 2
    text = next(iter(sealed_rows(made).values()))["text"]
    (tmp_path / "canary.txt").write_text(" ".join(text.split()[:12]).upper())
    (tmp_path / "absent.txt").write_text("nobody has written these words in this order here")
    found = told(
        "canary", folder, "-i", str(key), "--text", str(tmp_path / "canary.txt"), "--text", str(tmp_path / "absent.txt")
    )
    assert text.split()[0] not in found
    assert sorted(json.loads(found)["canaries"].values()) == [0, 1]
    public = told("key", "--out", str(tmp_path / "new.key")).strip()
    told("rotate", folder, "-i", str(key), "--auditor", public)
    told("open", folder, "-i", str(tmp_path / "new.key"), "--out", str(tmp_path / "all.jsonl"))
    assert len((tmp_path / "all.jsonl").read_text().splitlines()) == len(sealed_rows(made))
    again = CliRunner().invoke(app, ["sealed", "key", "--out", str(tmp_path / "new.key")])
    assert "there already" in str(again.exception)
