import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFReader, quantize
from quantizing import LANGUAGES, TOLD, Corpus, quantize_all
from tiny import Parallel

from openbook.errors import OpenbookError
from openbook.model import Checkpoint
from openbook.model.export.check import log_softmax
from openbook.model.formats import FORMATS, tensor_type
from openbook.model.gguf import write_gguf
from openbook.model.llama_cpp import LlamaCpp
from openbook.model.quantizer import quantized
from openbook.quantize import QuantizeSettings
from openbook.quantize.artifact import Made
from openbook.quantize.importance import combine, of_rows
from openbook.quantize.loss import Said, figures, row_loss
from openbook.quantize.original import CheckpointOriginal
from openbook.quantize.step import quantize as quantize_files
from openbook.quantize.task import cut
from openbook.quantize.texts import of_lines, of_run, rounds
from openbook.tokenizer import Tokenizer


def test_simple_formats_are_the_bytes_that_the_gguf_package_writes() -> None:
    matrix = np.random.default_rng(0).normal(size=(16, 256)).astype(np.float32)
    for kind in ("Q8_0", "Q5_0", "Q5_1", "Q4_0", "Q4_1"):
        np.testing.assert_array_equal(quantized(matrix, kind), quantize(matrix, GGMLQuantizationType[kind]))


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_a_file_that_llama_cpp_computes_with(kind: str, folder: Path, tmp_path: Path) -> None:
    write_gguf(Checkpoint.open(folder), tmp_path / "model.gguf", kind, TOLD)
    ids = [0, *Tokenizer.open(folder).encode(Parallel().lines("mt")[0])][:100]
    with torch.no_grad():
        ours = Checkpoint.open(folder).load()(torch.tensor([ids]))[0].numpy()
    with LlamaCpp(tmp_path / "model.gguf") as llama:
        loss = row_loss(Said.of(ids, ours), llama.logits(ids))
    assert loss.divergence.mean() < 1.0
    assert GGUFReader(tmp_path / "model.gguf").fields["general.file_type"].contents() == FORMATS[kind].file_type


def test_fewer_bits_lose_more_and_the_table_says_so_for_every_language(folder: Path, tmp_path: Path) -> None:
    found = quantize_all(folder, tmp_path / "q", formats=("Q8_0", "Q6_K", "Q4_0"))
    files = found.loss["files"]
    assert {one["format"] for one in files.values()} == {"Q8_0", "Q6_K", "Q4_0"}
    for code in LANGUAGES:
        rows = [files[f"model-{kind}.gguf"]["languages"][code] for kind in ("q8_0", "q6_k", "q4_0")]
        means = [row["mean_divergence"]["value"] for row in rows]
        assert means == sorted(means) and means[0] < means[2]
        for row in rows:
            assert row["mean_divergence"]["low"] <= row["mean_divergence"]["value"] <= row["mean_divergence"]["high"]
            assert row["median_divergence"] <= row["p99_divergence"]["value"]
            assert row["texts"] == 6 and row["source"] == "held-out"
            per_token = row["log_perplexity_ratio"]["value"] * row["tokens"] / np.log(2)
            size = sum(len(line.encode()) for line in Parallel().lines(code)[1::2])
            change = row["bits_per_byte_quantized"] - row["bits_per_byte"]
            assert change == pytest.approx(per_token / size, abs=0.02 * abs(change) + 1e-3)
    assert "Maltese" in (tmp_path / "q" / "report.html").read_text()


def test_the_table_names_who_pays_most_and_how_much_more_than_english(folder: Path, tmp_path: Path) -> None:
    loss = quantize_all(folder, tmp_path / "q", formats=("Q4_0",)).loss
    one = loss["files"]["model-q4_0.gguf"]
    values = {code: row["mean_divergence"]["value"] for code, row in one["languages"].items()}
    worst = max(values, key=lambda code: values[code])
    told = one["summary"]
    assert told["worst"]["language"] == worst and told["worst"]["value"] == values[worst]
    assert told["reference"]["value"] == values["en"]
    assert told["worst_to_reference"]["value"] == pytest.approx(values[worst] / values["en"], rel=0.01)
    assert told["mean"]["low"] <= told["mean"]["value"] <= told["mean"]["high"]
    assert one["bytes"] == (tmp_path / "q" / "model-q4_0.gguf").stat().st_size
    assert one["released_as"] == "gguf/model-q4_0.gguf" and loss["serve"] is None


