"""What is particular to this paper: its bound, the divergence, the estimator of the gradient."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, kl_divergence

from zoo.core.data import test_images
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.core.registry import get_entry
from zoo.vae.model import VAE
from zoo.vae.recipe import RECIPES, Task

SHAPE = (1, 2, 3)


def build(latent_dim: int = 2, hidden: int = 12, scale: float = 0.7) -> VAE:
    """A small model with weights far from zero, in double precision."""
    torch.manual_seed(4)
    model = VAE(SHAPE, latent_dim, hidden)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, scale)
    return model.double()


def images(n: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(8)
    return torch.rand(n, *SHAPE, generator=generator, dtype=torch.float64).round()


def all_images() -> Tensor:
    rows = list(itertools.product([0.0, 1.0], repeat=6))
    return torch.tensor(rows, dtype=torch.float64).unflatten(1, SHAPE)


def gauss_hermite(points: int, dims: int) -> tuple[Tensor, Tensor]:
    """Nodes (M, dims) and weights (M,) that integrate against N(0, I)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    weights = weights / weights.sum()
    grid = torch.tensor(list(itertools.product(nodes, repeat=dims)))
    return grid, torch.tensor([math.prod(w) for w in itertools.product(weights, repeat=dims)])


def log_evidence(model: VAE, x: Tensor) -> Tensor:
    """The log of ∫ p(z) p(x|z) dz by quadrature, (B,)."""
    z, w = gauss_hermite(60, model.latent_dim)
    log_likelihood = model.decode(z[:, None]).log_prob(x)  # (M, B)
    return (log_likelihood + w.log()[:, None]).logsumexp(0)


@pytest.mark.parametrize("units", ["relu", "tanh"])
def test_networks_by_hand(units: str) -> None:
    """Appendix C from the bare weights of a recipe's model, wider than that of `tiny`."""
    torch.manual_seed(0)
    task = Task(dataclasses.replace(RECIPES["tiny"], latent_dim=3, hidden=21, units=units))
    model, x, z = task.build().double(), images(), torch.randn(5, 3, dtype=torch.float64)
    W = {name: value.normal_(0.0, 0.7) for name, value in model.state_dict().items()}
    assert [len(W[f"{net}.0.bias"]) for net in ("encoder", "decoder")] == [21, 21]

    def network(net: str, v: Tensor) -> Tensor:
        a = v @ W[f"{net}.0.weight"].T + W[f"{net}.0.bias"]
        h = (a + a.abs()) / 2 if units == "relu" else 1 - 2 / ((2 * a).exp() + 1)
        return h @ W[f"{net}.2.weight"].T + W[f"{net}.2.bias"]

    q, out = model.encode(x).base_dist, network("encoder", x.flatten(1))  # (12)
    torch.testing.assert_close(q.loc, out[:, :3])
    torch.testing.assert_close(q.scale, (out[:, 3:] / 2).exp())
    y = 1 / (1 + (-network("decoder", z)).exp())  # (11)
    torch.testing.assert_close(model.decode(z).mean.flatten(1), y)


def test_shipped_weights_fit_the_networks() -> None:
    """Weights load into networks of other hidden units, too; their bound then is far off."""
    x = test_images("binarized-digits")
    nats = -get_entry("vae").load("digits").log_prob_bound(x, 50, torch.Generator().manual_seed(0))
    assert nats.mean().item() == pytest.approx(22.69, abs=0.1)


def test_divergence_equals_torch_and_its_own_integral() -> None:
    model, x = build(), images()
    q = model.encode(x)
    _, kl = model.elbo_terms(x, torch.zeros(5, 2, dtype=torch.float64))
    torch.testing.assert_close(kl, kl_divergence(q, model.prior).double())
    nodes, w = gauss_hermite(20, 2)
    z = q.base_dist.loc + q.base_dist.scale * nodes[:, None]  # (M, B, J)
    integral = (w[:, None] * (q.log_prob(z) - model.prior.log_prob(z))).sum(0)
    torch.testing.assert_close(kl, integral)
    assert (kl > 0).all()


def test_divergence_is_zero_exactly_when_the_posterior_is_the_prior() -> None:
    model = build()
    nn.init.zeros_(model.encoder[-1].weight)
    nn.init.zeros_(model.encoder[-1].bias)
    _, kl = model.elbo_terms(images(), torch.zeros(5, 2, dtype=torch.float64))
    assert (kl == 0).all()


