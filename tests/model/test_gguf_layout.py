"""What GGUF's description demands of a file's layout, in files of every format, by the `gguf` package's own reader."""

import struct
from pathlib import Path

import pytest
from gguf import GGUFReader
from gguf.constants import GGML_QUANT_SIZES
from tiny import write_model

from openbook.model import Checkpoint
from openbook.model.formats import FORMATS
from openbook.model.gguf import Provenance, write_gguf

LONGEST_NAME = 64
"""Bytes of a tensor's name: docs/gguf.md of ggml."""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """More layers than a letter can count, and biases: the longest names that a Llama has here."""
    shape = {"num_hidden_layers": 11, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False}
    return Checkpoint.open(write_model(tmp_path_factory.mktemp("model"), **shape))


@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0", "Q4_0", "Q5_1"])
def test_names_are_short_and_tensors_begin_where_the_alignment_says(
    checkpoint: Checkpoint, tmp_path: Path, kind: str
) -> None:
    assert kind in FORMATS
    path = tmp_path / "model.gguf"
    write_gguf(checkpoint, path, kind, Provenance("Tiny"))
    reader = GGUFReader(path)
    told = reader.get_field("general.alignment")
    alignment = int(told.contents()) if told else 32
    assert reader.alignment == alignment and alignment % 8 == 0
    assert len(reader.tensors) == 11 * 16 + 3
    end = reader.data_offset
    for tensor in reader.tensors:
        assert len(tensor.name.encode()) <= LONGEST_NAME
        offset = int(tensor.field.parts[-1][0])  # as the file states it, behind the beginning of the data
        assert offset % alignment == 0
        assert tensor.data_offset == reader.data_offset + offset
        assert end <= tensor.data_offset < end + alignment  # no tensor over another, no hole but for the alignment
        block, block_bytes = GGML_QUANT_SIZES[tensor.tensor_type]
        assert tensor.n_bytes == int(tensor.n_elements) // block * block_bytes
        end = tensor.data_offset + int(tensor.n_bytes)
    assert end <= path.stat().st_size < end + alignment
    assert path.read_bytes()[:8] == b"GGUF" + struct.pack("<I", 3)
