"""Models are measured, compared and trained again from the command line, as a stranger would do it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from openbook.step import read_step
from tests.end_to_end.conftest import SmallRun, openbook


@pytest.fixture(scope="module")
def copied(small_run: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """The small run once more, to be changed."""
    folder = tmp_path_factory.mktemp("copied") / "run"
    shutil.copytree(small_run.folder, folder)
    return SmallRun(folder, folder / "sources/small.toml", small_run.output)


def figures(run: Path, evaluation: str) -> dict[str, float]:
    rows = json.loads((run / evaluation / "bits.json").read_text())["languages"]
    return {code: row["bits_per_byte"] for code, row in rows.items()}


def test_the_checkpoint_and_its_gguf_are_measured_alike(copied: SmallRun) -> None:
    own = figures(copied.run, "evaluation")
    checkpoint = copied.run / "release/model"
    for model, name in ((checkpoint, "checkpoint"), (copied.run / "export/model-f16.gguf", "gguf")):
        arguments = ("evaluate", model, "--on", copied.run, "--name", name, "--languages", "en,fi,mt")
        said = json.loads(openbook(*arguments, "--json", folder=copied.folder).stdout)
        assert Path(said["folder"]).name == name
        found = figures(copied.run, f"evaluations/{name}")
        assert set(found) == {"en", "fi", "mt"} & set(own)
        for code, value in found.items():
            assert value == pytest.approx(own[code], abs=2e-3), (name, code)
    record = read_step(copied.run / "evaluations/gguf")
    assert record.inputs["corpus"] == read_step(copied.run / "corpus").root
    assert record.inputs["model"] == read_step(copied.run / "export").files["model-f16.gguf"].sha256


def test_a_comparison_is_a_page_and_a_table_by_language(copied: SmallRun) -> None:
    asked = ("evaluate", copied.run / "release/model", "--on", copied.run, "--name", "again")
    printed = openbook(*asked, folder=copied.folder).stdout
    assert "parity" in printed and "Form and meaning stay confounded" in " ".join(printed.split())
    silent = openbook(*asked, "--quiet", folder=copied.folder)
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
    other = copied.run / "evaluations/again"
    shown = openbook("compare", copied.run, other, "--out", "side.html", "--json", folder=copied.folder)
    rows = json.loads(shown.stdout)
    assert {row["language"] for row in rows} == set(figures(copied.run, "evaluation"))
    assert all(row["verdict"] == "not separate" and abs(row["value"]) < 1e-3 for row in rows)
    page = (copied.folder / "side.html").read_text()
    assert "Maltese" in page and "again" in page
    alone = openbook("compare", copied.run, folder=copied.folder)
    assert alone.returncode == 2 and "two models" in alone.stderr
    twice = openbook("compare", copied.run, copied.run / "evaluation", folder=copied.folder)
    assert twice.returncode == 2 and "stands there twice" in twice.stderr
    none = openbook("compare", copied.run, copied.folder, folder=copied.folder)
    assert none.returncode == 2 and "is not an evaluation" in none.stderr


def test_a_ministry_sees_what_its_language_pays_here_and_elsewhere(copied: SmallRun) -> None:
    own = copied.run / "tokenizer"
    arguments = ("report", "tokenizer", copied.run, "--compare", own / "tokenizer.json", "--out", "prices.html")
    prices = json.loads(openbook(*arguments, "--json", folder=copied.folder).stdout)
    assert prices["this"]["prices"] == prices["tokenizer"]["prices"]
    paid = {row["language"]: row["relative_to_english"] for row in prices["this"]["prices"]}
    assert paid["en"] == 1.0 and paid["ka"] > 1.0
    assert "Georgian" in (copied.folder / "prices.html").read_text()
    shown = openbook(*arguments, folder=copied.folder).stdout
    assert "Gini" in shown and "page: prices.html" in shown
    broken = openbook("report", "tokenizer", copied.run, "--compare", copied.recipe, folder=copied.folder)
    assert broken.returncode == 2 and "not a tokenizer.json" in broken.stderr


def test_what_is_no_model_is_said_in_a_sentence(copied: SmallRun) -> None:
    result = openbook("evaluate", copied.folder / "sources", "--on", copied.run, folder=copied.folder)
    assert result.returncode == 2
    assert "neither a GGUF file nor a folder with a config.json" in result.stderr


def test_a_replay_agrees_and_names_a_weight_that_was_changed(copied: SmallRun) -> None:
    agreed = openbook("replay", copied.run, "20", "30", folder=copied.folder)
    assert agreed.returncode == 0, agreed.stderr
    assert agreed.stdout == "Steps 20 to 29 were run again: every bit of the weights and every loss agrees.\n"
    weights = copied.run / "model/checkpoints/step-000030/model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-3] ^= 1
    weights.write_bytes(data)
    changed = openbook("replay", copied.run, "20", "30", "--json", folder=copied.folder)
    assert changed.returncode == 1
    said = json.loads(changed.stdout)
    assert len(said["differing"]) == 1 and not said["agrees"]
    missing = openbook("replay", copied.run, "0", "7", folder=copied.folder)
    assert missing.returncode == 2 and "there are those after 10, 20, 30" in missing.stderr


def test_launch_writes_a_script_that_bash_reads(copied: SmallRun) -> None:
    result = openbook("launch", copied.recipe, "--nodes", "2", "--gpus", "4", "--folder", ".", folder=copied.folder)
    assert result.returncode == 0, result.stderr
    script = copied.folder / "openbook-small.sbatch"
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert "#SBATCH --nodes=2" in script.read_text()
    bad = openbook("launch", copied.folder / "none.toml", folder=copied.folder)
    assert bad.returncode == 2 and "none.toml" in bad.stderr


def test_under_torchrun_the_first_process_runs_the_recipe_and_all_train(small_run: SmallRun, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run.folder, folder)
    for step in ("model", "evaluation", "export", "release", "release.record"):
        shutil.rmtree(folder / "runs/small" / step)
    (folder / "openbook").write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from openbook.cli import main; main()" "$@"\n'
    )
    (folder / "openbook").chmod(0o755)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python"]
    command = [*torchrun, str(folder / "openbook"), "run", str(folder / "sources/small.toml"), "--until", "model"]
    for _ in range(2):  # the second time there is nothing to train, and the second process ends all the same
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=240, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        assert done.returncode == 0, done.stderr
    record = read_step(folder / "runs/small/model")
    assert record.measures["processes"] == 2
    assert record.counts["loss"] == pytest.approx(read_step(small_run.run / "model").counts["loss"], rel=5e-3)


TREEBANK = """\
# sent_id = un
# text = Les chats dorment ici.
1	Les	le	DET	_	Definite=Def|Gender=Masc|Number=Plur	2	det	_	_
2	chats	chat	NOUN	_	Gender=Masc|Number=Plur	3	nsubj	_	_
3	dorment	dormir	VERB	_	Mood=Ind|Number=Plur|Person=3|Tense=Pres|VerbForm=Fin	0	root	_	_
4	ici	ici	ADV	_	_	3	advmod	_	SpaceAfter=No
5	.	.	PUNCT	_	_	3	punct	_	_