def test_log_likelihood_is_summed_over_pixels_in_nats() -> None:
    """With a decoder that says ½ everywhere, every image of D pixels has −D ln 2."""
    model = build()
    nn.init.zeros_(model.decoder[-1].weight)
    nn.init.zeros_(model.decoder[-1].bias)
    log_likelihood, _ = model.elbo_terms(images(), torch.randn(5, 2, dtype=torch.float64))
    torch.testing.assert_close(log_likelihood, torch.full((5,), -6 * math.log(2)).double())


def test_expected_bound_is_evidence_minus_divergence_from_the_true_posterior() -> None:
    """Equation (1): log p(x) = KL(q(z|x) ‖ p(z|x)) + L(x), both sides by quadrature."""
    model, x = build(scale=0.5), images()
    nodes, w = gauss_hermite(40, 2)
    bound = sum(wi * model.elbo(x, e.expand(5, 2)) for wi, e in zip(w, nodes, strict=True))
    q, evidence = model.encode(x), log_evidence(model, x)
    z = q.base_dist.loc + q.base_dist.scale * nodes[:, None]
    log_posterior = model.prior.log_prob(z) + model.decode(z).log_prob(x) - evidence
    gap = (w[:, None] * (q.log_prob(z) - log_posterior)).sum(0)
    torch.testing.assert_close(bound, evidence - gap)
    assert (gap > 0).all()


