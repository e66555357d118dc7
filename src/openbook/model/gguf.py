"""A checkpoint as one GGUF file, the form that llama.cpp and everything built on it reads."""

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from openbook.books.store import atomic_path
from openbook.errors import OpenbookError
from openbook.model.checkpoint import Checkpoint
from openbook.model.config import TransformerConfig
from openbook.model.formats import Format, format_of, tensor_type
from openbook.model.gguf_tokenizer import GgufTokenizer
from openbook.model.quantizer import quantized

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType, GGUFWriter
    from torch import Tensor

TENSORS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
"""A block's tensors: Hugging Face's name -> llama.cpp's."""
OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


@dataclass(frozen=True)
class Provenance:
    """What a model file says of itself, so that it is known wherever it is copied to."""

    name: str
    license: str | None = None
    """SPDX identifier of the weights' license."""
    languages: tuple[str, ...] = ()
    """BCP 47 codes."""
    datasets: tuple[str, ...] = ()
    """Names or addresses of what it was trained on. No Merkle root: that stands in the release's manifest alone."""
    bases: tuple[tuple[str, str], ...] = ()
    """Models it was made from: (name, address); the address may be empty."""
    organization: str | None = None
    """Who provides it; also named as author, and as who quantized it."""
    version: str | None = None
    description: str | None = None
    url: str | None = None
    """Where the release is published."""
    license_link: str | None = None


@dataclass(frozen=True)
class Calibration:
    """What tells a quantized format which columns of a matrix matter, and what a file says of it."""

    importance: Mapping[str, np.ndarray]
    """Tensor in llama.cpp's name -> weight of each of its columns."""
    texts: str
    """Which texts it was measured on, in a few words."""
    chunks: int
    """How many rows of ids they were."""


def write_gguf(
    checkpoint: Checkpoint,
    path: Path,
    kind: str,
    provenance: Provenance,
    calibration: Calibration | None = None,
) -> None:
    """Write `checkpoint` in the format `kind`, a key of `formats.FORMATS`. Same checkpoint, same bytes.

    Raises OpenbookError for an unknown format, and for a tokenizer that llama.cpp would not follow exactly.
    """
    from gguf import GGUFWriter

    chosen = format_of(kind)
    config = checkpoint.config
    tokenizer = GgufTokenizer.read(checkpoint.folder, config.vocabulary, config.bos, config.eos[0])
    tensors = checkpoint.tensors()
    with atomic_path(path) as temporary:
        writer = GGUFWriter(temporary, "llama")
        try:
            _write_provenance(writer, provenance, tensors, chosen.quantized)
            _write_shape(writer, config, chosen)
            tokenizer.write(writer)
            write_body(writer, named_tensors(tensors, config), kind, config, calibration)
        finally:
            writer.close()


def write_body(
    writer: "GGUFWriter",
    tensors: Iterable[tuple[str, np.ndarray]],
    kind: str,
    config: TransformerConfig,
    calibration: Calibration | None,
) -> None:
    """What follows a file's own keys: the calibration's, then the tensors (name, array), each as the format `kind`
    stores it; the file is whole after that."""
    importance = calibration.importance if calibration else {}
    if calibration:
        write_calibration(writer, calibration)
    for name, array in tensors:
        as_type = tensor_type(name, array.shape[-1], kind, config.layers, config.tied)
        data, stored_as = stored(array, as_type, importance.get(name))
        writer.add_tensor(name, data, raw_dtype=stored_as)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()


def _write_provenance(
    writer: "GGUFWriter", provenance: Provenance, tensors: "dict[str, Tensor]", quantized: bool
) -> None:
    """Keys as the GGUF specification names them, under "General metadata"."""
    from gguf.utility import size_label

    writer.add_type("model")
    writer.add_name(provenance.name)
    writer.add_uuid(weights_uuid(tensors))
    weights = sum(tensor.numel() for tensor in tensors.values())
    writer.add_size_label(size_label(weights, weights, 0, 0))
    told = {
        writer.add_author: provenance.organization,
        writer.add_organization: provenance.organization,
        writer.add_quantized_by: provenance.organization if quantized else None,
        writer.add_version: provenance.version,
        writer.add_description: provenance.description,
        writer.add_url: provenance.url,
        writer.add_source_url: provenance.url,
        writer.add_license: provenance.license,
        writer.add_license_link: provenance.license_link,
    }
    for add, value in told.items():
        if value:
            add(value)
    if provenance.languages:
        writer.add_languages(list(provenance.languages))
    if provenance.datasets:
        writer.add_array("general.datasets", list(provenance.datasets))
        writer.add_dataset_count(len(provenance.datasets))
        for index, name in enumerate(provenance.datasets):
            writer.add_dataset_name(index, name.rsplit("/", 1)[-1] if "://" in name else name)
            if "://" in name:
                writer.add_dataset_url(index, name)
    if provenance.bases:
        writer.add_base_model_count(len(provenance.bases))
        for index, (name, address) in enumerate(provenance.bases):
            writer.add_base_model_name(index, name)
            if address:
                writer.add_base_model_url(index, address)


