"""What a release tells of its files: which there are, which is served, what each language loses with them."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from quantizing import quantize_all
from tests.release.folder import SAID, write_folder

from openbook.errors import OpenbookError
from openbook.quantize import Quantized, QuantizeSettings
from openbook.release import documents
from openbook.release.bundle import LOSS, _quantized


def test_the_model_card_names_each_file_with_its_size_and_who_pays(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, SAID)
    documents.write(folder)
    card = (folder / "README.md").read_text(encoding="utf-8")
    table = card[card.index("## Files, and what a language loses with each") :].split("\n## ")[0]
    rows = [line for line in table.splitlines() if "gguf/" in line]
    assert [row.split("gguf/model-")[1][:2] for row in rows] == ["f1", "q4"], "the largest file first"
    assert "Malti (mt)" in rows[1] and "| [4]" in rows[1] and "reports/loss.json" in rows[1]
    german = (folder / "documents" / "de" / "model-card.md").read_text(encoding="utf-8")
    assert "Dateien und was eine Sprache mit jeder verliert" in german


def test_the_files_and_their_loss_go_into_the_release_and_the_recipe_says_which_is_served(
    folder: Path, tmp_path: Path
) -> None:
    made = quantize_all(folder, tmp_path / "q", formats=("F16", "Q8_0"), calibrated=("Q8_0",), serve="Q8_0")
    released = {target: path for path, target in _quantized(made.folder).items()}
    assert sorted(released) == [
        "gguf/model-f16.gguf", "gguf/model-q8_0-calibrated.gguf", "gguf/model-q8_0.gguf", "reports/loss.json",
        "reports/quantized-check.json",
    ]  # fmt: skip
    loss = json.loads(released[LOSS].read_bytes())
    assert {f"reports/{Path(LOSS).name}", *(one["released_as"] for one in loss["files"].values())} <= set(released)
    assert made.served == "gguf/model-q8_0-calibrated.gguf"
    assert quantize_all(folder, tmp_path / "p", formats=("F16", "Q8_0")).served == "gguf/model-f16.gguf"
    with pytest.raises(OpenbookError, match=r"quantize\.serve asks for Q6_K, which is not made here; there are Q8_0"):
        quantize_all(folder, tmp_path / "r", formats=("Q8_0",), serve="Q6_K")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"formats": ("Q8_0", "Q8_0")}, "Q8_0 stands there twice"),
        ({"calibrated": ("F16",)}, "F16 has no use for an importance matrix"),
        ({"formats": ("Q9",)}, "formats"),
        ({"gates": {"Q9": {"mt": 1}}}, "gates"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        QuantizeSettings.model_validate(settings)


def test_a_folder_that_was_not_quantized_is_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(OpenbookError, match=r"holds no quantized files: it has no loss\.json"):
        Quantized.open(tmp_path)
