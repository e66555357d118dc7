"""Cross-entropy over a large vocabulary without its logits: in chunks, with gradients taken in the forward pass.

A chunk's logits live only until their gradient has been multiplied back; what is kept is as large as the inputs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from openbook.model.config import IGNORED

CHUNK = 512
"""Positions at once: 512 x 32,768 logits in bf16 are 32 MiB. Fewer add up the head's gradient more often."""
TAIL = 128
"""Positions that count are taken in whole chunks, those left over in pieces of this: two shapes to compile, however
many positions count in a step."""


def softmax_body(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What the chunk's losses and gradients follow from, in two passes over its logits [C, V].

    Losses [C] in fp32; exponentials [C, V] in the dtype of the logits, not yet divided; what stands at the target in
    the gradient [C], undivided too; one over their sums [C], 0 where nothing counts.
    """
    values = logits.float()
    counted = targets != IGNORED
    highest = values.amax(-1, keepdim=True)
    exponentials = torch.exp(values - highest)
    sums = exponentials.sum(-1)
    own = (values.gather(1, torch.where(counted, targets, 0)[:, None]) - highest).squeeze(1)
    losses = torch.where(counted, torch.log(sums) - own, 0.0)
    at_target = (torch.exp(own) - sums).to(logits.dtype)
    return losses, exponentials.to(logits.dtype), at_target, torch.where(counted, 1.0 / sums, 0.0)


def add_up(total: Tensor, part: Tensor) -> None:
    """Add bf16 to fp32 in place; compiled, in one pass."""
    total.add_(part.to(total.dtype))


@dataclass(frozen=True)
class LossBody:
    """The two parts of the loss that are worth compiling."""

    softmax: Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor, Tensor]] = softmax_body
    add_up: Callable[[Tensor, Tensor], None] = add_up

    def compiled(self) -> "LossBody":
        return LossBody(torch.compile(softmax_body, dynamic=False), torch.compile(add_up, dynamic=False))


def counting(targets: Tensor) -> Tensor | None:
    """Places of the targets [N] that count, filled up with places of others to a multiple of TAIL; None where that
    saves nothing. Only these enter the products of the head: a quarter fewer under the Goldfish loss.

    A graphics processor would have to be waited for to know how many they are, so there all enter.
    """
    if targets.device.type != "cpu":
        return None
    counts = targets != IGNORED
    needed = -(-int(counts.sum()) // TAIL) * TAIL
    return torch.argsort(~counts, stable=True)[:needed] if needed < targets.numel() else None


def chunks(positions: int, tail: int) -> list[slice]:
    """All positions in whole chunks, those left over in pieces of `tail`."""
    whole = positions // CHUNK * CHUNK
    starts = [
        *((start, CHUNK) for start in range(0, whole, CHUNK)),
        *((at, tail) for at in range(whole, positions, tail)),
    ]
    return [slice(start, start + size) for start, size in starts]


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        targets: Tensor,
        count: float,
        dtype: torch.dtype,
        body: LossBody,
    ) -> tuple[Tensor, Tensor]:
        wide = weight.to(dtype)  # [V, D]
        every, counted = hidden, counting(targets)
        if counted is not None:
            hidden, targets = hidden[counted], targets[counted]
        losses = torch.empty(hidden.shape[0], dtype=torch.float32, device=hidden.device)
        hidden_gradient = torch.empty_like(hidden)
        weight_gradient = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device)
        for part in chunks(hidden.shape[0], CHUNK if counted is None else TAIL):
            inputs = hidden[part].to(dtype)
            losses[part], gradient, at_target, divisor = body.softmax(inputs @ wide.T, targets[part])
            # Not scatter_, which copies the whole chunk twice.
            places = torch.arange(gradient.shape[0], device=gradient.device)
            gradient.index_put_((places, targets[part].clamp(min=0)), at_target)
            # Rows are divided where they are D wide, not V.
            shares = (divisor / count)[:, None]
            torch.mul(gradient @ wide, shares, out=hidden_gradient[part])
            body.add_up(weight_gradient, gradient.T @ (inputs * shares).to(dtype))
        if counted is not None:
            losses = torch.zeros(every.shape[0], device=every.device).index_copy_(0, counted, losses)
            hidden_gradient = torch.zeros_like(every).index_copy_(0, counted, hidden_gradient)
        ctx.save_for_backward(hidden_gradient, weight_gradient)
        ctx.mark_non_differentiable(losses)
        return fixed_sum(losses) / count, losses

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        hidden_gradient, weight_gradient = ctx.saved_tensors
        if gradients[0].device.type != "cpu" or gradients[0].item() != 1.0:
            hidden_gradient, weight_gradient = hidden_gradient * gradients[0], weight_gradient * gradients[0]
        return hidden_gradient, weight_gradient, None, None, None, None


def chunked_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    count: float,
    dtype: torch.dtype,
    body: LossBody | None = None,
) -> tuple[Tensor, Tensor]:
    """Sum over positions of the cross-entropy of `targets` [N] under hidden [N, D] x weight [V, D], over `count`.

    Returns it and every position's own loss [N] (fp32, without gradient). Products run in `dtype`, the rest in fp32.
    `body` is compiled by those who train.
    """
    total, losses = _ChunkedCrossEntropy.apply(hidden, weight, targets, count, dtype, body or LossBody())  # type: ignore[no-untyped-call]
    return total, losses


@torch.no_grad()
def position_losses(hidden: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
    """The cross-entropy [N] of each position alone, without gradients, in the same chunks and arithmetic."""
    wide = weight.to(dtype)
    parts = []
    for start in range(0, hidden.shape[0], CHUNK):
        part = slice(start, start + CHUNK)
        logits = (hidden[part].to(dtype) @ wide.T).float()
        parts.append(torch.nn.functional.cross_entropy(logits, targets[part], reduction="none", ignore_index=IGNORED))
    return torch.cat(parts)


def fixed_sum(values: Tensor) -> Tensor:
    """The sum of all values in an order that does not depend on the number of threads."""
    flat = values.flatten()
    width = 1024
    padded = torch.nn.functional.pad(flat, (0, -flat.numel() % width)).view(-1, width)
    rows = padded.sum(dim=1)
    return rows.sum() if rows.numel() <= width else fixed_sum(rows)
