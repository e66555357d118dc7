"""The command line says what it is, what the machine has, and answers misuse with 2."""

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from openbook.books.record import read_record
from openbook.errors import OpenbookError
from openbook.progress import Progress
from openbook.release.sealed import read_leaves
from openbook.tokenizer.extend import digest
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


def test_a_path_that_cannot_be_used_is_a_sentence_that_names_it(tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        'name = "tiny"\nlanguages = ["mt"]\n[train]\nsteps = 1\n'
        '[[sources]]\nname = "a"\nkind = "jsonl"\npaths = ["a.jsonl"]\n'
    )
    (tmp_path / "a.jsonl").write_text('{"text": "x"}\n')
    for option in ("--runs", "--cache"):
        result = openbook("run", recipe, option, "tiny.toml", folder=tmp_path)
        assert result.returncode == 2, result.stderr
        assert "tiny.toml" in result.stderr
        assert "Traceback" not in result.stderr


def test_help_keeps_the_names_of_tables_of_the_recipe(tmp_path: Path) -> None:
    assert "[engine]" in openbook("run", "--help", folder=tmp_path, COLUMNS="200").stdout
    assert "[release]" in openbook("release", "--help", folder=tmp_path, COLUMNS="200").stdout


def test_a_step_that_was_not_made_yet_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match=r"'model' has not been made there; `openbook run RECIPE` makes it"):
        read_record(tmp_path / "model")


def test_a_name_of_a_hub_and_a_release_without_sealed_documents_are_said_as_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match=r"no folder .*SmolLM2-135M.*not fetched by the name that a hub gives them"):
        digest(tmp_path / "HuggingFaceTB/SmolLM2-135M")
    with pytest.raises(OpenbookError, match="holds no sealed documents"):
        read_leaves(tmp_path)


def test_a_log_names_what_is_waited_for_before_the_waiting(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("lines").task("compiling the model", None) as bar:
        bar.update(note="a minute or more the first time")
        assert capsys.readouterr().err == "  compiling the model  note a minute or more the first time\n"


def test_tracing_nothing_gets_a_sentence(tmp_path: Path) -> None:
    result = openbook("trace", " ", folder=tmp_path)
    assert result.returncode == 2 and "there is no text to look for" in result.stderr
