"""The exact rectified flow of the checkerboard, on which the accepted ranges of the claims rest."""

import math

import pytest
import torch
from torch import nn

from zoo.core.densities import density
from zoo.core.metrics.path_protocols import energy_distance, share_on_support, straightness
from zoo.core.registry import get_entry
from zoo.flow_matching.model import FlowMatching


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def posterior_mean(mean, spread):
    """E[x_1 | x_1 + spread ε = mean]: integrals of the normal over the squares, (B, 2)."""
    mean = mean[..., None]
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
    return torch.stack([across, up], 1) / total[:, None]


def exact_velocity(x, t):
    """FM eq. 8 with σ_min = 0: (E[x_1 | x_t = x] − x) / (1 − t)."""
    t = t[0].item()
    if t < 1e-6:
        return -x  # x_t says nothing about x_1 yet
    return (posterior_mean(x / t, (1 - t) / t) - x) / (1 - t)


def exact_diffusion_velocity(x, t):
    """FM eq. 8 of the variance-preserving path, x_t = α x_1 + σ ε, with FM eqs. 15, 18 and 19.

    α² + σ² = 1 and −2 ln α = β_min s + (β_max − β_min) s²/2 with s = 1 − t, β from 0.1 to 20.
    """
    s = 1 - t[0].item()
    alpha = math.exp(-(0.1 * s + 19.9 / 2 * s**2) / 2)
    sigma = math.sqrt(1 - alpha**2)
    d_alpha = alpha * (0.1 + 19.9 * s) / 2
    d_sigma = -alpha * d_alpha / sigma
    data = posterior_mean(x / alpha, sigma / alpha)
    return d_sigma / sigma * (x - alpha * data) + d_alpha * data


def exact_flow(velocity):
    """A flow along a field that is singular at t = 1: time runs to 0.999 only."""
    stop = 1 - 1e-3
    flow = FlowMatching(nn.Linear(1, 1).double(), (2,))
    flow.velocity = lambda x, t: stop * velocity(x, stop * t)
    return flow


def test_straightness_and_one_step_of_the_exact_flow():
    """The numbers behind the card's ranges: 2.13, and one step into the mean of the data."""
    flow = exact_flow(exact_velocity)
    z = torch.randn(2000, 2, generator=seeded()).double()
    bent, _ = straightness(flow, z)
    assert bent == pytest.approx(2.13, abs=0.12)
    x = flow.transport(z, 0, 1, steps=200)
    assert density("checkerboard").log_prob(x.float()).isfinite().double().mean() > 0.99
    assert flow.sample(5, seeded(), steps=1).abs().max() < 0.02


def test_few_steps_along_the_two_paths_of_the_paper():
    """FM Figure 4 without learning: steps of Euler along the exact field of either path.

    The optimal-transport path has its samples on the squares earlier, and bends less; by energy
    distance, which does not see edges, the diffusion path is ahead.
    """
    board, z = density("checkerboard"), torch.randn(4000, 2, generator=seeded(1)).double()
    real = board.sample(4000, seeded(2))
    shares, distances, bends = [], [], []
    for field in (exact_velocity, exact_diffusion_velocity):
        flow = exact_flow(field)
        drawn = [flow.transport(z, 0, 1, n, "euler") for n in (4, 8)]
        shares.append([share_on_support(x.float(), board) for x in drawn])
        distances.append([energy_distance(x, real) for x in drawn])
        bends.append(straightness(flow, z[:500])[0])
    assert shares[0] == pytest.approx([0.908, 0.983], abs=0.025)
    assert shares[1] == pytest.approx([0.617, 0.827], abs=0.035)
    assert distances[0] == pytest.approx([0.135, 0.032], abs=0.02)
    assert distances[1] == pytest.approx([0.032, 0.006], abs=0.01)
    assert bends[0] < 0.7 * bends[1]


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
