"""Likelihood arithmetic against published and hand-made numbers."""

import math

import pytest
import torch

from zoo.core.metrics.likelihood import bits_per_dim, importance_bound, mean_and_error


def test_nice_nats_are_4_356_bits_per_dim():
    # NICE (Dinh et al. 2015) reports 1980.50 nats on 8-bit MNIST
    assert bits_per_dim(1980.50, 784, 256) == pytest.approx(4.356, abs=5e-4)


def test_uniform_density_costs_the_bits_of_its_levels():
    assert bits_per_dim(torch.zeros(3), 64, 256).tolist() == pytest.approx([8.0] * 3)
    assert bits_per_dim(0.0, 64, 17) == pytest.approx(math.log2(17))


def test_probability_of_discrete_data_only_changes_unit():
    assert bits_per_dim(-math.log(2) * 20, 10, levels=1) == pytest.approx(2.0)


def test_importance_bound_is_log_of_the_mean_weight_per_example():
    weights = torch.tensor([[1.0, 4.0], [3.0, 4.0]])  # (K, B)
    expected = torch.tensor([2.0, 4.0]).log()
    torch.testing.assert_close(importance_bound(weights.log()), expected)


def test_importance_bound_survives_weights_that_underflow():
    assert importance_bound(torch.full((500, 1), -2000.0)).item() == pytest.approx(-2000.0)


def test_importance_bound_grows_to_the_evidence():
    """Latent N(0,1), x|z ~ N(z,1), proposal = prior: the bound rises with k to N(x; 0, 2)."""
    generator = torch.Generator().manual_seed(1)
    x = torch.tensor(1.0)
    z = torch.randn(100, 20_000, generator=generator, dtype=torch.float64)
    log_weights = torch.distributions.Normal(z, 1.0).log_prob(x)
    truth = torch.distributions.Normal(0.0, math.sqrt(2.0)).log_prob(x).item()
    bounds = [importance_bound(log_weights[:k]).mean().item() for k in (1, 10, 100)]
    assert bounds[0] < bounds[1] < bounds[2] < truth
    assert bounds[2] == pytest.approx(truth, abs=0.01)
    # k = 1: E log N(x; z, 1) = -ln(2 pi)/2 - (x^2 + 1)/2
    assert bounds[0] == pytest.approx(-0.5 * math.log(2 * math.pi) - 1.0, abs=0.02)


def test_mean_and_error():
    mean, error = mean_and_error(torch.tensor([1.0, 2.0, 3.0]))
    assert (mean, error) == pytest.approx((2.0, 1 / math.sqrt(3)))
