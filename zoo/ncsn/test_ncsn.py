"""Tests particular to NCSN; the laws of score-based models are checked besides."""

import math

import pytest
import torch
from torch import nn

from zoo.core.conformance.score import mixture_score
from zoo.core.densities import density
from zoo.core.metrics.score_protocols import weight_error
from zoo.ncsn.model import NCSN, geometric_levels

MIXTURE = density("two-modes")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


class Network(nn.Module):
    """A network given by a function; remembers what it was asked."""

    def __init__(self, function=lambda x, level: torch.zeros_like(x)) -> None:
        super().__init__()
        self.function, self.calls = function, []
        self.unused = nn.Parameter(torch.zeros(1))  # tells the model's device and type

    def forward(self, x, level):
        self.calls.append((x, level))
        return self.function(x, level)


def exact(shape=(2,), score=None, **options):
    """A model with a given score; by default that of the mixture of two modes."""
    model = NCSN(Network(), shape, **options)
    by_level = {round(s, 4): MIXTURE.perturbed(s) for s in model.sigmas.tolist()}
    model.score = score or (lambda x, s: by_level[round(s[0].item(), 4)].score(x))
    return model


# -- levels and steps ------------------------------------------------------------------------------


def test_levels_are_geometric_with_the_ends_of_the_paper():
    sigmas = geometric_levels(1.0, 0.01, 10)
    assert sigmas.tolist() == pytest.approx([10 ** (-2 * i / 9) for i in range(10)], rel=1e-6)
    assert sigmas.dtype == torch.float32
    assert geometric_levels(20.0, 1.0, 3).tolist() == pytest.approx([20, math.sqrt(20), 1])


def test_constants_are_those_of_the_paper():
    model = NCSN(Network(), (1, 28, 28))
    assert model.evaluations == 1000
    assert model.sigmas[[0, -1]].tolist() == pytest.approx([1, 0.01])
    assert model.step_sizes[[0, -1]].tolist() == pytest.approx([0.2, 2e-5])  # ε σ_1² / σ_L², ε
    assert model.start == (0, 1)


def test_levels_are_no_weights():
    """They follow from the recipe, so that files of weights hold the network alone."""
    assert all(name.startswith("network.") for name in NCSN(Network(), (2,)).state_dict())


# -- the score and its objective -------------------------------------------------------------------


def test_network_is_told_the_level_of_each_example():
    model = NCSN(Network(lambda x, level: level[:, None] + 0 * x), (2,))
    level = torch.tensor([7, 0, 9, 3])
    found = model.score(torch.randn(4, 2), model.sigmas[level])
    assert model.network.calls[0][1].tolist() == level.tolist()
    torch.testing.assert_close(found, (level / model.sigmas[level])[:, None].expand(4, 2))
    model.double().score(torch.randn(4, 2).double(), model.sigmas[level] * 1.001)  # rounding
    assert model.network.calls[1][1].tolist() == level.tolist()


def test_nearest_level_is_nearest_in_ratio():
    model = NCSN(Network(), (2,), sigma_first=1.0, sigma_last=0.01, levels=2)
    model.score(torch.zeros(2, 2), torch.tensor([0.09, 0.11]))  # 0.1 is half way between them
    assert model.network.calls[0][1].tolist() == [1, 0]


def test_network_sees_inputs_of_one_spread():
    model = NCSN(Network(), (1, 4, 4), sigma_first=3.0, sigma_last=0.5, levels=4)
    x = torch.ones(4, 1, 4, 4)
    model.score(x, model.sigmas)
    seen = model.network.calls[0][0][:, 0, 0, 0]
    torch.testing.assert_close(seen, 1 / (1 + model.sigmas**2).sqrt())


def test_perturbation_has_a_noise_level_for_each_example():
    model, sigma = NCSN(Network(), (3,)), torch.tensor([1.0, 0.1])
    found = model.perturb(torch.zeros(2, 3), sigma, torch.ones(2, 3))
    torch.testing.assert_close(found, sigma[:, None].expand(2, 3))


@pytest.mark.parametrize("shape", [(3,), (1, 4, 4)])
def test_loss_of_known_networks(shape):
    """Nothing, output 0, costs D/2; the true noise, output −eps, costs nothing; at all levels."""
    eps = torch.randn(10, *shape, generator=seeded())
    x = torch.rand(10, *shape, generator=seeded(1))
    sigma = geometric_levels(1.0, 0.01, 10)
    zero = NCSN(Network(), shape).loss(x, sigma, eps)
    assert zero.item() == pytest.approx(0.5 * eps.flatten(1).square().sum(1).mean().item())
    known = NCSN(Network(lambda x, level: -eps), shape).loss(x, sigma, eps)
    assert known.item() == pytest.approx(0, abs=1e-9)
    half = NCSN(Network(lambda x, level: -eps / 2), shape).loss(x, sigma, eps)
    assert half.item() == pytest.approx(zero.item() / 4, rel=1e-5)


