"""The command line says what it is, what the machine has, and answers misuse with 2."""

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tests.end_to_end.conftest import openbook


def test_the_version_is_the_package_s(tmp_path: Path) -> None:
    assert openbook("--version", folder=tmp_path).stdout == f"openbook {version('openbook')}\n"


def test_help_names_every_verb_and_stays_quick(tmp_path: Path) -> None:
    said = openbook("--help", folder=tmp_path).stdout
    verbs = "run show doctor thresholds report find evaluate compare ladder replay curves launch release verify lineage"
    for verb in f"{verbs} sign receipt check-receipt log remove sealed serve key".split():
        assert re.search(rf"\b{verb}\b", said)
    heavy = ("torch", "numba", "transformers", "xllamacpp")
    code = f"import sys, openbook.recipe; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_the_doctor_says_what_is_there_and_what_that_rules_out(tmp_path: Path) -> None:
    whole = json.loads(openbook("doctor", "--json", folder=tmp_path).stdout)
    found = {finding["what"]: finding for finding in whole}
    assert int(found["cores"]["found"]) >= 1
    assert found["python"]["found"].startswith("3.")
    bare = json.loads(openbook("doctor", "--json", folder=tmp_path, PATH="/nonexistent").stdout)
    lacks = {finding["what"]: finding["lacks"] for finding in bare}
    assert "recipes/own-crawl.toml" in lacks["apt-get"]
    assert "own twelve sentences" in lacks["npm"]
    assert lacks["gpu"]


def test_misuse_is_answered_with_two(tmp_path: Path) -> None:
    for arguments in (("run",), ("run", "none.toml"), ("nonsense",), ("lineage", "."), ("serve", "none.gguf")):
        result = openbook(*arguments, folder=tmp_path)
        assert result.returncode == 2, arguments
        assert result.stderr
        assert "Traceback" not in result.stderr
