"""The optimizer of matrices: momentum, made orthogonal (Jordan et al. 2024, kellerjordan.github.io/posts/muon).

Matrices of one shape are made orthogonal together, as one batch of bf16 products.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

STEPS = 5
A, B, C = 3.4445, -4.7750, 2.0315
"""Coefficients of the quintic that drives singular values towards 1 (ibid.)."""
WIDE = 1.5
"""From so many columns a row on, two quintics in a row are fewer operations over the small side's products alone."""


def orthogonalize(matrices: Tensor) -> Tensor:
    """Nearly the nearest semi-orthogonal matrices: singular values come to lie between about 0.7 and 1.2.

    [n, rows, columns] fp32 -> bf16. Sums run in a fixed order, whatever the number of threads.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x / (x.square().sum(2).sum(1).sqrt()[:, None, None] + 1e-7)
    x = x.to(torch.bfloat16)
    pairs = STEPS // 2 if x.shape[2] > WIDE * x.shape[1] else 0
    for _ in range(pairs):
        x = _twice(x)
    for _ in range(STEPS - 2 * pairs):
        x = torch.baddbmm(x, _quintic(torch.bmm(x, x.transpose(1, 2))), x, beta=A)
    return x.transpose(1, 2) if tall else x


def _quintic(gram: Tensor) -> Tensor:
    """What x is multiplied by, and added to A x, in one quintic."""
    return torch.baddbmm(gram, gram, gram, beta=B, alpha=C)


def _twice(x: Tensor) -> Tensor:
    """Two quintics at once: (A + second)(A + first) x, where second is of (A + first) gram (A + first), the Gram matrix
    after the first; all of them are symmetric and commute. More than two would round small singular values away."""
    gram = torch.bmm(x, x.transpose(1, 2))
    first = _quintic(gram)
    half = torch.baddbmm(gram, first, gram, beta=A)
    second = _quintic(torch.baddbmm(half, half, first, beta=A))
    both = torch.baddbmm(second, second, first, beta=A).add_(first, alpha=A)
    return torch.baddbmm(x, both, x, beta=A * A)


class Muon:
    """Nesterov momentum of each matrix, made orthogonal, scaled so that one rate serves all shapes."""

    def __init__(self, matrices: Mapping[str, Tensor], momentum: float = 0.95) -> None:
        self.matrices = dict(matrices)
        self.momentum = momentum
        self.buffers = {name: torch.zeros_like(matrix) for name, matrix in self.matrices.items()}

    @torch.no_grad()
    def step(self, rate: float, weight_decay: float, momentum: float | None = None) -> None:
        beta = self.momentum if momentum is None else momentum
        shapes: dict[tuple[int, ...], list[str]] = {}
        for name, matrix in self.matrices.items():
            shapes.setdefault(tuple(matrix.shape), []).append(name)
        for shape, names in shapes.items():
            updates = torch.empty(len(names), *shape, dtype=torch.bfloat16, device=self.matrices[names[0]].device)
            for name, update in zip(names, updates, strict=True):
                gradient = self.matrices[name].grad
                assert gradient is not None, f"{name} has no gradient"
                self.buffers[name].lerp_(gradient, 1 - beta)
                update.copy_(whole(gradient.lerp(self.buffers[name], beta)))
            scale = max(1.0, shape[0] / shape[1]) ** 0.5
            for name, update in zip(names, orthogonalize(updates), strict=True):
                matrix = self.matrices[name]
                if weight_decay:
                    matrix.mul_(1 - rate * weight_decay)
                matrix.add_(part(update.float(), matrix), alpha=-rate * scale)


def whole(tensor: Tensor) -> Tensor:
    """A sharded tensor gathered from all processes; any other as it is."""
    gather = getattr(tensor, "full_tensor", None)
    return gather() if gather else tensor


def part(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's part of a whole tensor, sharded as `like` is."""
    mesh = getattr(like, "device_mesh", None)
    if mesh is None:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor, mesh, like.placements, src_data_rank=None)  # type: ignore[attr-defined]
