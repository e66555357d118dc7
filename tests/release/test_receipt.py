"""A receipt tells of every address, site, text and document whether it is in a release; the root is enough to check."""

import hashlib
import json
from pathlib import Path

import pytest

from openbook.books.presence import check_receipt
from openbook.corpus import Corpus
from openbook.errors import OpenbookError
from openbook.release.keys import BUCKET_DOCUMENTS, domain_name, url_name, write_keys
from openbook.release.receipt import make_receipt, published_root, text_hash
from tests.release.small import text, url


def asks(release: Path, kind: str, asked: str) -> bool:
    return check_receipt(make_receipt(release, kind, asked), published_root(release / "manifest.json", kind)).present


def test_everything_in_the_corpus_is_proved_in(made: Path) -> None:
    release = made / "release"
    for number in range(30):
        assert asks(release, "urls", url(number))
        assert asks(release, "texts", text_hash(text(number)))
    for one in (release / "corpus/document-ids.txt").read_text().split():
        assert asks(release, "documents", one)
    for host in ("host0.example", "HOST6.example.", "maltese.example", "www.maltese.example"):
        assert asks(release, "domains", host)


def test_everything_else_is_proved_absent(made: Path) -> None:
    release = made / "release"
    for number in range(30, 60):
        assert not asks(release, "urls", url(number))
        assert not asks(release, "texts", text_hash(text(number)))
        assert not asks(release, "documents", hashlib.sha256(b"document %d" % number).hexdigest())
        assert not asks(release, "domains", f"host{number}.example")
    assert not asks(release, "domains", "example")


def test_the_same_address_and_text_written_otherwise_is_the_same(made: Path) -> None:
    release = made / "release"
    assert asks(release, "urls", "http://HOST1.example/page/1?a=1#part")
    assert asks(release, "urls", "www.maltese.example/5")
    assert asks(release, "urls", "https://www.maltese.example/5")
    spaced = text(3).replace("\n\n", "  \n ")
    assert asks(release, "texts", text_hash(f"\n{spaced} "))
    assert text_hash("Caf\u00e9") == text_hash("Cafe\u0301")


def test_names_are_hashed_as_the_documentation_says(made: Path) -> None:
    assert url_name("https://Host1.example/page/1?a=1#x") == "host1.example/page/1?a=1"
    assert domain_name("M\u00fcnchen.example.") == "xn--mnchen-3ya.example"  # the form of the DNS (RFC 3492)
    receipt = json.loads(make_receipt(made / "release", "urls", "https://host1.example/page/1?a=1"))
    assert receipt["key"] == hashlib.sha256(b"host1.example/page/1?a=1").hexdigest()


def test_a_release_that_does_not_hold_what_it_says_gives_no_receipt(release: Path) -> None:
    path = release / "keys/urls.bin"
    path.write_bytes(path.read_bytes()[:-32])
    with pytest.raises(OpenbookError, match="not the list of the manifest"):
        make_receipt(release, "urls", url(1))
    path.write_bytes(b"x")
    with pytest.raises(OpenbookError, match="cut off"):
        make_receipt(release, "urls", url(1))
    with pytest.raises(OpenbookError, match="no SHA-256"):
        make_receipt(release, "documents", "abc")
    with pytest.raises(OpenbookError, match="neither a release"):
        make_receipt(release / "model", "urls", url(1))


def test_lists_are_the_same_however_many_keys_are_sorted_at_a_time(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert BUCKET_DOCUMENTS > 1_000_000
    monkeypatch.setattr("openbook.release.keys.BUCKET_DOCUMENTS", 4)
    (tmp_path / "corpus").mkdir()
    ids = made / "release/corpus/document-ids.txt"
    (tmp_path / "corpus/document-ids.txt").write_bytes(ids.read_bytes())
    write_keys(Corpus.open(made / "corpus"), tmp_path)
    for path in sorted((made / "release/keys").iterdir()):
        assert (tmp_path / "keys" / path.name).read_bytes() == path.read_bytes()
    assert len(list((tmp_path / "keys").iterdir())) == 3
