"""Somebody else's model: a Hugging Face folder or a GGUF file, through the verb."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from gguf import GGUFReader
from quantizing import TOLD, quantize_all
from tiny import Parallel
from typer.testing import CliRunner

from openbook.cli.app import app
from openbook.errors import OpenbookError
from openbook.model import Checkpoint
from openbook.model.gguf import interleave, write_gguf
from openbook.model.gguf_reader import GgufModel, half_rotation

CODES = "el,en,mt"


def call(*arguments: str | Path) -> Any:
    result = CliRunner().invoke(app, [*map(str, arguments), "--workers", "1", "--quiet"], catch_exceptions=True)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "model-f32.gguf"
    write_gguf(Checkpoint.open(folder), path, "F32", TOLD)
    return path


def test_rows_are_turned_back_to_where_they_were() -> None:
    matrix = np.arange(8 * 3).reshape(8, 3)
    np.testing.assert_array_equal(half_rotation(interleave(matrix, 2), 2), matrix)


@pytest.mark.parametrize("shape", ["tied", "untied"])
def test_a_model_read_back_from_gguf_computes_the_same(shape: str, tmp_path: Path) -> None:
    from tiny import write_model

    model = write_model(tmp_path / "model", tie_word_embeddings=shape == "tied", attention_bias=shape == "untied")
    write_gguf(Checkpoint.open(model), tmp_path / "model.gguf", "F32", TOLD)
    ids = torch.arange(0, 60)[None]
    with torch.no_grad():
        ours = GgufModel.open(tmp_path / "model.gguf").transformer()(ids)
        theirs = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)(ids).logits
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["Q4_K_M", "Q8_0", "F16"])
def test_a_file_from_gguf_has_the_weights_and_the_tokenizer_of_one_from_the_folder(
    kind: str, folder: Path, whole: Path, tmp_path: Path
) -> None:
    write_gguf(Checkpoint.open(folder), tmp_path / "direct.gguf", kind, TOLD)
    GgufModel.open(whole).write(tmp_path / "again.gguf", kind)
    direct, again = GGUFReader(tmp_path / "direct.gguf"), GGUFReader(tmp_path / "again.gguf")
    assert {name: field.contents() for name, field in direct.fields.items() if name != "GGUF.kv_count"} == {
        name: field.contents() for name, field in again.fields.items() if name != "GGUF.kv_count"
    }
    for a, b in zip(direct.tensors, again.tensors, strict=True):
        assert a.name == b.name and a.tensor_type == b.tensor_type
        np.testing.assert_array_equal(a.data, b.data)


def test_a_quantized_file_is_no_original(whole: Path, tmp_path: Path) -> None:
    GgufModel.open(whole).write(tmp_path / "small.gguf", "Q4_0")
    with pytest.raises(OpenbookError, match=r"small\.gguf is quantized already \(Q4_0\), .* F16, BF16 or F32"):
        call("quantize", tmp_path / "small.gguf", "--out", tmp_path / "out")


def test_the_verb_quantizes_a_gguf_file_calibrated_on_own_texts(whole: Path, tmp_path: Path) -> None:
    own = tmp_path / "texts"
    own.mkdir()
    for code in CODES.split(","):
        (own / f"{code}.txt").write_text("\n".join(Parallel().lines(code)), encoding="utf-8")
    asked = ["quantize", whole, "--formats", "Q4_K_M", "Q8_0", "--calibrate", own, "--both", "--out", tmp_path / "out"]
    found = json.loads(call(*asked, "--json").stdout)
    assert sorted(found["files"]) == ["model-q4_k_m-calibrated.gguf", "model-q4_k_m.gguf", "model-q8_0.gguf"]
    assert all(sorted(one["languages"]) == CODES.split(",") for one in found["files"].values())
    assert found["files"]["model-q4_k_m-calibrated.gguf"]["against_plain"]["mean"]["value"] < 0
    assert all(one["read"] > 0 and one["written"] > 0 for one in found["tokens_per_second"].values())
    before = (tmp_path / "out" / "record.json").stat().st_mtime_ns
    shown = call(*asked).stdout
    assert (tmp_path / "out" / "record.json").stat().st_mtime_ns == before, "what still matches is left"
    assert "model-q4_k_m-calibrated.gguf" in shown and "pays" in shown


def test_the_verb_measures_on_the_shipped_sentences_and_its_gates_hold(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    gate = "Q4_0:mt=0.000001"
    with pytest.raises(OpenbookError, match=r"mt: model-q4_0\.gguf has a mean KL divergence of"):
        call("quantize", folder, "--formats", "Q4_0", "--languages", CODES, "--gate", gate, "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--formats", "Q5_X"], "Q5_X: a format is one of F32, F16"),
        (["--gate", "mt"], "--gate mt: write it as"),
        (["--calibrate", "nowhere"], "nowhere is no folder"),
        (["--languages", "en", "--formats", "Q8_0", "--calibrate", "{empty}"], "holds no texts"),
    ],
)
def test_bad_requests_get_a_sentence(arguments: list[str], said: str, whole: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    given = [one.replace("{empty}", str(tmp_path / "empty")) for one in arguments]
    with pytest.raises(OpenbookError, match=said):
        call("quantize", whole, *given, "--out", tmp_path / "out")


def test_a_folder_that_holds_other_things_is_left_alone(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OpenbookError, match="holds other things"):
        call("quantize", whole, "--formats", "Q8_0", "--languages", "en", "--out", tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("digits", [True, False])
def test_a_folder_that_splits_as_smollm_or_gpt_2_do_and_begins_with_no_token(digits: bool, tmp_path: Path) -> None:
    """SmolLM2's folder says: digits one by one, GPT-2's pattern, no start token in front."""
    from tiny import tokenizer_json, write_model

    model = write_model(tmp_path / "model")
    tokenizer = json.loads(tokenizer_json(800))
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    apart = {"type": "Digits", "individual_digits": True}
    tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [apart, byte_level]} if digits else byte_level
    tokenizer["post_processor"] = None
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    told = json.loads((model / "tokenizer_config.json").read_text()) | {"add_bos_token": False}
    (model / "tokenizer_config.json").write_text(json.dumps(told))
    asked = ["--formats", "Q8_0", "--languages", "bg,el,en,ga,lt,mt,pl", "--out", tmp_path / "out", "--json"]
    found = json.loads(call("quantize", model, *asked).stdout)
    assert len(found["files"]["model-q8_0.gguf"]["languages"]) == 7
    fields = GGUFReader(tmp_path / "out" / "model-q8_0.gguf").fields
    assert fields["tokenizer.ggml.pre"].contents() == ("smollm" if digits else "gpt-2")
    assert fields["tokenizer.ggml.add_bos_token"].contents() is False


MAKE = "from pathlib import Path; from openbook.quantize.pytorch import write_folder as w; import sys"


def test_int8_and_int4_are_folders_that_transformers_loads_and_stand_in_the_same_table(
    folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torchao")
    found = quantize_all(folder, tmp_path / "q", formats=("INT8", "INT4", "Q8_0"))
    files = found.loss["files"]
    values = {name: files[name]["summary"]["mean"]["value"] for name in ("int8", "int4", "model-q8_0.gguf")}
    assert 0 < values["int8"] < values["int4"] < 0.3
    weights = tmp_path / "q" / "int8" / "model.safetensors"
    assert files["int8"]["bytes"] == weights.stat().st_size < (folder / "model.safetensors").stat().st_size
    assert files["int8"]["released_as"] == "pytorch/int8"
    assert not [path for path in (tmp_path / "q").rglob("*") if path.suffix in (".bin", ".pt", ".pkl")]
    ids = torch.arange(0, 40)[None]
    with torch.no_grad():
        loaded = transformers.AutoModelForCausalLM.from_pretrained(weights.parent, dtype=torch.float32)(ids).logits
        plain = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(ids).logits
    p, q = plain.log_softmax(-1), loaded.log_softmax(-1)
    assert 0 < float((p.exp() * (p - q)).sum(-1).mean()) < 10 * values["int8"]
    again = f"{MAKE}; w(Path(sys.argv[1]), Path(sys.argv[2]), 'INT8')"
    subprocess.run([sys.executable, "-c", again, str(folder), str(tmp_path / "int8")], check=True)
    for path in sorted((tmp_path / "int8").iterdir()):
        assert path.read_bytes() == (weights.parent / path.name).read_bytes(), path.name