def test_calibrating_in_equal_shares_helps_the_worst_language(folder: Path, tmp_path: Path) -> None:
    found = quantize_all(folder, tmp_path / "q", formats=("Q4_K_M",), calibrated=("Q4_K_M",))
    plain, calibrated = (found.loss["files"][name] for name in ("model-q4_k_m.gguf", "model-q4_k_m-calibrated.gguf"))
    assert calibrated["summary"]["worst"]["value"] < plain["summary"]["worst"]["value"]
    gain = calibrated["against_plain"]
    assert gain["file"] == "model-q4_k_m.gguf" and gain["worst"]["high"] < 0
    apart = calibrated["summary"]["worst"]["value"] - plain["summary"]["worst"]["value"]
    assert gain["worst"]["value"] == pytest.approx(apart, rel=0.05)
    fields = GGUFReader(tmp_path / "q" / "model-q4_k_m-calibrated.gguf").fields
    assert "3 languages, which weigh the same" in fields["quantize.imatrix.dataset"].contents()
    assert fields["quantize.imatrix.entries_count"].contents() == 2 * 7 + 1
    assert fields["general.license"].contents() == "Apache-2.0"


def test_the_artifact_does_not_depend_on_the_number_of_workers(folder: Path, tmp_path: Path) -> None:
    asked = {"formats": ("Q8_0",), "calibrated": ("Q4_0",)}
    one = quantize_all(folder, tmp_path / "one", **asked)
    two = quantize_all(folder, tmp_path / "two", 2, **asked)
    names = sorted(path.name for path in one.folder.iterdir())
    assert names == ["check.json", "loss.json", "model-q4_0-calibrated.gguf", "model-q8_0.gguf", "report.html"]
    for name in names:
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes(), name


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ({"Q4_0": {"mt": 1e-6, "*": 100.0}}, r"gates: mt: model-q4_0\.gguf has .* may have 1e-06 at most\.$"),
        ({"Q4_0": {"*": 1e-6}}, r"el: model-q4_0.*; en: model-q4_0.*; mt: model-q4_0"),
        ({"Q4_0": {"ga": 1.0}}, r"ga: model-q4_0\.gguf was not measured"),
        ({"Q8_0": {"mt": 1.0}}, r"Q8_0 has gates and is not made"),
    ],
)
def test_a_broken_gate_names_the_language(gates: object, said: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match=said):
        quantize_all(folder, tmp_path / "q", formats=("Q4_0",), gates=gates)


def test_a_file_of_other_weights_is_refused_by_language_before_anything_is_measured(
    folder: Path, tmp_path: Path
) -> None:
    write_gguf(Checkpoint.open(folder), tmp_path / "other.gguf", "Q4_0", TOLD)
    data = bytearray((tmp_path / "other.gguf").read_bytes())
    half = len(data) // 2
    data[half:] = bytes(reversed(data[half:]))
    (tmp_path / "other.gguf").write_bytes(data)
    original = CheckpointOriginal(folder, folder, TOLD)
    settings = QuantizeSettings(formats=(), calibrated=(), resamples=100)
    languages = of_lines({"mt": Parallel().lines("mt")}, settings, "files")
    from quantizing import context_of

    ready = [Made("Q4_0", False, tmp_path / "other.gguf")]
    with pytest.raises(OpenbookError, match=r"model-q4_0\.gguf, mt: mean KL divergence is .* It was not released"):
        quantize_files(settings, original, languages, ready, tmp_path, context_of(tmp_path), "ours")
    assert not (tmp_path / "loss.json").exists()


def test_every_language_is_checked_also_one_that_the_corpus_lacks(folder: Path, tmp_path: Path) -> None:
    quantize_all(folder, tmp_path / "q", formats=("Q8_0",))
    checked = json.loads((tmp_path / "q" / "check.json").read_text())["model-q8_0.gguf"]
    assert sorted(checked["languages"]) == [*LANGUAGES[:2], "ga", "mt"]
    assert all(one["texts"] > 20 and one["divergence"] < 0.01 for one in checked["languages"].values())


def test_importance_is_the_mean_square_over_languages_in_equal_shares(folder: Path) -> None:
    model = Checkpoint.open(folder).load()
    rows = {"a": [np.array([0, 5, 9])], "b": [np.array([0, 7]), np.array([0, 8, 8, 8])]}
    each = {code: of_rows(model, of_code) for code, of_code in rows.items()}
    found = combine(each)

    def squares(ids: Sequence[int]) -> np.ndarray:
        normed = model.model.layers[0].input_layernorm(model.model.embed_tokens(torch.tensor([list(ids)])))
        return normed[0].detach().double().square().sum(dim=0).numpy()

    a, b = squares([0, 5, 9]) / 3, (squares([0, 7]) + squares([0, 8, 8, 8])) / 6
    np.testing.assert_allclose(found["blk.0.attn_q.weight"], (a + b) / 2, rtol=1e-5)
    np.testing.assert_allclose(combine(each, {"a": 3, "b": 1})["blk.0.attn_k.weight"], (3 * a + b) / 4, rtol=1e-5)
    np.testing.assert_array_equal(found["blk.0.attn_q.weight"], found["blk.0.attn_v.weight"])
    assert found["blk.1.ffn_down.weight"].shape == (512,)
    assert "token_embd.weight" in found and "output.weight" not in found


