"""A tiny model for the tests: a Llama of random weights over bytes and a few merges, as a GGUF and as a folder."""

import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WIDTH, LAYERS, HEADS, KV_HEADS, FORWARD, CONTEXT = 64, 2, 4, 2, 128, 512


def byte_letters() -> list[str]:
    """The letters that stand for the 256 bytes in byte-level BPE (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(extra)) for byte in range(256)]


def write(path: Path, *, template: str | None = TEMPLATE, seed: int = 1, add_bos: bool = True) -> Path:
    """Write the model; the same seed gives the same bytes."""
    random = np.random.Generator(np.random.Philox(seed))
    tokens = vocabulary()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_license("Apache-2.0")
    writer.add_languages(["en", "mt"])
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FORWARD)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL)))
    writer.add_token_merges(["t h", "h e", "Ġ t"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_add_bos_token(add_bos)
    if template:
        writer.add_chat_template(template)
    for name, values in weights(random, len(tokens)).items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def vocabulary() -> list[str]:
    return [*SPECIAL, *byte_letters(), "th", "he", "Ġt"]


def weights(random: np.random.Generator, entries: int) -> dict[str, np.ndarray]:
    """In GGUF's names and layout."""
    return {
        name: (np.ones(shape) if "norm" in name else random.normal(0, 0.25, shape)).astype(np.float32)
        for name, shape in shapes(entries).items()
    }


HUGGING_FACE = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def huggingface_name(name: str) -> str:
    """`blk.0.attn_q.weight` -> `model.layers.0.self_attn.q_proj.weight`."""
    if not name.startswith("blk."):
        return f"{OUTER[name.removesuffix('.weight')]}.weight"
    _, layer, kind, _ = name.split(".")
    return f"model.layers.{layer}.{HUGGING_FACE[kind]}.weight"


def half_rotation(name: str, values: np.ndarray) -> np.ndarray:
    """GGUF's queries and keys, whose pairs are neighbors, with Hugging Face's pairs half a head apart."""
    if "attn_q" not in name and "attn_k" not in name:
        return values
    heads = HEADS if "attn_q" in name else KV_HEADS
    return values.reshape(heads, -1, 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape).copy()


def write_folder(folder: Path, *, template: str | None = TEMPLATE, seed: int = 1) -> Path:
    """The same model as `write` gives, as a Hugging Face folder."""
    folder.mkdir(parents=True)
    random = np.random.Generator(np.random.Philox(seed))
    found = weights(random, len(vocabulary()))
    save_file(
        {huggingface_name(name): half_rotation(name, values) for name, values in found.items()},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
        "intermediate_size": FORWARD, "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-5,
        "rope_theta": 10_000.0, "vocab_size": len(vocabulary()), "tie_word_embeddings": False,
        "bos_token_id": 0, "eos_token_id": 0, "hidden_act": "silu",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    specials = {"bos_token": SPECIAL[0], "eos_token": SPECIAL[0], "add_bos_token": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(specials | {"chat_template": template}))
    plain = [token for token in vocabulary() if token not in SPECIAL]
    start = {"SpecialToken": {"id": SPECIAL[0], "type_id": 0}}
    pair = [start, {"Sequence": {"id": "A", "type_id": 0}}]
    definition = {
        "version": "1.0",
        "added_tokens": [
            {"id": number, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True} for number, text in enumerate(SPECIAL)
        ],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "post_processor": {
            "type": "TemplateProcessing", "single": pair, "pair": [*pair, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {SPECIAL[0]: {"id": SPECIAL[0], "ids": [0], "tokens": [SPECIAL[0]]}},
        },
        "model": {
            "type": "BPE", "vocab": {text: number + len(SPECIAL) for number, text in enumerate(plain)},
            "merges": [["t", "h"], ["h", "e"], ["Ġ", "t"]], "byte_fallback": False, "ignore_merges": False,
        },
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(definition, ensure_ascii=False))
    return folder


RANK = 4


def adapter_weights(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """A and B of a LoRA on every linear layer, in GGUF's names and layout; strong enough to change every answer."""
    random = np.random.Generator(np.random.Philox(seed))
    return {
        name: tuple(random.normal(0, 0.3, shape).astype(np.float32) for shape in ((RANK, sides[1]), (sides[0], RANK)))  # type: ignore[misc]
        for name, sides in shapes(len(vocabulary())).items()
        if len(sides) == 2 and name.startswith("blk.")
    }


def write_adapter(path: Path, seed: int = 7) -> Path:
    """A LoRA as llama.cpp reads it; alpha is the rank, so that B A is added as it is."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    for name, (down, up) in adapter_weights(seed).items():
        writer.add_tensor(f"{name}.lora_a", down)
        writer.add_tensor(f"{name}.lora_b", up)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_peft(folder: Path, seed: int = 7) -> Path:
    """The same LoRA as PEFT writes it."""
    folder.mkdir(parents=True)
    tensors = {}
    for name, (down, up) in adapter_weights(seed).items():
        stem = f"base_model.model.{huggingface_name(name).removesuffix('.weight')}"
        tensors[f"{stem}.lora_A.weight"] = down
        tensors[f"{stem}.lora_B.weight"] = half_rotation(name, up)
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    settings = {"peft_type": "LORA", "r": RANK, "lora_alpha": RANK, "bias": "none", "task_type": "CAUSAL_LM"}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


def shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    key_width = WIDTH // HEADS * KV_HEADS
    found: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (vocabulary, WIDTH),
        "output_norm.weight": (WIDTH,),
        "output.weight": (vocabulary, WIDTH),
    }
    for layer in range(LAYERS):
        found |= {
            f"blk.{layer}.attn_norm.weight": (WIDTH,),
            f"blk.{layer}.attn_q.weight": (WIDTH, WIDTH),
            f"blk.{layer}.attn_k.weight": (key_width, WIDTH),
            f"blk.{layer}.attn_v.weight": (key_width, WIDTH),
            f"blk.{layer}.attn_output.weight": (WIDTH, WIDTH),
            f"blk.{layer}.ffn_norm.weight": (WIDTH,),
            f"blk.{layer}.ffn_gate.weight": (FORWARD, WIDTH),
            f"blk.{layer}.ffn_up.weight": (FORWARD, WIDTH),
            f"blk.{layer}.ffn_down.weight": (WIDTH, FORWARD),
        }
    return found
