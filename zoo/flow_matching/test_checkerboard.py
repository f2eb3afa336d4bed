"""The exact rectified flow of the checkerboard, on which the accepted ranges of the claims rest."""

import math

import pytest
import torch
from torch import nn

from zoo.core.densities import density
from zoo.core.metrics.path_protocols import straightness
from zoo.core.registry import get_entry
from zoo.flow_matching.model import FlowMatching


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def exact_velocity(x, t):
    """FM eq. 8 with σ_min = 0: E[x_1 | x_t = x] by integrals of the normal over the squares."""
    t = t[0].item()
    if t < 1e-6:
        return -x  # x_t says nothing about x_1 yet
    mean, spread = (x / t)[..., None], (1 - t) / t
    low = (torch.arange(4.0, dtype=torch.float64) * 2 - 4 - mean) / spread  # (B, 2, 4)
    high = low + 2 / spread
    a, b = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)
    mass = torch.special.ndtr(b) - torch.special.ndtr(a)
    slope = ((-(low**2) / 2).exp() - (-(high**2) / 2).exp()) / math.sqrt(2 * math.pi)
    moment = mean * mass + spread * slope
    dark = ((torch.arange(4)[:, None] + torch.arange(4)) % 2 == 0).double()
    total = torch.einsum("bi,bj,ij->b", mass[:, 0], mass[:, 1], dark)
    across = torch.einsum("bi,bj,ij->b", moment[:, 0], mass[:, 1], dark)
    up = torch.einsum("bi,bj,ij->b", mass[:, 0], moment[:, 1], dark)
    return (torch.stack([across, up], 1) / total[:, None] - x) / (1 - t)


def test_straightness_and_one_step_of_the_exact_flow():
    """The numbers behind the card's ranges: 2.13, and one step into the mean of the data."""
    stop = 1 - 1e-3

    def slowed(x, t):  # the field until `stop`, where its last steps are not yet singular
        return stop * exact_velocity(x, stop * t)

    flow = FlowMatching(nn.Linear(1, 1).double(), (2,))
    flow.velocity = slowed
    z = torch.randn(2000, 2, generator=seeded()).double()
    bent, _ = straightness(flow, z)
    assert bent == pytest.approx(2.13, abs=0.12)
    x = flow.transport(z, 0, 1, steps=200)
    assert density("checkerboard").log_prob(x.float()).isfinite().double().mean() > 0.99
    assert flow.sample(5, seeded(), steps=1).abs().max() < 0.02


def shipped(name):
    entry = get_entry("flow_matching")
    if not entry.weights_path(name).exists():
        pytest.skip(f"no weights of recipe {name} are shipped yet")
    return entry.load(name)


def test_shipped_flow_is_near_the_entropy():
    x = density("checkerboard").sample(200, seeded(5))
    with torch.no_grad():
        nats = -shipped("checkerboard").log_prob(x)
    assert nats.mean() < math.log(32) + 0.2


def test_shipped_reflow_is_straighter_and_ends_where_its_teacher_does():
    before, after = shipped("checkerboard"), shipped("checkerboard-reflow")
    z = torch.randn(500, 2, generator=seeded(6))
    assert straightness(after, z)[0] < straightness(before, z)[0] / 2
    with torch.no_grad():
        gap = (before.transport(z, 0, 1) - after.transport(z, 0, 1)).norm(dim=1)
    assert gap.median() < 0.3
