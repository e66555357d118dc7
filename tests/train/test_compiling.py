"""What a killed run left of its compiling does not make the next one compute in another way."""

from pathlib import Path

import pytest

from openbook.model import TransformerConfig
from openbook.progress import quiet
from openbook.train import TrainSettings, arithmetic
from openbook.train.initial import initial_model

SHAPE = TransformerConfig(
    vocabulary=64, dim=32, layers=1, heads=2, kv_heads=1, feed_forward=64, context=16, head_dim=16
)


@pytest.mark.parametrize("mends", [True, False])
def test_a_compiled_form_that_cannot_be_loaded_is_made_anew_once(
    mends: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = tmp_path / "compiled" / "half.so"
    half.parent.mkdir()
    half.write_bytes(b"\x7fEL")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(half.parent))
    monkeypatch.setattr(arithmetic, "compiler", lambda: "g++")
    tried = []

    def trial() -> None:
        tried.append(half.exists())
        if half.exists() or (not mends and len(tried) < 3):
            raise ImportError("invalid ELF header")

    model = initial_model(SHAPE, seed=1)
    device = arithmetic.choose_device()
    found = arithmetic.prepare(model, TrainSettings(), device, tmp_path, quiet(), trial, 1)
    assert found.compiled is mends
    assert tried == ([True, False] if mends else [True, False, False])
