"""Densities whose mass is so wrong that a grid of fixed accuracy would never settle on it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from zoo.core.conformance.breaking import assert_refused, broken, no_grad


class Gauss(nn.Module):
    """N(mean, I) in the plane."""

    event_shape = (2,)

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(2))

    def log_prob(self, x: Tensor) -> Tensor:
        return -0.5 * ((x - self.mean).square() + math.log(2 * math.pi)).sum(1)

    @no_grad
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return self.mean + torch.randn(n, 2, generator=generator)


@pytest.mark.parametrize(
    "log_prob",
    [
        lambda self, x: 0.5 * (x - self.mean).square().sum(1),
        lambda self, x: -(x - self.mean).sum(1) - math.log(2 * math.pi),
        lambda self, x: 1000 + x.square().sum(1),
        lambda self, x: x.sum(1).log(),
    ],
    ids=["sign of the square", "no square", "overflow", "not a number"],
)
def test_a_mass_far_from_one_is_refused(log_prob: object) -> None:
    assert_refused("baseline", ("normalisation", lambda: broken(Gauss, log_prob=log_prob)))
