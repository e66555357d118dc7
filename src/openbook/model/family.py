"""A family of models from one dial: what shape follows from a depth or a size, and why.

Every rule here is a convention with its source, so that two members differ in nothing but their size; whatever a recipe
says itself stands instead.
"""

import math
import re
from typing import Any

from openbook.errors import OpenbookError

WIDTH_PER_LAYER = 64
"""Width over depth. Between about 30 and 150 the loss hardly changes (Kaplan et al. 2020, figure 5)."""
HEAD = 64
"""Width of a head, as in GPT-2 and the small Llamas; 128 from a width of 2,048, as in Llama's 7B."""
MOST_SHARED = 4
"""Query heads that share a key-value head at most, of which two stay at least (Ainslie et al. 2023)."""
WIDTHS = ((1024, 64), (2048, 256), (1 << 20, 512))
"""Widths below the first number are multiples of the second: large models need heads that can be shared by four."""
FEED_FORWARD = 8 / 3
"""Width of the gated layer over the model's, up to whole 64s: as many weights as an ungated one of 4 (Shazeer 2020)."""
CONTEXT_PER_LAYER = 128
SHORTEST, LONGEST = 512, 8192
"""Context: 128 a layer, to the nearest power of two within these; small models do not learn to use more."""
TOKENS_PER_PARAMETER = 20.0
"""Training tokens for each weight of the blocks' matrices (Hoffmann et al. 2022, table 3)."""
BATCH_EXPONENT = 0.38
"""The best batch grows as a power of the tokens, whatever the size (Bergsma et al. 2025, arXiv 2505.13738)."""
BATCH_ANCHOR = (2_200_000, 4096)
"""Tokens of a run and of its batch that the rates of this program were found with."""
DEEPEST = 200
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMB]?)", re.IGNORECASE)
_UNITS = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9}


def shape(depth: int, width: int | None = None) -> dict[str, int]:
    """The keys of `[model]` that follow from a depth (layers), or from a depth and a width."""
    dim = width or _rounded(WIDTH_PER_LAYER * depth)
    head = 2 * HEAD if dim >= 2048 and dim % (2 * HEAD) == 0 else HEAD
    heads = dim // head
    shared = next(n for n in range(MOST_SHARED, 0, -1) if heads % n == 0 and (heads // n >= 2 or n == 1))
    context = 2 ** round(math.log2(CONTEXT_PER_LAYER * depth))
    return {
        "dim": dim,
        "layers": depth,
        "heads": heads,
        "kv_heads": heads // shared,
        "feed_forward": 64 * math.ceil(FEED_FORWARD * dim / 64),
        "context": min(max(context, SHORTEST), LONGEST),
    }


def _rounded(width: int) -> int:
    """The nearest width of the family."""
    return next(grain * max(1, round(width / grain)) for below, grain in WIDTHS if width < below)


def parameters(values: dict[str, int]) -> int:
    """Weights of the blocks' matrices of a shape: those beside the embeddings, which hang on the vocabulary."""
    head = values.get("head_dim") or values["dim"] // values["heads"]
    attention = 2 * values["dim"] * head * (values["heads"] + values["kv_heads"])
    return values["layers"] * (attention + 3 * values["dim"] * values["feed_forward"])


def shape_of_size(size: str) -> dict[str, int]:
    """The shape whose weights come nearest to a size such as "150M": of the shapes within 5 % of it, with widths from
    half to one and a half times 64 a layer, the one nearest to 64 a layer.

    Raises OpenbookError for what is no size, or one that no shape comes near.
    """
    found = _SIZE.fullmatch(size.strip())
    wanted = float(found[1]) * _UNITS[found[2].upper()] if found else 0.0
    if not wanted:
        raise OpenbookError(f'model.size {size!r} is no size: write "5M", "150M" or "1.7B"')
    best: tuple[float, float, dict[str, int]] | None = None
    for depth in range(1, DEEPEST + 1):
        for width in range(HEAD, 3 * WIDTH_PER_LAYER * depth // 2 + 1, HEAD):
            if 2 * width < WIDTH_PER_LAYER * depth or _rounded(width) != width:
                continue
            values = shape(depth, width)
            error = abs(math.log(parameters(values) / wanted))
            if best is not None and error > 0.05 and error >= best[0]:
                continue
            one = (max(error, 0.05), abs(math.log(width / depth / WIDTH_PER_LAYER)), values)
            if best is None or one[:2] < best[:2]:
                best = one
    if best is None or best[0] > 0.3:
        raise OpenbookError(f"model.size {size!r}: no shape comes near it; the family reaches from 50K to 100B")
    return best[2]


def batch_tokens(tokens: float) -> int:
    """Tokens of a batch for a run of so many: a power of two."""
    run, batch = BATCH_ANCHOR
    return 1 << max(9, round(math.log2(batch * (tokens / run) ** BATCH_EXPONENT)))


def complete(values: dict[str, Any]) -> dict[str, Any]:
    """The values of `[model]`, with what follows from `size` or `depth` where the recipe does not say it.

    Raises OpenbookError when both are given.
    """
    size, depth = values.get("size"), values.get("depth")
    if size is not None and depth is not None:
        raise OpenbookError("give model.size or model.depth, not both")
    if isinstance(size, str):
        found = shape_of_size(size)
    elif isinstance(depth, int) and 1 <= depth <= DEEPEST:
        found = shape(depth)
    else:
        return values
    return found | values


def training(model: dict[str, Any], train: dict[str, Any]) -> dict[str, Any]:
    """The values of `[train]` with length, rows and batch that follow from a completed `[model]`.

    Raises OpenbookError for a length that is given twice.
    """
    ratio = train.get("tokens_per_parameter")
    given = [name for name in ("steps", "tokens") if train.get(name) is not None]
    if ratio is not None and given:
        raise OpenbookError(f"give train.{given[0]} or train.tokens_per_parameter, not both")
    dial = (model.get("size") is not None or model.get("depth") is not None) and "context" in model
    if not dial and ratio is None:
        return train
    filled = dict(train)
    if dial:
        filled.setdefault("sequence", model["context"])
    if not given:
        sizes = ("dim", "layers", "heads", "kv_heads", "feed_forward")
        if any(not isinstance(model.get(name), int) for name in sizes):
            raise OpenbookError(
                f"train.tokens_per_parameter needs model.size or model.depth, or {', '.join(sizes)} written out"
            )
        filled["tokens_per_parameter"] = ratio = TOKENS_PER_PARAMETER if ratio is None else ratio
        filled["tokens"] = max(1, round(ratio * parameters(model))) if isinstance(ratio, int | float) else None
    if dial and filled.get("batch_rows") is None and isinstance(filled.get("tokens"), int):
        filled["batch_rows"] = max(1, batch_tokens(filled["tokens"]) // int(filled["sequence"]))
    return filled