def test_reparameterised_gradient_is_the_gradient_of_the_integral() -> None:
    """Averaged over ε, the gradient for the encoder is that of ∫ q(z|x) […] dz on a fixed grid."""
    torch.manual_seed(0)
    model = VAE(SHAPE, latent_dim=1, hidden=6).double()
    x, parameters = images(1), list(model.encoder.parameters())
    grid = torch.linspace(-10, 10, 20_001, dtype=torch.float64)  # fine, because units have kinks
    eps = grid[:, None]
    elbo = model.elbo(x.expand(len(grid), *SHAPE), eps)
    weighted = Normal(0.0, 1.0).log_prob(grid).exp() * elbo
    estimate = torch.autograd.grad(torch.trapezoid(weighted, grid), parameters)
    # Here gradients pass through the density q(z|x) (the score function), not through z.
    z = grid[:, None, None]
    log_q = model.encode(x).log_prob(z)[:, 0]
    integrand = (model.prior.log_prob(z) + model.decode(z).log_prob(x))[:, 0] - log_q
    integral = torch.trapezoid(log_q.exp() * integrand, grid)
    for a, b in zip(estimate, torch.autograd.grad(integral, parameters), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_reparameterisation_has_less_variance_than_the_score_function() -> None:
    """§2.2 calls the naive estimator impractical: here is the reason, in numbers."""
    model = build(scale=0.5)
    x = images(1)
    mean = model.encode(x).base_dist.loc.detach().requires_grad_()
    std = model.encode(x).base_dist.scale.detach()
    eps = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = mean + std * eps
    pathwise = torch.autograd.grad(model.decode(z).log_prob(x).sum(), z)[0]
    with torch.no_grad():
        score = eps / std * model.decode(z).log_prob(x)[:, None]
    torch.testing.assert_close(pathwise.mean(0), score.mean(0), rtol=0, atol=0.5)
    assert (pathwise.var(0) < 0.2 * score.var(0)).all()


class LinearGaussian(VAE):
    """z ~ N(0, 1), x|z ~ N(z, 1) and q(z|x) = N(x/2 + shift, ½): p(x) and p(z|x) are known."""

    def __init__(self, shift: float) -> None:
        super().__init__((1,), latent_dim=1, hidden=1)
        self.shift = shift

    def encode(self, x: Tensor) -> Independent:
        return Independent(Normal(x / 2 + self.shift, math.sqrt(0.5)), 1)

    def decode(self, z: Tensor) -> Independent:
        return Independent(Normal(z, 1.0), 1)


def test_bound_with_the_exact_posterior_is_the_evidence() -> None:
    """Every importance weight then equals p(x), whatever k and whatever the draws."""
    x = torch.linspace(-3, 3, 7)[:, None]
    evidence = Normal(0.0, math.sqrt(2.0)).log_prob(x[:, 0])
    for k in (1, 2, 50):
        torch.testing.assert_close(LinearGaussian(0.0).log_prob_bound(x, k), evidence)


def test_bound_rises_with_k_to_the_evidence() -> None:
    model = LinearGaussian(0.7)
    x = torch.full((4000, 1), 1.0)
    generator = torch.Generator().manual_seed(0)
    evidence = Normal(0.0, math.sqrt(2.0)).log_prob(torch.tensor(1.0)).item()
    bounds = [model.log_prob_bound(x, k, generator).mean().item() for k in (1, 4, 16, 256)]
    assert bounds == sorted(bounds)
    assert bounds[0] == pytest.approx(evidence - 0.49, abs=0.05)  # KL(q ‖ p(z|x)) = shift²
    assert evidence - 0.01 < bounds[-1] < evidence + 0.01


def test_single_sample_bound_estimates_the_elbo() -> None:
    model, x = build(scale=0.5), images(1)
    nodes, w = gauss_hermite(40, 2)
    bound = sum(wi * model.elbo(x, e.expand(1, 2)) for wi, e in zip(w, nodes, strict=True))
    draws = model.log_prob_bound(x.expand(20_000, *SHAPE), 1, torch.Generator().manual_seed(0))
    error = draws.std() / math.sqrt(len(draws))
    assert abs(draws.mean() - bound.detach()) < 4 * error


def test_samples_follow_the_evidence() -> None:
    """Pixels are drawn, not returned as means: all 64 images come as often as p(x) says."""
    model, n = build(scale=0.5), 40_000
    evidence = log_evidence(model, all_images())
    assert evidence.exp().sum().item() == pytest.approx(1.0, abs=1e-8)
    x = model.float().sample(n, torch.Generator().manual_seed(1)).flatten(1)
    codes = (x @ 2.0 ** torch.arange(5, -1, -1)).long()
    expected = n * evidence.exp()
    chi2 = ((codes.bincount(minlength=64) - expected) ** 2 / expected).sum().item()
    assert chi2 < 103.4  # 99.9 % quantile with 63 degrees of freedom; the seed is fixed


def test_grey_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Bernoulli likelihood of grey values is no likelihood, even where torch's checks are off."""
    monkeypatch.setattr(Distribution, "_validate_args", False)
    with pytest.raises(ValueError, match="support"):
        build().elbo(torch.full((1, *SHAPE), 0.5).double(), torch.zeros(1, 2).double())


def test_diverged_weights_give_nan() -> None:
    """No exception from here: the training loop reports a loss that is not finite."""
    model = build()
    nn.init.constant_(model.decoder[-1].bias, math.nan)
    assert model.elbo(images(), torch.zeros(5, 2, dtype=torch.float64)).isnan().all()


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="units"):
        VAE(SHAPE, units="sigmoid")
    for changes in ({"dataset": "digits"}, {"latent_dim": 0}, {"hidden": 0}):
        with pytest.raises(ZooError, match=r"binary|at least 1"):
            dataclasses.replace(RECIPES["tiny"], **changes)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_draws_follow_the_generator_wherever_the_model_is() -> None:
    model, x = build().float(), images().float()
    bound = model.log_prob_bound(x, 3, torch.Generator().manual_seed(0))
    there = model.cuda().log_prob_bound(x.cuda(), 3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(there.cpu(), bound, rtol=1e-3, atol=1e-3)
    for device in ("cpu", "cuda"):
        assert model.sample(4, torch.Generator(device)).device.type == "cuda"


def test_the_loss_is_the_mean_over_examples_of_the_negative_bound() -> None:
    task = Task(RECIPES["tiny"])
    torch.manual_seed(0)
    model = task.build()
    raw = torch.randint(0, 17, (32, 1, 8, 8), dtype=torch.uint8)
    x = task.prepare(raw, Noise(0, 0))
    assert x.shape == (32, *model.event_shape)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    out = task.loss(model, x, Noise(0, 5))
    elbo = model.elbo(x, Noise(0, 5).normal(32, model.latent_dim))
    torch.testing.assert_close(out["loss"], -elbo.mean())
    torch.testing.assert_close(out["loss"], out["reconstruction"] + out["kl"])
