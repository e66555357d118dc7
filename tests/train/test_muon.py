"""Muon's updates are what its published form computes, and gradients are measured the same on any number of threads."""

import pytest
import torch
from torch import nn

from openbook.train import TrainSettings
from openbook.train.muon import STEPS, A, B, C, Muon, orthogonalize
from openbook.train.optimizer import Optimizer, schedule, squares
from openbook.train.processes import Processes


@pytest.mark.parametrize("shape", [(64, 64), (32, 96), (96, 32)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    draw = torch.Generator().manual_seed(0)
    matrices = torch.randn(5, *shape, generator=draw)
    values = torch.linalg.svdvals(orthogonalize(matrices).float())
    assert values.max() < 1.35
    assert values.median() > 0.7
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    exact = left @ right
    cosine = (orthogonalize(matrices).float() * exact).sum() / exact.norm() / orthogonalize(matrices).float().norm()
    assert cosine > 0.95


def test_two_quintics_at_once_are_as_near_the_exact_ones_as_one_by_one() -> None:
    draw = torch.Generator().manual_seed(2)
    low = torch.randn(3, 64, 8, generator=draw) @ torch.randn(3, 8, 176, generator=draw)
    exact = low + 0.05 * torch.randn(3, 64, 176, generator=draw)
    exact = (exact / exact.norm(dim=(1, 2), keepdim=True)).double()
    plain = exact.to(torch.bfloat16)
    found = orthogonalize(exact.float())
    for _ in range(STEPS):
        gram = exact @ exact.mT
        exact = A * exact + (B * gram + C * gram @ gram) @ exact
        gram = plain @ plain.mT
        plain = torch.baddbmm(plain, torch.baddbmm(gram, gram, gram, beta=B, alpha=C), plain, beta=A)
    assert (found.double() - exact).norm() < 1.1 * (plain.double() - exact).norm()


@pytest.mark.parametrize("shape", [(48, 48), (96, 32)])
def test_steps_equal_those_of_torchs_muon(shape: tuple[int, int]) -> None:
    draw = torch.Generator().manual_seed(1)
    start = torch.randn(*shape, generator=draw)
    ours, theirs = start.clone(), nn.Parameter(start.clone())
    reference = torch.optim.Muon([theirs], lr=0.02, momentum=0.9, weight_decay=0.1)
    muon = Muon({"w": ours}, momentum=0.9)
    for _ in range(3):
        gradient = torch.randn(*shape, generator=draw)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        muon.step(rate=0.02, weight_decay=0.1)
        reference.step()
    torch.testing.assert_close(ours, theirs.detach(), atol=2e-3, rtol=0)
    assert (ours - start).abs().max() > 0.01


def test_the_gradients_length_is_torchs() -> None:
    gradient = torch.randn(700, 33, generator=torch.Generator().manual_seed(1))
    assert squares(gradient) == pytest.approx(float(gradient.double().square().sum()), rel=1e-6)


def test_a_long_gradient_is_clipped_to_the_given_length() -> None:
    model = nn.Linear(40, 50)
    optimizer = Optimizer(model, TrainSettings(clip=2.0), width=256, processes=Processes())
    for weight in model.parameters():
        weight.grad = torch.full_like(weight, 3.0)
    before = optimizer.clip()
    assert before == pytest.approx(3.0 * (40 * 50 + 50) ** 0.5)
    after = torch.nn.utils.get_total_norm([weight.grad for weight in model.parameters()])
    assert float(after) == pytest.approx(2.0, rel=1e-5)


def test_rates_rise_stay_and_fall() -> None:
    settings = TrainSettings(steps=100, warmup=0.1, decay=0.5)
    factors = [schedule(step, settings) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9:51] == [1.0] * 42
    assert factors[75] == pytest.approx(0.5)
    assert factors[99] == pytest.approx(0.02)
    assert factors[51:] == sorted(factors[51:], reverse=True)
