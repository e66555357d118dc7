"""A signature is that of OpenSSF model signing: its library makes it, ours checks it, and the other way round."""

import base64
import json
from pathlib import Path

import model_signing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openbook.errors import OpenbookError
from openbook.release.sign import new_key, read_signing_key, sign_release, sign_with_sigstore, verify_sigstore
from openbook.release.verify import verify


def test_the_library_finds_our_signature_good_and_a_changed_file(made: Path, release: Path) -> None:
    config = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=made / "key.pub.pem")
    config.verify(release, release / "model.sig")
    (release / "README.md").write_text("other")
    with pytest.raises(ValueError, match=r"README\.md"):
        config.verify(release, release / "model.sig")


def test_what_the_library_signed_by_itself_is_found_good_here(made: Path, release: Path) -> None:
    (release / "model.sig").unlink()
    files = model_signing.hashing.Config().set_ignored_paths(paths=["model.sig"], ignore_git_paths=False)
    config = model_signing.signing.Config().use_elliptic_key_signer(private_key=made / "key.pem")
    config.set_hashing_config(files).sign(release, release / "model.sig")
    verdict = verify(release, key=made / "key.pub.pem")
    assert verdict.sound
    assert verdict.signed == "signed with the key that was given"


def test_without_a_key_the_signature_is_said_to_be_unchecked(made: Path) -> None:
    verdict = verify(made / "release")
    assert verdict.sound
    assert "not checked" in verdict.signed


def test_another_key_no_signature_and_no_key_are_told_apart(made: Path, release: Path, tmp_path: Path) -> None:
    other = new_key(tmp_path / "other.pem")
    assert verify(release, key=other).problems == ("model.sig: it was made with another key than the one given",)
    with pytest.raises(OpenbookError, match="cannot be read"):
        verify(release, key=tmp_path / "nowhere.pem")
    assert "no public key" in verify(release, key=made / "key.pem").problems[0]
    (release / "model.sig").unlink()
    assert verify(release, key=other).problems == ("model.sig is missing: the release is not signed",)


def test_a_file_that_was_changed_with_its_manifest_is_named_by_the_signature(made: Path, release: Path) -> None:
    from tests.release.small import roll

    (release / "README.md").write_text("# A small release\n\n30 documents, 1.125 bits per byte\n")
    roll(release)
    verdict = verify(release, key=made / "key.pub.pem")
    assert verdict.problems == tuple(
        f"model.sig: {name} is not what was signed" for name in ("README.md", "manifest.json", "manifest.sha256")
    )


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_bit_of_a_signature_can_be_changed(made: Path, data: st.DataObject) -> None:
    from openbook.release.standalone.bundle_signature import check_signature

    path = made / "spoiled" / "model.sig"
    path.parent.mkdir(exist_ok=True)
    good = (made / "release" / "model.sig").read_bytes()
    statement = json.loads(base64.b64decode(json.loads(good)["dsseEnvelope"]["payload"]))
    digests = {one["name"]: one["digest"] for one in statement["predicate"]["resources"]}
    key = (made / "key.pub.pem").read_bytes()
    path.write_bytes(good)
    assert check_signature(path.parent, digests, key)[1] == []
    bit = data.draw(st.integers(0, 8 * len(good) - 1))
    spoiled = bytearray(good)
    spoiled[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(spoiled))
    assert check_signature(path.parent, digests, key)[1]


def test_a_release_that_was_changed_is_not_signed(made: Path, release: Path) -> None:
    (release / "README.md").write_text("other")
    with pytest.raises(OpenbookError, match=r"README\.md was changed"):
        sign_release(release, made / "key.pem")


def test_a_private_key_is_its_owners_alone_and_never_written_over(tmp_path: Path) -> None:
    public = new_key(tmp_path / "a.pem", "ed25519", b"word")
    assert public.name == "a.pub.pem"
    assert (tmp_path / "a.pem").stat().st_mode & 0o077 == 0
    with pytest.raises(OpenbookError, match="never written over"):
        new_key(tmp_path / "a.pem")
    assert read_signing_key(tmp_path / "a.pem", b"word")
    with pytest.raises(OpenbookError, match="cannot be read"):
        read_signing_key(tmp_path / "a.pem")


def test_keys_that_cannot_sign_are_named(made: Path, release: Path, tmp_path: Path) -> None:
    new_key(tmp_path / "log.pem", "ed25519")
    with pytest.raises(OpenbookError, match="private key on P-256"):
        sign_release(release, tmp_path / "log.pem")
    with pytest.raises(OpenbookError, match="not an Ed25519 key"):
        read_signing_key(made / "key.pem")


def test_sigstore_without_a_network_says_what_to_do_instead(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(OpenbookError, match="Offline, sign with a key"):
        sign_with_sigstore(release, "a.b.c")
    with pytest.raises(OpenbookError, match="without a network"):
        verify_sigstore(release, "somebody@example.org", "https://issuer.example")