def test_minimum_of_the_loss_for_normal_data():
    """Data N(0, τ²): the least loss is σ²/2 D (1/σ² − 1/(σ² + τ²)), at the exact score."""
    tau, n = 0.7, 200_000
    model = NCSN(Network(), (2,), sigma_first=2.0, sigma_last=0.5, levels=3)
    model.score = lambda x, s: -x / (s[:, None] ** 2 + tau**2)
    x, eps = tau * torch.randn(n, 2, generator=seeded()), torch.randn(n, 2, generator=seeded(1))
    for s in model.sigmas.tolist():
        least = s**2 * (1 / s**2 - 1 / (s**2 + tau**2))
        found = model.loss(x, torch.full((n,), s), eps).item()
        assert found == pytest.approx(least, rel=0.02)


def test_denoising_is_the_posterior_mean():
    """Normal data N(μ, τ²) given x̃: (τ² x̃ + σ² μ) / (τ² + σ²)."""
    mu, tau, x = 0.4, 0.3, torch.linspace(-1, 2, 6)[:, None]
    sigma = torch.tensor([1.0, 0.5, 0.2, 0.1, 0.05, 0.01])
    model = exact((1,), lambda x, s: (mu - x) / (tau**2 + s[:, None] ** 2))
    s = sigma[:, None]
    expected = (tau**2 * x + s**2 * mu) / (tau**2 + s**2)
    torch.testing.assert_close(model.denoise(x, sigma), expected)


# -- the sampler -----------------------------------------------------------------------------------


def test_annealing_recovers_the_weights_that_plain_langevin_loses():
    """Section 3.2.2, with the exact score: the smaller mode has weight 1/5."""
    options = {"sigma_first": 20.0, "sigma_last": 1.0, "epsilon": 0.1, "start": (-8.0, 8.0)}
    model = exact(**options)
    annealed, plain = (model.sample(4000, seeded(), annealed=a) for a in (True, False))
    assert weight_error(annealed, MIXTURE) < 0.04
    assert weight_error(plain, MIXTURE) > 0.25
    wide = MIXTURE.perturbed(1.0).scale  # samples keep the last level's noise
    near = annealed[annealed.sum(1) > 0]
    assert near.std(0).tolist() == pytest.approx([wide, wide], rel=0.05)


def test_samples_of_two_images_are_these_images():
    """The exact score of two images leads every sample to one of them, up to the last noise."""
    images = torch.rand(2, 1, 4, 4, generator=seeded()).round()
    model = exact((1, 4, 4), mixture_score(images), langevin_steps=20)
    x = model.sample(200, seeded(1))
    assert 0 <= x.min() < x.max() <= 1
    distance, nearest = torch.cdist(x.flatten(1), images.flatten(1)).min(1)
    assert distance.max() < 0.08
    assert 60 < nearest.sum() < 140


def test_samples_of_points_are_not_clamped():
    model = exact((2,), lambda x, s: (5.0 - x) / s[:, None] ** 2)
    assert model.sample(50, seeded()).min() > 4.5


def test_dynamics_in_closed_form():
    """One level, data at 0: the variance converges to α / (1 − (1 − α/2σ²)²)."""
    model = exact((1,), lambda x, s: -x / s[:, None] ** 2, langevin_steps=60)
    sigma, alpha = torch.tensor(0.5), torch.tensor(0.1)
    x = model.langevin(torch.zeros(40_000, 1), sigma, alpha, seeded())
    expected = 0.1 / (1 - (1 - 0.1 / (2 * 0.25)) ** 2)
    assert x.var().item() == pytest.approx(expected, rel=0.03)
    assert x.mean().item() == pytest.approx(0, abs=0.01)


def test_evaluations_are_those_made():
    for annealed in (True, False):
        model = NCSN(Network(), (2,), levels=3, langevin_steps=4)
        model.sample(5, seeded(), annealed)
        assert len(model.network.calls) == model.evaluations == 12
        levels = [level[0].item() for _, level in model.network.calls]
        assert levels == ([0] * 4 + [1] * 4 + [2] * 4 if annealed else [2] * 12)