# sent_id = deux
# text = Le chat dort.
1	Le	le	DET	_	Definite=Def|Gender=Masc|Number=Sing	2	det	_	_
2	chat	chat	NOUN	_	Gender=Masc|Number=Sing	3	nsubj	_	_
3	dort	dormir	VERB	_	Mood=Ind|Number=Sing|Person=3|Tense=Pres|VerbForm=Fin	0	root	_	SpaceAfter=No
4	.	.	PUNCT	_	_	3	punct	_	_
"""


def test_a_recipe_holds_its_model_to_pairs_and_to_an_earlier_model(copied: SmallRun) -> None:
    """The earlier model is the run's own, so that no language can have fallen; a language it lacks has."""
    beside = copied.recipe.parent
    (beside / "fr.conllu").write_text(TREEBANK, encoding="utf-8")
    shutil.copytree(copied.run / "release/model", beside / "before", dirs_exist_ok=True)
    asked = """
[[evaluate.pairs]]
language = "fr"
paths = ["fr.conllu"]
license = "CC-BY-SA-4.0"

[evaluate.gates.earlier]
model = "before"
languages = ["mt"]
"""
    recipe = beside / "held.toml"
    recipe.write_text(copied.recipe.read_text() + asked)
    result = openbook("run", recipe, "--until", "evaluation", folder=copied.folder)
    assert result.returncode == 0, result.stderr
    pairs = json.loads((copied.run / "evaluation/pairs.json").read_text())["languages"]["fr"]
    assert pairs["all"]["n"] == sum(row["n"] for row in pairs["phenomena"].values()) > 2
    held = json.loads((copied.run / "evaluation/earlier/differences.json").read_text())
    assert held and all(row["verdict"] == "not separate" for row in held)
    record = read_step(copied.run / "evaluation")
    assert record.settings["evaluate"]["gates"]["earlier"]["model"].startswith("sha256:")
    again = openbook("run", recipe, "--until", "evaluation", folder=copied.folder)
    assert "evaluation: up to date" in again.stderr
    recipe.write_text(recipe.read_text().replace('languages = ["mt"]', 'languages = ["mt", "xx"]'))
    broken = openbook("run", recipe, "--until", "evaluation", folder=copied.folder)
    assert broken.returncode == 2 and "evaluate.gates.earlier.languages: 'xx' is no language" in broken.stderr


def test_pairs_are_made_out_of_a_treebank_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "fr.conllu").write_text(TREEBANK, encoding="utf-8")
    made = openbook("pairs", "fr.conllu", "--language", "fr", "--out", "pairs.jsonl", "--json", folder=tmp_path)
    counts = json.loads(made.stdout)["pairs"]
    rows = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    assert sum(counts.values()) == len(rows) > 0 and rows[0]["source"].startswith("fr.conllu, ")
    (tmp_path / "bad.conllu").write_text("1\tLe\tle\n")
    bad = openbook("pairs", "bad.conllu", "--language", "fr", "--out", "pairs.jsonl", folder=tmp_path)
    assert bad.returncode == 2 and "line 1: 3 columns" in bad.stderr
