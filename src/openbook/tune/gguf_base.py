"""A GGUF file of a Llama model as a Hugging Face folder: weights as numbers again, the tokenizer as tokenizer.json.

What quantizing lost stays lost: the folder computes what the file computes, and the record says where it came from.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openbook.errors import OpenbookError
from openbook.model.checkpoint import read_json, write_huggingface, write_json
from openbook.model.config import TransformerConfig
from openbook.model.gguf import OUTER, TENSORS
from openbook.model.gguf_tokenizer import CONTROL, USER_DEFINED, split_stages
from openbook.model.llama_cpp import LlamaCpp, require_gguf

if TYPE_CHECKING:
    from gguf import GGUFReader
    from torch import Tensor

CHECKED = ("In 2024, 1234567 people; it's  done!\n\n\tfor x in y: z += 3", "Dobré ráno, Ελλάδα, ħobż 🙂 ١٢٣", " a  b\n")
"""Texts that the written tokenizer.json must split as llama.cpp splits them from the file."""


def facts(path: Path) -> dict[str, str | None]:
    """What the file says of its model: name, license, link, and the format of most of its matrices."""
    fields = _fields(_reader(path))
    address = fields.get("general.source.url") or fields.get("general.url")
    tensors = [tensor.tensor_type.name for tensor in _reader(path).tensors if len(tensor.shape) > 1]
    most = max(sorted(set(tensors)), key=tensors.count)
    names = ("general.name", "general.license")
    name, license_ = (str(fields[key]) if fields.get(key) else None for key in names)
    return {"name": name, "license": license_, "link": str(address) if address else None, "format": most}


def write_folder(path: Path, folder: Path) -> None:
    """Raises OpenbookError for a file that is no Llama, or whose tokenizer is not one that can be written exactly."""
    reader = _reader(path)
    fields = _fields(reader)
    if fields.get("general.architecture") != "llama":
        raise OpenbookError(f"{path} holds a {fields.get('general.architecture')} model; only Llama models are tuned.")
    folder.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(path, fields, folder)
    config = _config(fields, reader)
    write_huggingface(folder, _tensors(reader, config), config, None)
    _check_tokenizer(path, folder)


def _reader(path: Path) -> "GGUFReader":
    from gguf import GGUFReader

    require_gguf(path)
    try:
        return GGUFReader(path)
    except (ValueError, IndexError, OSError) as error:
        raise OpenbookError(f"{path} cannot be read as GGUF: {error}. Fetch it again.") from None


def _fields(reader: "GGUFReader") -> dict[str, Any]:
    return {name: one.contents() for name, one in reader.fields.items()}


def _config(fields: dict[str, Any], reader: "GGUFReader") -> TransformerConfig:
    names = {tensor.name for tensor in reader.tensors}
    if "rope_freqs.weight" in names:
        raise OpenbookError("a GGUF file with stretched positions (rope_freqs) cannot be a base: take its folder.")
    heads = int(fields["llama.attention.head_count"])
    dim = int(fields["llama.embedding_length"])
    embedding = next(tensor for tensor in reader.tensors if tensor.name == "token_embd.weight")
    bos = int(fields.get("tokenizer.ggml.bos_token_id", 0))
    pad = fields.get("tokenizer.ggml.padding_token_id")
    return TransformerConfig(
        vocabulary=int(embedding.shape[1]),
        dim=dim,
        layers=int(fields["llama.block_count"]),
        heads=heads,
        kv_heads=int(fields.get("llama.attention.head_count_kv", heads)),
        feed_forward=int(fields["llama.feed_forward_length"]),
        context=int(fields["llama.context_length"]),
        head_dim=int(fields.get("llama.attention.key_length", dim // heads)),
        rope_theta=float(fields.get("llama.rope.freq_base", 10_000.0)),
        norm_epsilon=float(fields["llama.attention.layer_norm_rms_epsilon"]),
        tied="output.weight" not in names,
        bos=bos,
        eos=(int(fields.get("tokenizer.ggml.eos_token_id", bos)),),
        pad=None if pad is None else int(pad),
        attention_bias="blk.0.attn_q.bias" in names,
        mlp_bias="blk.0.ffn_gate.bias" in names,
    )


def _tensors(reader: "GGUFReader", config: TransformerConfig) -> "dict[str, Tensor]":
    import torch
    from gguf import dequantize

    theirs = {ours: name for name, ours in OUTER.items()}
    blocks = {ours: name for name, ours in TENSORS.items()}
    heads = {"attn_q": config.heads, "attn_k": config.kv_heads}
    found = {}
    for tensor in reader.tensors:
        name, _, kind = tensor.name.rpartition(".")
        array = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        parts = name.split(".")
        if parts[0] == "blk":
            count = heads.get(parts[2])
            array = turned_back(array, count) if count else array
            full = f"model.layers.{parts[1]}.{blocks[parts[2]]}.{kind}"
        else:
            full = f"{theirs[name]}.{kind}"
        found[full] = torch.from_numpy(np.ascontiguousarray(array))
    return found


def turned_back(matrix: np.ndarray, heads: int) -> np.ndarray:
    """The inverse of `openbook.model.gguf.interleave`; a bias is a vector."""
    pairs = matrix.reshape(heads, matrix.shape[0] // heads // 2, 2, *matrix.shape[1:])
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(matrix.shape))


def _write_tokenizer(path: Path, fields: dict[str, Any], folder: Path) -> None:
    pre = str(fields.get("tokenizer.ggml.pre"))
    stages = split_stages(pre)
    if fields.get("tokenizer.ggml.model") != "gpt2" or stages is None:
        raise OpenbookError(
            f"{path} splits text by {fields.get('tokenizer.ggml.model')}/{pre}, which cannot be written as a "
            "tokenizer.json here: take the model's Hugging Face folder as the base."
        )
    tokens: list[str] = fields["tokenizer.ggml.tokens"]
    types: list[int] = fields.get("tokenizer.ggml.token_type", [1] * len(tokens))
    added = [
        {
            "id": number,
            "content": token,
            "special": types[number] == CONTROL,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
        }
        for number, token in enumerate(tokens)
        if types[number] in (CONTROL, USER_DEFINED)
    ]
    adds, bos = fields.get("tokenizer.ggml.add_bos_token", False), fields.get("tokenizer.ggml.bos_token_id")
    model = {
        "type": "BPE",
        "vocab": {token: number for number, token in enumerate(tokens)},
        "merges": [merge.split(" ") for merge in fields["tokenizer.ggml.merges"]],
        "ignore_merges": pre == "llama-bpe",
    }
    definition = {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": stages},
        "post_processor": _beginning(tokens[bos], bos) if adds and bos is not None else None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": model,
    }
    write_json(folder / "tokenizer.json", definition)
    named = {
        key: tokens[int(fields[f"tokenizer.ggml.{place}_token_id"])]
        for key, place in (("bos_token", "bos"), ("eos_token", "eos"), ("pad_token", "padding"))
        if f"tokenizer.ggml.{place}_token_id" in fields
    }
    template = fields.get("tokenizer.chat_template")
    settings: dict[str, Any] = {**named, "tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": bool(adds)}
    write_json(folder / "tokenizer_config.json", settings | ({"chat_template": template} if template else {}))


def _beginning(token: str, number: int) -> dict[str, Any]:
    single: list[dict[str, Any]] = [
        {"SpecialToken": {"id": token, "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
    ]
    pair = [*single, {"Sequence": {"id": "B", "type_id": 1}}]
    tokens = {token: {"id": token, "ids": [number], "tokens": [token]}}
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens}


def _check_tokenizer(path: Path, folder: Path) -> None:
    from tokenizers import Tokenizer

    ours = Tokenizer.from_str(json.dumps(read_json(folder / "tokenizer.json")))
    with LlamaCpp(path, 16) as llama:
        for text in CHECKED:
            theirs = llama.tokenize(text)
            if ours.encode(text, add_special_tokens=False).ids != theirs:
                raise OpenbookError(
                    f"{path}: the tokenizer written from it splits {text[:30]!r} otherwise than llama.cpp does: take "
                    "the model's Hugging Face folder as the base."
                )
