"""Edges: the loss as a function of the data, and samples without a generator or a graph."""

from __future__ import annotations

import torch
from torch import nn

from zoo.flow_matching.model import FlowMatching


class Affine(FlowMatching):
    """v(x, t) = x, with a parameter to tell its device and type."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(1, 1).double(), (2,), sigma_min=0.25)

    def velocity(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return x


def test_the_gradient_of_the_loss_in_noise_and_data() -> None:
    """The derivatives of (x_t − u)² by x_0 and x_1, both through the line and through its slope."""
    flow, generator = Affine(), torch.Generator().manual_seed(0)
    x0, x1 = torch.randn(2, 7, 2, generator=generator, dtype=torch.float64)
    t = torch.rand(7, generator=generator, dtype=torch.float64)
    x0.requires_grad_()
    x1.requires_grad_()
    found = torch.autograd.grad(flow.loss(x0, x1, t), [x0, x1])
    shrink, at = 1 - 0.25, t[:, None]
    error = (1 - shrink * at) * x0 + at * x1 - (x1 - shrink * x0)
    by_x0 = 2 * error * (1 - shrink * at + shrink) / error.numel()
    by_x1 = 2 * error * (at - 1) / error.numel()
    torch.testing.assert_close(found, (by_x0.detach(), by_x1.detach()))


def test_without_a_generator_the_global_one_is_drawn_from() -> None:
    flow = Affine()
    torch.manual_seed(3)
    x0, x1 = flow.couple(4)
    torch.manual_seed(3)
    assert torch.equal(x0, torch.randn(4, 2).double())
    assert not x1.requires_grad
