"""The verbs of proof, from a new key to a checked log, as somebody types them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from openbook.cli import main  # noqa: F401  (the verbs register themselves)
from openbook.cli.app import app
from openbook.errors import OpenbookError


def said(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_from_a_key_to_a_release_in_the_log(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (release / "model.sig").unlink()
    (tmp_path / "word").write_text("open sesame\n")
    assert "publish it" in said("sign", "--new-key", "key.pem", "--password-file", "word")
    assert "signed" in said("sign", release, "--key", "key.pem", "--password-file", "word")
    assert "signed with the key that was given" in said("verify", release, "--key", "key.pub.pem")
    said("sign", "--new-key", "log.pem", "--ed25519")
    key = said("log", "append", "log", release, "--key", "log.pem", "--name", "example.org/log").split()[-1]
    (tmp_path / "older").write_bytes((tmp_path / "log/checkpoint").read_bytes())
    (tmp_path / "removal.json").write_text("{}")
    said("log", "append", "log", "removal.json", "--key", "log.pem")
    assert [one["kind"] for one in json.loads(said("log", "show", "log", "--json"))] == ["release", "removal"]
    assert "Nothing was changed" in said("log", "check", "log", "--key", key, "--before", "older")
    assert said("log", "prove", "log", release).startswith("c2sp.org/tlog-proof@v1\nindex 0\n")
    assert json.loads(said("log", "prove", "log", "--since", "1"))["second"] == 2


def test_a_receipt_is_made_and_checked(made: Path, tmp_path: Path) -> None:
    release, out = made / "release", tmp_path / "receipt.json"
    assert "present" in said("receipt", release, "--domain", "host1.example", "--out", out)
    root = json.loads((release / "manifest.json").read_text())["keys"]["domains"]["root"]
    assert "host1.example stands in the list of domains" in said("check-receipt", out, "--root", root)
    assert json.loads(said("check-receipt", out, "--manifest", release / "manifest.json", "--json"))["present"]
    (tmp_path / "mine.txt").write_text("Not in any corpus.")
    assert "absent" in said("receipt", release, "--text", tmp_path / "mine.txt", "--out", out)
    assert "does not stand" in said("check-receipt", out, "--manifest", release / "manifest.json")
    with pytest.raises(OpenbookError, match="another list"):
        said("check-receipt", out, "--root", root)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("sign",), "sign needs RELEASE"),
        (("sign", "x", "--key", "k", "--sigstore"), "sign needs RELEASE"),
        (("receipt", "x"), "one thing at a time"),
        (("receipt", "x", "--url", "a", "--domain", "b"), "one thing at a time"),
        (("check-receipt", "x"), "needs --root"),
        (("log", "prove", "x"), "needs a PATH"),
        (("verify", "x", "--identity", "somebody"), "both --identity and --issuer"),
    ],
)
def test_what_was_asked_wrongly_is_said_in_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(OpenbookError, match=sentence):
        said(*arguments)
