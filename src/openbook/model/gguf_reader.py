"""A GGUF file of a Llama model read back: as a model that is computed here, and as a smaller file of the same model."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openbook.books.store import atomic_path
from openbook.errors import OpenbookError
from openbook.model.checkpoint import fill
from openbook.model.config import TransformerConfig
from openbook.model.formats import format_of
from openbook.model.gguf import OUTER, TENSORS, Calibration, write_body
from openbook.model.llama_cpp import require_gguf

if TYPE_CHECKING:
    from gguf import GGUFReader

    from openbook.model.transformer import Transformer

WHOLE = frozenset({"F32", "F16", "BF16"})
_OWN_KEYS = ("GGUF.", "general.architecture", "general.file_type", "general.quantization_version", "quantize.")
"""Keys that a rewritten file has of its own."""


@dataclass(frozen=True)
class GgufModel:
    path: Path

    @classmethod
    def open(cls, path: Path) -> "GgufModel":
        """Raises OpenbookError for what is no GGUF file of a Llama model, or one whose weights are quantized."""
        require_gguf(path)
        model = cls(path)
        architecture = model.value("general.architecture")
        if architecture != "llama":
            raise OpenbookError(f"{path} is a model of the kind {architecture!r}; only those of Llama's can be read.")
        lossy = sorted({tensor.tensor_type.name for tensor in model.reader.tensors} - WHOLE)
        if lossy:
            raise OpenbookError(
                f"{path} is quantized already ({', '.join(lossy)}), and what was lost does not come back: name the "
                "model's F16, BF16 or F32 file, or its Hugging Face folder."
            )
        return model

    @cached_property
    def reader(self) -> "GGUFReader":
        from gguf import GGUFReader

        return GGUFReader(self.path)

    def value(self, key: str, default: Any = None) -> Any:
        field = self.reader.fields.get(key)
        return default if field is None else field.contents()

    @cached_property
    def config(self) -> TransformerConfig:
        """Raises OpenbookError for a file that lacks one of its shape's keys."""

        def needed(key: str) -> Any:
            found = self.value(f"llama.{key}")
            if found is None:
                raise OpenbookError(f"{self.path} does not say llama.{key}.")
            return found

        heads, dim = int(needed("attention.head_count")), int(needed("embedding_length"))
        names = {tensor.name: tensor for tensor in self.reader.tensors}
        return TransformerConfig(
            vocabulary=int(names["token_embd.weight"].shape[1]),
            dim=dim,
            layers=int(needed("block_count")),
            heads=heads,
            kv_heads=int(self.value("llama.attention.head_count_kv", heads)),
            feed_forward=int(needed("feed_forward_length")),
            context=int(needed("context_length")),
            head_dim=int(self.value("llama.rope.dimension_count", dim // heads)),
            rope_theta=float(self.value("llama.rope.freq_base", 10_000.0)),
            norm_epsilon=float(needed("attention.layer_norm_rms_epsilon")),
            tied="output.weight" not in names,
            attention_bias="blk.0.attn_q.bias" in names,
            mlp_bias="blk.0.ffn_up.bias" in names,
        )

    def arrays(self) -> Mapping[str, np.ndarray]:
        """Every tensor in fp32, in llama.cpp's layout."""
        from gguf.quants import dequantize

        return {
            tensor.name: np.asarray(dequantize(tensor.data, tensor.tensor_type), np.float32)
            for tensor in self.reader.tensors
        }

    def transformer(self) -> "Transformer":
        """Raises OpenbookError for stretched positions, of which a GGUF file keeps factors but not their rule."""
        import torch

        from openbook.model.transformer import Transformer

        arrays = self.arrays()
        if "rope_freqs.weight" in arrays:
            raise OpenbookError(
                f"{self.path} has stretched positions (rope_freqs): calibrate from the Hugging Face folder of the "
                "model, or leave calibration out."
            )
        config = self.config
        found: dict[str, Any] = {}
        for theirs, ours in OUTER.items():
            if f"{ours}.weight" in arrays:
                found[f"{theirs}.weight"] = arrays[f"{ours}.weight"]
        turned = {"attn_q": config.heads, "attn_k": config.kv_heads}
        for layer in range(config.layers):
            for theirs, ours in TENSORS.items():
                for part in ("weight", "bias"):
                    array = arrays.get(f"blk.{layer}.{ours}.{part}")
                    if array is not None:
                        whole = half_rotation(array, turned[ours]) if ours in turned else array
                        found[f"model.layers.{layer}.{theirs}.{part}"] = whole
        with torch.device("meta"):
            model = Transformer(config)
        fill(model, {name: torch.from_numpy(np.array(array)) for name, array in found.items()}, self.path)
        return model.eval()

    def write(self, path: Path, kind: str, calibration: Calibration | None = None) -> None:
        """The same model in another format: its keys as they are, its matrices anew. Same file, same bytes."""
        from gguf import GGUFValueType, GGUFWriter

        chosen = format_of(kind)
        with atomic_path(path) as temporary:
            writer = GGUFWriter(temporary, "llama")
            try:
                for field in self.reader.fields.values():
                    if not field.name.startswith(_OWN_KEYS):
                        inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
                        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
                writer.add_file_type(chosen.file_type)
                if chosen.quantized:
                    writer.add_quantization_version(2)
                write_body(writer, self.arrays().items(), kind, self.config, calibration)
            finally:
                writer.close()


def half_rotation(array: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a query or key matrix from llama.cpp's order back to Hugging Face's; `gguf.interleave` undone."""
    pairs = array.reshape(heads, len(array) // heads // 2, 2, *array.shape[1:])
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(array.shape))
