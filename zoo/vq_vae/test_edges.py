"""Edges: draws that fall on a boundary, whose draw is whose, and the tolerance of the grid."""

from __future__ import annotations

import math

import pytest
import torch

from zoo.vq_vae.pixels import GreyPixels
from zoo.vq_vae.prior import CodePrior


def test_every_code_is_the_one_on_which_its_own_draw_falls() -> None:
    torch.manual_seed(0)
    prior = CodePrior((3, 4), 5, 8, width=6, layers=2, kernel=3)
    with torch.no_grad():
        for weights in prior.parameters():
            weights.mul_(3)  # far from uniform
    z, log_prob = prior.sample_with_log_prob(40, torch.Generator().manual_seed(1))
    u = torch.rand(40, 3, 4, generator=torch.Generator().manual_seed(1))
    steps = prior.logits(z).softmax(-1).cumsum(-1)[..., :-1]
    assert torch.equal(z, (u[..., None] >= steps).sum(-1))
    assert z.unique().tolist() == [0, 1, 2, 3, 4]
    assert not log_prob.requires_grad


def test_a_draw_of_zero_takes_no_code_of_probability_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    prior = CodePrior((2, 2), 3, 4, width=6, layers=1, kernel=3)
    with torch.no_grad():
        prior.head[-1].weight.zero_()
        prior.head[-1].bias.copy_(torch.tensor([-1e4, 0.0, 0.0]))
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.zeros(shape))
    assert prior.sample(3).unique().tolist() == [1]


def _pixel(*raw: float, levels: int) -> GreyPixels:
    """One pixel: logits, means and logarithms of the scales of its components."""
    return GreyPixels(torch.tensor(raw).view(1, -1, 1, 1), 1, levels)


def test_a_draw_of_zero_takes_no_component_of_weight_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    pixel = _pixel(-math.inf, 0.0, 1.0, -1.0, -7.0, -7.0, levels=17)
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.zeros(shape))
    assert pixel.sample().flatten().tolist() == [0.0]


def test_grey_values_may_be_a_hundredth_of_a_step_away() -> None:
    pixel = _pixel(0.0, 0.0, 0.0, levels=2)
    near, grid = torch.full((1, 1, 1, 1), 0.01), torch.zeros(1, 1, 1, 1)
    assert torch.equal(pixel.log_prob(near), pixel.log_prob(grid))
    with pytest.raises(ValueError, match="grey values"):
        pixel.log_prob(near + 0.001)
