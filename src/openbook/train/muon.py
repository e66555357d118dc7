"""The optimizer of matrices: momentum, made orthogonal (Jordan et al. 2024, kellerjordan.github.io/posts/muon).

Matrices of one shape are made orthogonal together, as one batch of bf16 products.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

STEPS = 5
A, B, C = 3.4445, -4.7750, 2.0315
"""Coefficients of the quintic that drives singular values towards 1 (ibid.)."""


def orthogonalize(matrices: Tensor) -> Tensor:
    """Nearly the nearest semi-orthogonal matrices: singular values come to lie between about 0.7 and 1.2.

    [n, rows, columns] fp32 -> bf16. Sums run in a fixed order, whatever the number of threads.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x / (x.square().sum(2).sum(1).sqrt()[:, None, None] + 1e-7)
    x = x.to(torch.bfloat16)
    for _ in range(STEPS):
        gram = torch.bmm(x, x.transpose(1, 2))
        polynomial = torch.baddbmm(gram, gram, gram, beta=B, alpha=C)
        x = torch.baddbmm(x, polynomial, x, beta=A, alpha=1.0)
    return x.transpose(1, 2) if tall else x


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