def test_divergence_is_what_its_definition_gives() -> None:
    p, q = np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5])
    loss = row_loss(Said.of([0, 0], np.log(np.stack([p, p]))), np.log(np.stack([q, q])).astype(np.float32))
    assert loss.divergence[0] == pytest.approx(0.25 * np.log(2), rel=1e-6)
    assert loss.change[0] == pytest.approx(-0.25) and not loss.same_top[0]
    assert loss.theirs[0] - loss.ours[0] == pytest.approx(np.log(2))
    one = figures([loss], 4, 1, "x", 100, 0.95)
    assert one["mean_divergence"] == {"value": 0.173, "low": None, "high": None}
    assert one["bits_per_byte"] == 0.25 and one["bits_per_byte_quantized"] == 0.5


@pytest.mark.parametrize("apart", [1.0, 1e-2, 1e-4])
def test_divergence_is_that_of_torch_in_double_precision(apart: float) -> None:
    random = np.random.default_rng(1)
    ours = (random.normal(size=(20, 5_000)) * 4).astype(np.float32)
    theirs = (ours + apart * random.normal(size=ours.shape)).astype(np.float32)
    ids = random.integers(0, 5_000, 20)
    loss = row_loss(Said.of(ids, ours), theirs)
    p, q = (torch.from_numpy(one[:-1]).double().log_softmax(-1) for one in (ours, theirs))
    expected = torch.nn.functional.kl_div(q, p, reduction="none", log_target=True).sum(-1).numpy()
    np.testing.assert_allclose(loss.divergence, expected, rtol=1e-3, atol=2e-8)
    following = log_softmax(theirs)[np.arange(19), ids[1:]]
    np.testing.assert_allclose(loss.theirs, -following, rtol=1e-6)


def test_calibration_and_measuring_never_share_a_text() -> None:
    settings = QuantizeSettings(calibration_tokens=64, measured_bytes=2_000)
    lines = Parallel().lines("mt")
    [one] = of_lines({"mt": lines}, settings, "files")
    assert one.calibrate and one.measured and not set(one.calibrate) & set(one.measured)
    with pytest.raises(OpenbookError, match="mt: one text calibrates"):
        of_lines({"mt": lines[:1]}, settings, "files")
    corpus: object = Corpus()
    found = {one.language: one for one in of_run(corpus, Parallel(["en", "ga"]), settings)}  # type: ignore[arg-type]
    assert set(found["en"].calibrate) <= set(Parallel().lines("en")[0::2])
    assert set(found["en"].measured) <= set(Parallel().lines("en")[1::2])
    assert found["ga"].measured == () and found["ga"].checked and found["mt"].checked


def test_short_documents_are_read_on_in_rounds_until_there_is_enough() -> None:
    assert rounds(["a1 a2 a3", "b1"], 100, 2) == ["a1", "b1", "a2", "a3"]
    assert rounds(["a1 a2 a3", "b1"], 3, 2) == ["a1", "b1"]


def test_mixed_formats_give_more_bits_where_llama_cpp_does() -> None:
    kinds = {name: tensor_type(name, 512, "Q4_K_M", 16, True) for name in ("token_embd.weight", "blk.0.attn_q.weight")}
    assert kinds == {"token_embd.weight": "Q6_K", "blk.0.attn_q.weight": "Q4_K"}
    more = [
        layer for layer in range(16) if tensor_type(f"blk.{layer}.ffn_down.weight", 512, "Q4_K_M", 16, True) == "Q6_K"
    ]
    assert more == [0, 1, 4, 7, 10, 13, 14, 15]
    assert tensor_type("blk.0.attn_q.weight", 96, "Q4_K_M", 16, True) == "Q5_0"
    assert tensor_type("blk.0.attn_q.weight", 100, "Q4_K_M", 16, True) == "F16"


def test_calibration_rows_are_bounded_and_begin_with_the_start_token() -> None:
    rows = cut([np.arange(1, 50), np.arange(50, 200)], 0, 64, 100)
    assert [len(row) for row in rows] == [50, 50] and all(row[0] == 0 for row in rows)
    assert json.dumps([len(row) for row in cut([np.arange(9)] * 9, 0, 8, 17)]) == "[8, 8]"
