"""LoRA adapters: made for a model, saved as a PEFT folder, merged into whole weights, written as GGUF for llama.cpp."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openbook.books.store import atomic_path
from openbook.errors import OpenbookError
from openbook.model.checkpoint import read_json, write_json
from openbook.model.gguf import TENSORS, interleave
from openbook.tune.settings import MethodSettings

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."


def wrapped(model: Any, settings: MethodSettings) -> Any:
    """The model with an untrained adapter; itself for adapter = "none"."""
    if settings.adapter == "none":
        return model
    import peft
    import torch

    library: Any = peft
    if settings.adapter == "qlora":
        model = library.prepare_model_for_kbit_training(model, use_gradient_checkpointing=settings.recompute)
    torch.manual_seed(settings.seed)  # PEFT draws the first matrix of each pair
    config = library.LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=sorted(settings.targets),
        use_dora=settings.adapter == "dora",
        bias="none",
        task_type="CAUSAL_LM",
    )
    return library.get_peft_model(model, config)


def save(model: Any, folder: Path, base: str) -> None:
    """The adapter as a PEFT folder that names its base by `base`, not by a path of this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    for name in ("README.md", "chat_template.jinja"):
        (folder / name).unlink(missing_ok=True)
    config = read_json(folder / CONFIG)
    config["target_modules"] = sorted(config["target_modules"])  # PEFT keeps a set, whose order changes by process
    write_json(folder / CONFIG, config | {"base_model_name_or_path": base})


def merged(model: Any, adapter: Path | None) -> "dict[str, Tensor]":
    """The weights of the whole model, the product of the `adapter` folder's pairs added; tied ones once."""
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    tied = model.config.tie_word_embeddings
    return {
        name: tensor.detach().cpu()
        for name, tensor in model.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }


def write_gguf(folder: Path, heads: int, kv_heads: int, path: Path, name: str) -> None:
    """A PEFT folder of LoRA as the file that llama.cpp takes beside a base: `<tensor>.lora_a` [rank, inputs] and
    `.lora_b` [outputs, rank], in F32. `heads` and `kv_heads` are the base's.

    Rows of a query or key matrix are turned as those of the base are. Raises OpenbookError for what llama.cpp has no
    form for: DoRA, and trained tensors that are no LoRA pair.
    """
    from gguf import GGUFWriter

    told = read_json(folder / CONFIG)
    if told.get("use_dora") or told.get("use_rslora"):
        raise OpenbookError("llama.cpp knows plain LoRA alone: give the merged model to it instead of this adapter.")
    with atomic_path(path) as temporary:
        writer = GGUFWriter(temporary, "llama")
        try:
            writer.add_type("adapter")
            writer.add_name(name)
            writer.add_string("adapter.type", "lora")
            writer.add_float32("adapter.lora.alpha", float(told["lora_alpha"]))
            for tensor, array in _tensors(folder, {"attn_q": heads, "attn_k": kv_heads}):
                writer.add_tensor(tensor, array)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()


def _tensors(folder: Path, heads: Mapping[str, int]) -> Iterator[tuple[str, np.ndarray]]:
    from safetensors.torch import load_file

    found = load_file(folder / WEIGHTS)
    for name in sorted(found):
        parts = name.removeprefix(PREFIX).split(".")
        # model.layers.<n>.self_attn.q_proj.lora_A.weight
        ours = TENSORS.get(".".join(parts[3:5])) if len(parts) == 7 and parts[1] == "layers" else None
        if ours is None or parts[5] not in ("lora_A", "lora_B"):
            raise OpenbookError(f"the adapter trains {name}, which llama.cpp has no place for in an adapter.")
        array = found[name].float().numpy()
        second = parts[5] == "lora_B"
        if second and ours in heads:
            array = interleave(array, heads[ours])
        yield f"blk.{parts[2]}.{ours}.weight.lora_{'b' if second else 'a'}", np.ascontiguousarray(array, np.float32)
