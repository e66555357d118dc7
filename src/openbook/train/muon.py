"""The optimizer of matrices: momentum, made orthogonal (Jordan et al. 2024, kellerjordan.github.io/posts/muon).

Matrices of one shape are made orthogonal together, in bf16 products, most of them as small as the smaller side.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

QUINTICS = (
    (8.3837, -24.7659, 18.3571),
    (4.0434, -3.0114, 0.5695),
    (3.5056, -2.6267, 0.5257),
    (2.4901, -1.8343, 0.4368),
)
"""a, b, c of polynomials a x + b x³ + c x⁵ that drive singular values in [0.003, 1] to [0.8, 1.2], each the best for
what the one before it leaves (Amsel et al. 2025, "The Polar Express", arXiv:2505.16932, section 3)."""
MARGIN = 1.01
"""The bound on the singular values is taken so much larger: bf16 rounds them."""
LEAST = 1e-30


def orthogonalize(matrices: Tensor) -> Tensor:
    """Nearly the nearest semi-orthogonal matrices, [n, rows, columns] -> bf16; the smallest singular values stay small.

    A quintic of x is (a + b g + c g²) x with the Gram matrix g = x xᵀ. Two differences from the published form halve
    the products. The fourth root of the sum of squares of g² bounds g's largest eigenvalue more tightly than x's own
    norm does, so there is one quintic less. And of two quintics, p and then q, the Gram matrix of the second is p g p,
    so that only q p is multiplied with x, where x is wide. With three or more in a row, eigenvalues that bf16 rounded
    below 0 would grow. Sums run in a fixed order, whatever the number of threads.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.to(torch.bfloat16)
    x = x.transpose(1, 2) if tall else x
    together = 2 if x.shape[2] > x.shape[1] else 1
    gram = torch.bmm(x, x.transpose(1, 2))
    trace = gram.diagonal(dim1=1, dim2=2).float().sum(1).clamp(min=LEAST)
    gram.mul_((1.0 / trace)[:, None, None])
    square = torch.bmm(gram, gram)
    # An eigenvalue is at least the mean, 1 / rows; less only where all is 0.
    bound = MARGIN * square.float().square().sum(2).sum(1).sqrt().sqrt().clamp(min=1.0 / gram.shape[1])
    a, b, c = QUINTICS[0]
    factor = (gram * (b / bound)[:, None, None] + square * (c / bound.square())[:, None, None]).to(torch.bfloat16)
    factor.diagonal(dim1=1, dim2=2).add_(a)
    gram.mul_((1.0 / bound)[:, None, None])
    product = factor * (trace * bound).rsqrt().to(torch.bfloat16)[:, None, None]
    for at, (a, b, c) in enumerate(QUINTICS[1:], 1):
        anew = at % together == 0
        if anew:
            x = torch.bmm(product, x)
            gram = torch.bmm(x, x.transpose(1, 2))
        else:
            gram = torch.bmm(torch.bmm(factor, gram), factor)
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=1, dim2=2).add_(a)
        product = factor if anew else torch.bmm(factor, product)
    x = torch.bmm(product, x)
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
