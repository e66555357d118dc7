"""What is no whole model, run or treebank gets a sentence, never a figure made by chance and never a traceback."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from test_evaluate import LANGUAGES, Corpus
from tiny import Parallel, write_model

from openbook import progress
from openbook.compute import local
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.evaluate import EvaluateSettings, evaluate
from openbook.evaluate.pairs import generate
from openbook.evaluate.scorer import model_source, open_scorer
from openbook.evaluations import evaluate_model
from openbook.model import Checkpoint
from openbook.model.config import TransformerConfig


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that transformers reads and our own engine does not."""
    folder = write_model(tmp_path_factory.mktemp("theirs"))
    config = json.loads((folder / "config.json").read_text())
    config |= {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def without_a_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def of_another_shape(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 96}))


def cut_short(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:5000])


def without_a_table(folder: Path) -> None:
    (folder / "config.json").write_text("[]")


def with_bytes_for_a_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_bytes(bytes(range(128, 256)))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (without_a_weight, r"is not whole: weights are not in its files \(model\.layers\.1\.mlp\.up_proj\.weight\)"),
        (of_another_shape, r"is not whole: weights have another shape .*mlp\.down_proj\.weight.* and 3 more"),
        (cut_short, "transformers cannot load"),
        (without_a_table, "config.json is no model's configuration"),
        (with_bytes_for_a_tokenizer, "transformers cannot load"),
    ],
)
def test_a_folder_that_is_not_whole_is_not_scored(
    theirs: Path, tmp_path: Path, damage: Callable[[Path], None], expected: str
) -> None:
    folder = shutil.copytree(theirs, tmp_path / "model")
    damage(folder)
    with pytest.raises(OpenbookError, match=expected):
        open_scorer(model_source(folder))


def test_a_tied_head_need_not_be_in_the_files(theirs: Path) -> None:
    assert "lm_head.weight" not in load_file(theirs / "model.safetensors")
    assert open_scorer(model_source(theirs)).encode(["sea"])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"num_attention_heads": 0}, "num_attention_heads is 0"),
        ({"hidden_size": "wide"}, "hidden_size is 'wide'"),
        ({"num_key_value_heads": -2}, "num_key_value_heads is -2"),
        ({"rope_parameters": 5}, "cannot be read as the config.json"),
        ({"architectures": {}, "model_type": "gpt2"}, "describes gpt2"),
    ],
)
def test_a_configuration_that_makes_no_model_is_a_sentence(
    tmp_path: Path, change: dict[str, object], expected: str
) -> None:
    config = json.loads((write_model(tmp_path / "model") / "config.json").read_text())
    with pytest.raises(OpenbookError, match=expected):
        TransformerConfig.from_huggingface(config | change, "config.json")


def test_a_configuration_without_a_table_is_no_start_for_a_training(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    without_a_table(folder)
    with pytest.raises(OpenbookError, match=r"config\.json is no model's configuration"):
        Checkpoint.open(folder)


def test_what_is_no_run_and_languages_without_text_are_named(tmp_path: Path) -> None:
    folder, context = write_model(tmp_path / "model"), Context(local(1), progress.quiet(), tmp_path / "cache")
    with pytest.raises(OpenbookError, match="nosuch is no run"):
        evaluate_model(folder, tmp_path / "nosuch", None, None, 1, context)
    settings = EvaluateSettings()
    with pytest.raises(OpenbookError, match="neither held-out nor parallel text of hy; it has held-out text of el, en"):
        evaluate(settings, folder, Corpus(LANGUAGES), Parallel(LANGUAGES), tmp_path / "work", context, ["hy"])  # type: ignore[arg-type]


ROW = "{}\t{}\tx\tNOUN\t_\t{}\t{}\tnsubj\t_\t_\n"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (ROW.format(1, "boats", "_", 7), r"word 1 \('boats'\): its head is 7, in a sentence of 1 words"),
        (ROW.format(1, "boats", "_", -1), "its head is -1"),
        (ROW.format(3, "boats", "_", 0), "its number is 3"),
        (ROW.format(1, "boats", "Number", 0), "the feature 'Number' has no value"),
    ],
)
def test_a_treebank_whose_words_hang_on_nothing_is_a_sentence(tmp_path: Path, rows: str, expected: str) -> None:
    (tmp_path / "bad.conllu").write_text(rows + "\n")
    with pytest.raises(OpenbookError, match=rf"bad\.conllu, sentence before line 2: .*{expected}"):
        generate([tmp_path / "bad.conllu"], "en")
