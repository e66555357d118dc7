"""How positions attend to those before them: in blocks of queries as matrix products, or by the device's fused kernel.

Shapes in comments: B rows, T positions, H heads, K key-value heads, G = H / K heads that share one, E width of a head.
"""

import math
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

AttentionKind = Literal["blocked", "fused"]
QUERY_BLOCK = 128
"""Queries attended to at once by "blocked": plain matrix products over the causal prefix, about twice as fast on a
processor as its fused kernel."""
MOST_QUERY_BLOCKS = 8
"""A compiled block unrolls its query blocks; longer sequences get larger blocks instead of more."""


class _Blocked(torch.autograd.Function):
    """Softmax attention whose weights stay undivided: exponentials in the dtype of the products are kept, and rows are
    divided by their sums where they are E wide instead of T. The backward pass reads them once (Dao et al. 2022).
    Powers are of 2, which cost less, their exponents longer by log2 e."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, documents: Tensor | None, blocks: list[tuple[int, int]]
    ) -> Tensor:
        """q [B K, T G, E], the heads that share keys side by side in its rows; k, v [B K, T, E]; documents [B K, T]."""
        heads = q.shape[1] // k.shape[1]
        scale = math.log2(math.e) / math.sqrt(q.shape[2])
        kept, sums, mixed = [], [], []
        for start, end in blocks:
            rows = slice(start * heads, end * heads)
            scores = torch.bmm(q[:, rows], k[:, :end].transpose(1, 2)).float() * scale
            rows_at = torch.arange(start * heads, end * heads, dtype=torch.int32, device=q.device)
            columns = torch.arange(end, dtype=torch.int32, device=q.device)
            seen = (columns * heads)[None, :] <= rows_at[:, None]
            if documents is not None:
                of_rows = documents[:, start:end].repeat_interleave(heads, dim=1)
                seen = seen & (of_rows[:, :, None] == documents[:, None, :end])
            scores = scores.masked_fill(~seen, -torch.inf)
            exponentials = torch.exp2(scores - scores.amax(-1, keepdim=True))
            kept.append(exponentials.to(q.dtype))
            # The sum of what is multiplied; summed before rounding, they would be written in fp32 and read again.
            sums.append(kept[-1].float().sum(-1, keepdim=True))
            mixed.append((torch.bmm(kept[-1], v[:, :end]).float() / sums[-1]).to(q.dtype))
        output = torch.cat(mixed, dim=1)
        ctx.blocks = blocks
        ctx.save_for_backward(q, k, v, output, torch.cat(sums, dim=1), *kept)
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, output, sums, *kept = ctx.saved_tensors
        heads = q.shape[1] // k.shape[1]
        scale = 1.0 / math.sqrt(q.shape[2])
        divided = (gradients[0].float() / sums).to(q.dtype)
        common = (divided.float() * output.float()).sum(-1, keepdim=True)
        of_q, of_k, of_v = [], [], []
        for (start, end), exponentials in zip(ctx.blocks, kept, strict=True):
            rows = slice(start * heads, end * heads)
            of_v.append(torch.bmm(exponentials.transpose(1, 2), divided[:, rows]))
            of_weights = torch.bmm(divided[:, rows], v[:, :end].transpose(1, 2)).float()
            of_scores = (exponentials.float() * (of_weights - common[:, rows]) * scale).to(q.dtype)
            of_q.append(torch.bmm(of_scores, k[:, :end]))
            of_k.append(torch.bmm(of_scores.transpose(1, 2), q[:, rows]))
        return (
            torch.cat(of_q, dim=1),
            _sum_of_prefixes(of_k, ctx.blocks),
            _sum_of_prefixes(of_v, ctx.blocks),
            None,
            None,
        )


def _sum_of_prefixes(parts: list[Tensor], blocks: list[tuple[int, int]]) -> Tensor:
    """The sum of [N, end of its block, E], each filled up with zeros to the last block's end."""
    segments = []
    for at, (start, end) in enumerate(blocks):
        total = parts[at][:, start:end].float()
        for part in parts[at + 1 :]:
            total = total + part[:, start:end].float()
        segments.append(total.to(parts[0].dtype))
    return torch.cat(segments, dim=1)


def blocked_attention(q: Tensor, k: Tensor, v: Tensor, documents: Tensor | None) -> Tensor:
    """Causal attention as matrix products of query blocks with the keys before their end.

    q [B, H, T, E]; k, v [B, K, T, E]; documents [B, T] keeps attention inside a document. Returns [B, H, T, E].
    """
    B, H, T, E = q.shape
    K = k.shape[1]
    G = H // K
    size = max(QUERY_BLOCK, math.ceil(T / MOST_QUERY_BLOCKS))
    blocks = [(start, min(start + size, T)) for start in range(0, T, size)]
    queries = q.view(B, K, G, T, E).transpose(2, 3).reshape(B * K, T * G, E)
    keys, values = k.reshape(B * K, T, E), v.reshape(B * K, T, E)
    numbers = documents.repeat_interleave(K, dim=0) if documents is not None else None
    mixed: Tensor = _Blocked.apply(queries, keys, values, numbers, blocks)  # type: ignore[no-untyped-call]
    return mixed.view(B, K, T, G, E).transpose(2, 3).reshape(B, H, T, E)


def fused_attention(q: Tensor, k: Tensor, v: Tensor, documents: Tensor | None) -> Tensor:
    """The same by the device's fused kernel, for graphics processors."""
    if documents is None:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    T = q.shape[2]
    causal = torch.ones(T, T, dtype=torch.bool, device=q.device).tril()
    seen = causal & (documents[:, None, :, None] == documents[:, None, None, :])
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen, enable_gqa=True)


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the pairs (i, i + E/2) of each head by its position's angles. x [..., T, E]; the sines [T, E] of the first
    half are negative (`signed`)."""
    cosines, sines = rotation
    swapped = x.reshape(*x.shape[:-1], 2, -1).flip(-2).flatten(-2)
    return (x * cosines + swapped * sines).to(x.dtype)


def signed(sines: Tensor) -> Tensor:
    """Sines [T, E] with the first half of each row negative, so that `rotate` adds products of swapped halves."""
    first, second = sines.chunk(2, dim=-1)
    return torch.cat((-first, second), dim=-1)
