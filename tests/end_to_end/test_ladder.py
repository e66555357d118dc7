"""From the command line: a ladder of tiny runs on one corpus, and a run that goes on from another model's weights."""

import json
import shutil

import pytest
import torch
import transformers

from openbook.model import Checkpoint
from openbook.step import read_step
from openbook.tokenizer import Tokenizer
from tests.end_to_end.conftest import SmallRun, openbook


@pytest.fixture(scope="module")
def copied(small_run: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """The small run once more, its recipe on one dial and with few languages to evaluate."""
    folder = tmp_path_factory.mktemp("ladder") / "run"
    shutil.copytree(small_run.folder, folder, symlinks=True)
    return SmallRun(folder, folder / "sources/small.toml", small_run.output)


def test_a_ladder_reuses_the_steps_before_training_and_predicts_the_recipes_own_size(copied: SmallRun) -> None:
    copied.recipe.write_text(copied.recipe.read_text() + "\n[ladder]\ndepths = [1, 2]\ntokens_per_parameter = 0.05\n")
    before = {name: read_step(copied.run / name).started for name in ("corpus", "tokenizer", "tokens", "model")}
    first = openbook("ladder", copied.recipe, "--depths", "1", "2", "--json", folder=copied.folder)
    assert first.returncode == 0, first.stderr
    found = json.loads(first.stdout)
    assert {name: read_step(copied.run / name).started for name in before} == before
    assert [rung["depth"] for rung in found["rungs"]] == [1, 2]
    assert [rung["parameters"] for rung in found["rungs"]] == [53_248, 425_984]
    assert "the recipe's own run" in found["warnings"][0] and "2 rungs are too few" in found["warnings"][1]
    assert found["prediction"]["languages"].keys() == found["rungs"][0]["bits"].keys()
    own = json.loads((copied.run / "model/checkpoints/step-000030/config.json").read_text())
    assert own["hidden_size"] == 32
    model = read_step(copied.run / "ladder/2/model")
    assert model.settings["model"]["dim"] == 128
    assert model.inputs["tokens"] == read_step(copied.run / "tokens").root
    page = (copied.run / "ladder/ladder.html").read_text()
    assert "Scaling ladder of small" in page and "Maltese" in page
    started = model.started
    again = openbook("ladder", copied.recipe, folder=copied.folder)
    assert again.returncode == 0, again.stderr
    assert "predicted" in again.stdout and "ladder.html" in again.stdout
    assert read_step(copied.run / "ladder/2/model").started == started


def test_a_ladder_of_one_depth_gets_a_sentence(copied: SmallRun) -> None:
    result = openbook("ladder", copied.recipe, "--depths", "3", folder=copied.folder)
    assert result.returncode == 2
    assert "A ladder needs two depths at least" in result.stderr


def test_a_run_goes_on_from_another_model_with_an_extended_vocabulary(copied: SmallRun) -> None:
    """The base is a random Llama with the small run's own tokenizer; the recipe adds entries and trains on."""
    base = copied.recipe.parent / "base"
    base.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(copied.run / "tokenizer" / name, base / name)
    shape = transformers.LlamaConfig(
        vocab_size=800,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=24,
        max_position_embeddings=128,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=0,
    )
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(shape).save_pretrained(base)
    (base / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    text = copied.recipe.read_text().split("[tokenizer]")[0].replace('name = "small"', 'name = "onward"')
    text += '[tokenizer]\nextend = {base = "base", entries = 40}\n[train]\ninitial = "base"\nsteps = 4\nsequence = 64\n'
    recipe = copied.recipe.parent / "onward.toml"
    recipe.write_text(text + "compile = false\n[evaluate]\nheld_out_bytes = 2000\nparallel_bytes = 1000\n")
    result = openbook("run", recipe, "--until", "export", "--workers", "2", folder=copied.folder)
    assert result.returncode == 0, result.stderr
    run = copied.folder / "runs/onward"
    assert Tokenizer.open(run / "tokenizer").vocabulary_size == 840
    record = read_step(run / "model")
    assert record.settings["initial"]["license"] == "apache-2.0"
    assert record.settings["initial"]["digest"] == record.settings["train"]["initial"]
    assert record.settings["model"]["head_dim"] == 24
    assert str(base) not in json.dumps(record.settings)
    final = run / "model" / json.loads((run / "model/final.json").read_text())["checkpoint"]
    loaded = transformers.AutoModelForCausalLM.from_pretrained(final)
    ids = torch.tensor([transformers.AutoTokenizer.from_pretrained(final)("Malta għandha")["input_ids"]])
    assert ids[0, 0] == 0
    with torch.no_grad():
        torch.testing.assert_close(Checkpoint.open(final).load()(ids), loaded(ids).logits, rtol=1e-4, atol=1e-5)
    assert (run / "export/model-f16.gguf").exists()
    plan = openbook("run", recipe, "--plan", "--until", "export", "--json", folder=copied.folder)
    assert not any(json.loads(plan.stdout)[step] for step in ("tokenizer", "tokens", "model"))
    torch.manual_seed(1)
    transformers.LlamaForCausalLM(shape).save_pretrained(base)
    plan = openbook("run", recipe, "--plan", "--json", folder=copied.folder)
    assert any("train.initial" in reason for reason in json.loads(plan.stdout)["model"])
