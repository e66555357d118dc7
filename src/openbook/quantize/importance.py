"""Which columns of each matrix matter: the mean square of what multiplies them, over all languages in equal shares.

The same statistic as llama.cpp's importance matrix; here every language weighs the same, however much text it has.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from openbook.errors import OpenbookError
from openbook.model import Transformer
from openbook.model.threads import torch_threads

Importance = dict[str, np.ndarray]
"""llama.cpp's name of a tensor -> weight of each of its columns."""
WATCHED = {
    "self_attn.q_proj": ("attn_q", "attn_k", "attn_v"),
    "self_attn.o_proj": ("attn_output",),
    "mlp.gate_proj": ("ffn_gate", "ffn_up"),
    "mlp.down_proj": ("ffn_down",),
}
"""A matrix of a block -> the tensors that the same values are multiplied with."""


def combine(languages: Mapping[str, Importance], weights: Mapping[str, float] | None = None) -> Importance:
    """One importance of those of several languages: each weighs the same, or as `weights` says.

    Raises OpenbookError when there is none to combine.
    """
    if not languages:
        raise OpenbookError("there is no text to calibrate on: name texts of the model's languages.")
    shares = weights or dict.fromkeys(languages, 1.0)
    total = sum(shares[code] for code in languages)
    names = next(iter(languages.values()))
    return {
        name: np.sum(
            [one[name].astype(np.float64) * (shares[code] / total) for code, one in sorted(languages.items())], axis=0
        ).astype(np.float32)
        for name in names
    }


def of_rows(model: Transformer, rows: Sequence[np.ndarray]) -> Importance:
    """One language's. `rows`: ids that fit the context, start token included; at least one."""
    sums: dict[str, Tensor] = {}
    modules = dict(model.named_modules())
    handles = [
        modules[f"model.layers.{layer}.{theirs}"].register_forward_pre_hook(_watch(f"{layer}.{theirs}", sums))
        for layer in range(model.config.layers)
        for theirs in WATCHED
    ]
    try:
        with torch_threads(1), torch.no_grad():
            for row in rows:
                _add(sums, "output", model.hidden(torch.from_numpy(np.asarray(row, np.int64))[None]))
    finally:
        for handle in handles:
            handle.remove()
    tokens = sum(map(len, rows))
    means = {name: (total / tokens).numpy().astype(np.float32) for name, total in sums.items()}
    found = {
        f"blk.{layer}.{ours}.weight": means[f"{layer}.{theirs}"]
        for layer in range(model.config.layers)
        for theirs, all_ours in WATCHED.items()
        for ours in all_ours
    }
    return found | {"token_embd.weight" if model.config.tied else "output.weight": means["output"]}


def _watch(name: str, sums: dict[str, Tensor]) -> Callable[[nn.Module, Any], None]:
    def before(_module: nn.Module, inputs: Any) -> None:
        _add(sums, name, inputs[0])

    return before


def _add(sums: dict[str, Tensor], name: str, values: Tensor) -> None:
    squares = values.float().square().flatten(0, -2).sum(dim=0).double()
    sums[name] = sums[name] + squares if name in sums else squares
