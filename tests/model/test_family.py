"""One dial gives a whole shape; what a recipe says itself stands; a wrong dial gets a sentence."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from openbook.errors import OpenbookError
from openbook.model import ModelSettings, Transformer, family
from openbook.recipe import load

RECIPE = """name = "small"
languages = ["mt"]

[[sources]]
name = "crawl"
kind = "warc"
paths = ["crawl/*.warc.gz"]
"""


def recipe(folder: Path, text: str) -> Path:
    path = folder / "small.toml"
    path.write_text(RECIPE + text)
    return path


@given(depth=st.integers(1, family.DEEPEST))
def test_every_depth_is_a_shape_that_can_be_built_and_grows(depth: int) -> None:
    settings = ModelSettings(depth=depth)
    config = settings.config(8192, 0)
    assert config.layers == depth
    assert config.matrix_parameters == family.parameters(family.shape(depth))
    assert config.head_dim in (64, 128)
    assert config.heads // config.kv_heads <= 4
    assert config.kv_heads >= min(2, config.heads)
    if depth > 1:
        assert config.matrix_parameters > ModelSettings(depth=depth - 1).config(8192, 0).matrix_parameters


@pytest.mark.parametrize(
    ("size", "wanted"), [("5M", 5e6), ("30m", 30e6), ("150M", 150e6), ("1.7B", 1.7e9), ("7B", 7e9)]
)
def test_a_size_is_met_within_a_twentieth(size: str, wanted: float) -> None:
    config = ModelSettings(size=size).config(8192, 0)
    assert config.matrix_parameters == pytest.approx(wanted, rel=0.06)
    assert 32 <= config.dim / config.layers <= 96


def test_the_count_is_that_of_the_tensors() -> None:
    settings = ModelSettings(depth=2, tied=False)
    model = Transformer(settings.config(1000, 0))
    blocks = sum(weight.numel() for name, weight in model.named_parameters() if ".layers." in name and weight.ndim == 2)
    assert blocks == family.parameters(family.shape(2))
    assert sum(weight.numel() for weight in model.parameters()) == settings.config(1000, 0).parameters


def test_the_recorded_settings_hold_the_whole_shape_and_give_it_again() -> None:
    settings = ModelSettings(depth=3, kv_heads=1)
    dumped = settings.model_dump()
    assert dumped | {"layers": 3, "dim": 192, "heads": 3, "kv_heads": 1, "feed_forward": 512} == dumped
    assert ModelSettings.model_validate(dumped) == settings


def test_length_rows_and_batch_follow_and_explicit_keys_stand(tmp_path: Path) -> None:
    followed = load(recipe(tmp_path, "[model]\ndepth = 4\n")).train
    assert followed.tokens == 20 * family.parameters(family.shape(4)) == 58_982_400
    assert (followed.sequence, followed.batch_rows) == (512, 32)
    stated = load(recipe(tmp_path, "[model]\ndepth = 4\n[train]\nsteps = 7\nbatch_rows = 3\nsequence = 64\n")).train
    assert (stated.tokens, stated.total_steps, stated.batch_rows, stated.sequence) == (None, 7, 3, 64)
    half = load(recipe(tmp_path, '[model]\nsize = "5M"\n[train]\ntokens_per_parameter = 10\n')).train
    assert half.tokens == 10 * ModelSettings(size="5M").config(512, 0).matrix_parameters


def test_the_batch_of_the_run_that_the_rates_were_found_with_is_met() -> None:
    assert family.batch_tokens(2_200_000) == 4096
    assert family.batch_tokens(1e12) > family.batch_tokens(1e9) > family.batch_tokens(1e7)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[model]\ndepth = 4\nsize = "5M"\n', "give model.size or model.depth, not both"),
        ('[model]\nsize = "big"\n', "model.size 'big' is no size: write \"5M\""),
        ('[model]\nsize = "10K"\n', "no shape comes near it"),
        ("[model]\ndepth = 0\n", "model.depth"),
        ("[train]\ntokens_per_parameter = 20\n", "needs model.size or model.depth"),
        ("[model]\ndepth = 2\n[train]\nsteps = 5\ntokens_per_parameter = 2\n", "not both"),
        ('[model]\ndepth = 2\n[train]\ninitial = "hf"\nsteps = 5\n', "train.initial decides the shape"),
        ('[tokenizer]\nfrom = "a"\nvocabulary = 999\n[train]\nsteps = 5\n', "vocabulary: the tokenizer that is taken"),
    ],
)
def test_a_dial_that_cannot_be_gets_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(OpenbookError) as raised:
        load(recipe(tmp_path, text))
    assert sentence in str(raised.value)


def test_a_run_from_other_weights_uses_their_tokenizer_unless_told_otherwise(tmp_path: Path) -> None:
    assert load(recipe(tmp_path, '[train]\nsteps = 5\ninitial = "hf"\n')).tokenizer.foreign == "hf"
    text = '[train]\nsteps = 5\ninitial = "hf"\n[tokenizer]\nextend = {base = "other", entries = 10}\n'
    assert load(recipe(tmp_path, text)).tokenizer.foreign == "other"


def test_settings_without_a_dial_are_what_they_were() -> None:
    plain = ModelSettings()
    assert (plain.dim, plain.layers, plain.heads, plain.kv_heads, plain.feed_forward) == (256, 7, 4, 2, 704)
    with pytest.raises(ValidationError):
        ModelSettings(depth=family.DEEPEST + 1)
