"""The verifier in a release needs Python and nothing else, and says what `openbook verify` says."""

import ast
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from openbook.books.tlog import TileLog
from openbook.release.log import append, find
from openbook.release.receipt import make_receipt
from openbook.release.sign import log_key, new_key, read_signing_key
from openbook.release.standalone import verifier_source
from openbook.release.verify import verify
from tests.release.small import url


def alone(release: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Isolated, without site-packages: nothing but the standard library can be imported."""
    command = [sys.executable, "-I", "-S", str(release / "verify_release.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_it_is_one_file_that_needs_the_standard_library_alone() -> None:
    tree = ast.parse(verifier_source())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names, names
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    targets = [one for node in tree.body if isinstance(node, ast.Assign) for one in node.targets]
    defined += [one.id for one in targets if isinstance(one, ast.Name)]
    assert [name for name, count in Counter(defined).items() if count > 1] == []


def test_a_sound_release_passes_with_its_key(made: Path) -> None:
    result = alone(made / "release", "--key", made / "key.pub.pem")
    assert result.returncode == 0, result.stderr
    assert "nothing was changed" in result.stdout
    assert "signed with the key that was given" in result.stdout


def test_it_finds_what_openbook_verify_finds(made: Path, release: Path) -> None:
    (release / "README.md").write_text("other")
    (release / "extra").write_text("x")
    path = release / "corpus/document-ids.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    result = alone(release, "--json", "--key", made / "key.pub.pem")
    assert result.returncode == 1
    assert json.loads(result.stdout)["problems"] == list(verify(release, key=made / "key.pub.pem").problems)
    assert "CHANGED  README.md was changed" in alone(release).stdout


def test_it_checks_receipts_logs_and_proofs(made: Path, tmp_path: Path) -> None:
    release, key = made / "release", tmp_path / "log.pem"
    new_key(key, "ed25519")
    append(tmp_path / "log", [release], key, "example.org/log")
    name = str(log_key("example.org/log", read_signing_key(key)))
    log = TileLog.open(tmp_path / "log")
    (tmp_path / "p.tlog-proof").write_text(log.proof(find(log, release)))
    (tmp_path / "receipt.json").write_bytes(make_receipt(release, "urls", url(2)))
    first = (tmp_path / "log/checkpoint").read_bytes()
    (tmp_path / "before").write_bytes(first)
    (tmp_path / "removal.json").write_text("{}")
    append(tmp_path / "log", [tmp_path / "removal.json"], key, None)
    given = ("--receipt", tmp_path / "receipt.json", "--log-key", name)
    result = alone(release, *given, "--log", tmp_path / "log", "--before", tmp_path / "before")
    assert result.returncode == 0, result.stderr
    assert "is in the list of urls" in result.stdout
    assert "entry 0 of 2 is this release" in result.stdout
    result = alone(release, "--proof", tmp_path / "p.tlog-proof", "--log-key", name)
    assert "the log example.org/log lists this release" in result.stdout
    spoiled = (tmp_path / "receipt.json").read_bytes().replace(b"true", b"false")
    (tmp_path / "receipt.json").write_bytes(spoiled)
    assert alone(release, *given).returncode == 1
    assert alone(release, "--log", tmp_path / "log").returncode == 1


def test_a_folder_that_is_no_release_is_refused_in_a_sentence(made: Path, tmp_path: Path) -> None:
    result = alone(made / "release", tmp_path)
    assert result.returncode == 1
    assert "is not a release: manifest.json is missing" in result.stderr
    assert "Traceback" not in result.stderr
