"""A low-rank adapter as PEFT writes it, read for our own engine."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from openbook.errors import OpenbookError
from openbook.model import TransformerConfig

NAME = re.compile(r"^base_model\.model\.(model\.layers\.\d+\.(?:self_attn|mlp)\.\w+_proj)\.lora_([AB])\.weight$")
LARGEST_RANK = 1024


@dataclass(frozen=True, eq=False)
class Adapter:
    """What is added to a model's matrices: name of the layer -> (A [rank, inputs], B [outputs, rank], scaled)."""

    pairs: Mapping[str, tuple[Tensor, Tensor]]


def read(folder: Path, config: TransformerConfig) -> Adapter:
    """Raises OpenbookError for a folder that is no LoRA of a Llama of this shape."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        settings = json.loads((folder / "adapter_config.json").read_bytes())
        tensors = load_file(folder / "adapter_model.safetensors")
    except (FileNotFoundError, NotADirectoryError) as missing:
        raise OpenbookError(
            f"{folder} is not a PEFT adapter: it lacks {Path(str(missing.filename or missing)).name}. Give the folder "
            "that holds adapter_config.json and adapter_model.safetensors."
        ) from None
    except (SafetensorError, OSError, ValueError) as trouble:
        raise OpenbookError(f"The adapter {folder} cannot be read: {trouble}.") from None
    _check(folder, settings)
    halves: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        found = NAME.match(name)
        if not found:
            raise OpenbookError(f"The adapter {folder} changes {name}; only a Llama's linear layers can be changed.")
        halves.setdefault(found[1], {})[found[2]] = tensor.to(torch.float32)
    shapes = _shapes(config)
    pairs = {}
    for name, half in halves.items():
        down, up = half.get("A"), half.get("B")
        wanted = shapes.get(name)
        if down is None or up is None or wanted is None or down.ndim != 2 or up.ndim != 2:
            raise OpenbookError(f"The adapter {folder} does not fit the model at {name}.")
        if (up.shape[0], down.shape[1]) != wanted or up.shape[1] != down.shape[0] or len(down) > LARGEST_RANK:
            raise OpenbookError(
                f"The adapter {folder} was made for another model: {name} has {wanted[0]} x {wanted[1]} weights here, "
                f"{up.shape[0]} x {down.shape[1]} there."
            )
        pairs[name] = (down, up * _scale(settings, len(down)))
    return Adapter(pairs)


def _check(folder: Path, settings: object) -> None:
    if not isinstance(settings, dict) or settings.get("peft_type") != "LORA":
        raise OpenbookError(f"{folder / 'adapter_config.json'} describes no LoRA; other adapters cannot be served.")
    unfit = [name for name in ("use_dora", "modules_to_save", "rank_pattern", "alpha_pattern") if settings.get(name)]
    if unfit or settings.get("bias", "none") != "none":
        raise OpenbookError(
            f"{folder / 'adapter_config.json'} uses {unfit[0] if unfit else 'bias'}, which cannot be added while "
            "serving. Merge the adapter into its model and serve that."
        )


def _scale(settings: Mapping[str, float], rank: int) -> float:
    """Alpha over rank; over its root where the adapter is rank-stabilized (Kalajdzievski 2023)."""
    alpha = float(settings.get("lora_alpha") or rank)
    return alpha / rank**0.5 if settings.get("use_rslora") else alpha / rank


def _shapes(config: TransformerConfig) -> dict[str, tuple[int, int]]:
    """(outputs, inputs) of each linear layer."""
    query, key = config.heads * config.head_dim, config.kv_heads * config.head_dim
    sides = {
        "self_attn.q_proj": (query, config.dim),
        "self_attn.k_proj": (key, config.dim),
        "self_attn.v_proj": (key, config.dim),
        "self_attn.o_proj": (config.dim, query),
        "mlp.gate_proj": (config.feed_forward, config.dim),
        "mlp.up_proj": (config.feed_forward, config.dim),
        "mlp.down_proj": (config.dim, config.feed_forward),
    }
    return {f"model.layers.{at}.{name}": shape for at in range(config.layers) for name, shape in sides.items()}
