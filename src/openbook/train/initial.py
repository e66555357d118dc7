"""What weights a run starts from: drawn by name from the seed, or those of another model, its vocabulary extended.

Drawn weights are the same on every machine and for any shape of run. Weights taken over are compared with
`transformers` before the first step.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from openbook.books import chance
from openbook.errors import OpenbookError
from openbook.model.checkpoint import Checkpoint, fill
from openbook.model.config import TransformerConfig
from openbook.model.transformer import Transformer
from openbook.tokenizer.extension import Extension

TOLERANCE = 1e-4
"""Largest difference of a logit from transformers', as a share of the largest logit. Sums in another order differ by
some 1e-6 of it; a wrong rotation, bias or norm by more than a hundredth."""
TABLES = ("model.embed_tokens.weight", "lm_head.weight")


def initial_model(config: TransformerConfig, seed: int) -> Transformer:
    """Embeddings with deviation 0.02, matrices 1 / sqrt(inputs), those that write to the residual stream smaller by
    sqrt(2 x layers) (Radford et al. 2019), norms 1. Weights and seed fix the bits: numpy draws, in float32."""
    with torch.device("meta"):
        model = Transformer(config)
    model.to_empty(device="cpu")
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 1:
                weight.fill_(0.0 if name.endswith(".bias") else 1.0)
                continue
            deviation = 0.02 if "embed" in name or "lm_head" in name else 1.0 / math.sqrt(weight.shape[1])
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                deviation /= math.sqrt(2 * config.layers)
            draw = chance.generator(seed, f"train/initial/{name}")
            values = draw.standard_normal(weight.numel(), dtype="float32")
            weight.copy_(torch.from_numpy(values).view_as(weight) * deviation)
    return model


def continued_config(
    origin: TransformerConfig, vocabulary: int, bos: int, extension: Extension | None
) -> TransformerConfig:
    """The shape of a model that goes on from `origin` with a tokenizer of `vocabulary` entries.

    Rows of the embedding that no entry has stay. The token between documents also ends an answer. Raises OpenbookError
    for a tokenizer with entries that the origin has no row for and that no extension names.
    """
    known = extension.first if extension else vocabulary
    if known > origin.vocabulary:
        raise OpenbookError(
            f"the tokenizer has {known} entries, the embedding of train.initial {origin.vocabulary} rows: use "
            'that folder\'s tokenizer ([tokenizer] from = "..."), or extend it (extend = {base = "...", entries = 99}).'
        )
    eos = tuple(dict.fromkeys((*origin.eos, bos)))
    return replace(origin, vocabulary=max(origin.vocabulary, vocabulary), bos=bos, eos=eos)


def continued_model(folder: Path, config: TransformerConfig, extension: Extension | None) -> Transformer:
    """The weights of a Llama folder in the shape of `continued_config`, in fp32 on the processor."""
    origin = Checkpoint.open(folder)
    tensors = origin.tensors()
    for name in TABLES:
        if name in tensors:
            tensors[name] = extended(tensors[name], config.vocabulary, extension)
    with torch.device("meta"):
        model = Transformer(config)
    fill(model, tensors, folder)
    return model


def extended(table: Tensor, rows: int, extension: Extension | None) -> Tensor:
    """An embedding [V, D] with `rows` rows: a new entry's is the mean of those of the pieces that the base tokenizer
    splits it into (Gee et al. 2022, "Fast Vocabulary Transfer", section 3)."""
    if extension is None:
        return table
    wider = torch.zeros(rows, table.shape[1])
    wider[: table.shape[0]] = table
    for number, pieces in enumerate(extension.pieces, extension.first):
        wider[number] = table[torch.tensor(pieces)].mean(0)
    return wider


@torch.no_grad()
def check_start(folder: Path, ids: Tensor) -> float:
    """Compare the logits of a Llama folder with transformers' for rows of ids [B, T], both in fp32 on the processor.

    Returns the largest difference as a share of the largest logit. Raises OpenbookError when it is over TOLERANCE.
    """
    from transformers import AutoModelForCausalLM

    ours = Checkpoint.open(folder).load()(ids)
    try:
        reference: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    except Exception as error:  # any failure to load means the same: it cannot be compared
        raise OpenbookError(f"train.initial: transformers cannot load {folder}: {error}") from None
    reference.eval()
    theirs = reference(ids).logits.float()
    difference = float((ours - theirs).abs().max() / theirs.abs().max())
    if not difference <= TOLERANCE:
        raise OpenbookError(
            f"train.initial: the logits computed from {folder} are not those of transformers: they differ by "
            f"{difference:.2g} of the largest, {TOLERANCE:g} is allowed. Its config.json asks for something that this "
            "program computes otherwise; a run from it would begin with another model."
        )
    return difference