def _write_shape(writer: "GGUFWriter", config: TransformerConfig, chosen: Format) -> None:
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.dim)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.feed_forward)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)
    writer.add_vocab_size(config.vocabulary)
    writer.add_file_type(chosen.file_type)
    if chosen.quantized:
        writer.add_quantization_version(2)


def write_calibration(writer: "GGUFWriter", calibration: Calibration) -> None:
    """In the keys that llama.cpp's own program writes."""
    writer.add_string("quantize.imatrix.dataset", calibration.texts)
    writer.add_int32("quantize.imatrix.entries_count", len(calibration.importance))
    writer.add_int32("quantize.imatrix.chunks_count", calibration.chunks)


def named_tensors(tensors: "dict[str, Tensor]", config: TransformerConfig) -> Iterator[tuple[str, np.ndarray]]:
    """Every tensor in llama.cpp's name and layout, in fp32: outer ones first, then block by block."""
    for theirs, ours in OUTER.items():
        if theirs == "lm_head" and config.tied:
            continue  # llama.cpp uses the embedding where there is no output tensor
        yield f"{ours}.weight", tensors[f"{theirs}.weight"].numpy()
    if config.rope_scaling:
        yield "rope_freqs.weight", rope_factors(config)
    for layer in range(config.layers):
        for theirs, ours in TENSORS.items():
            array = tensors[f"model.layers.{layer}.{theirs}.weight"].numpy()
            if ours == "attn_q":
                array = interleave(array, config.heads)
            elif ours == "attn_k":
                array = interleave(array, config.kv_heads)
            yield f"blk.{layer}.{ours}.weight", array
            bias = tensors.get(f"model.layers.{layer}.{theirs}.bias")
            if bias is not None:
                yield f"blk.{layer}.{ours}.bias", _turned(bias.numpy(), ours, config)


def _turned(bias: np.ndarray, ours: str, config: TransformerConfig) -> np.ndarray:
    """The bias of a query or key matrix in the order of its rows."""
    heads = {"attn_q": config.heads, "attn_k": config.kv_heads}.get(ours)
    return interleave(bias[:, None], heads)[:, 0] if heads else bias


def interleave(matrix: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a query or key matrix from half-rotation order (i beside i + E/2) to llama.cpp's (neighbors turn)."""
    rows, columns = matrix.shape
    halves = matrix.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))


def rope_factors(config: TransformerConfig) -> np.ndarray:
    """What llama.cpp divides each rotary frequency by, [E / 2], for models with Llama 3.1's stretched positions."""
    scaling = config.rope_scaling
    if scaling is None:
        return np.ones(config.head_dim // 2, np.float32)
    exponents = np.arange(0, config.head_dim, 2) / config.head_dim
    wavelengths = 2 * np.pi * config.rope_theta**exponents
    span = scaling.high_frequency - scaling.low_frequency
    kept = np.clip((scaling.original_context / wavelengths - scaling.low_frequency) / span, 0, 1)
    return (1 / (kept + (1 - kept) / scaling.factor)).astype(np.float32)


def stored(
    array: np.ndarray, as_type: str, importance: np.ndarray | None = None
) -> "tuple[np.ndarray, GGMLQuantizationType]":
    """The bytes of a tensor in one of ggml's types. Vectors (norms) stay in F32."""
    from gguf import GGMLQuantizationType, quantize

    if array.ndim == 1 or as_type == "F32":
        return np.ascontiguousarray(array, np.float32), GGMLQuantizationType.F32
    if as_type == "F16":
        if np.abs(array).max() > float(np.finfo(np.float16).max):
            raise OpenbookError("a weight is too large for F16 (over 65,504): the model has diverged, or choose BF16.")
        return array.astype(np.float16), GGMLQuantizationType.F16
    target = GGMLQuantizationType[as_type]
    if as_type == "BF16":
        return quantize(array, target), target
    return quantized(array, as_type, importance), target


def weights_uuid(tensors: "dict[str, Tensor]") -> str:
    """A UUID that follows from the weights alone (RFC 9562, version 8 over SHA-256)."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensors[name].numpy()).tobytes())
    value = int.from_bytes(digest.digest()[:16], "big")
    value = value & ~(0xF << 76) & ~(0x3 << 62) | (8 << 76) | (2 << 62)
    return str(uuid.UUID(int=value))
