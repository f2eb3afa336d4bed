"""The laws refuse latent-variable models with one thing wrong."""

import math
from collections.abc import Callable

import pytest
import torch

from zoo.core.conformance import examples as ex
from zoo.core.conformance.breaking import (
    assert_every_law_can_fail,
    assert_refused,
    broken,
    no_grad,
)

VAE = ex.LinearVAE


def kl_with(term: Callable) -> Callable:
    """An elbo whose divergence is ``term(mean, log_var)``, (B, latent_dim), summed."""

    def elbo(self, x, eps):
        mean, log_var = self.encoder(x).chunk(2, -1)
        z = mean + (0.5 * log_var).exp() * eps
        return self.decode(z).log_prob(x) - term(mean, log_var).sum(-1)

    return elbo


def bound_with(reduce: Callable) -> Callable:
    @torch.no_grad()
    def log_prob_bound(self, x, k, generator=None):
        return reduce(self.log_weights(x, k, generator), k)

    return log_prob_bound


VAES = {
    "factor one half": (
        "elbo terms",
        lambda: broken(VAE, elbo=kl_with(lambda m, v: -(1 + v - m**2 - v.exp()))),
    ),
    "sign of the divergence": (
        "elbo is a bound",
        lambda: broken(VAE, 5, 1, True, elbo=kl_with(lambda m, v: 0.5 * (1 + v - m**2 - v.exp()))),
    ),
    "variance for deviation": (
        "elbo terms",
        lambda: broken(
            VAE,
            elbo=lambda self, x, eps: VAE.elbo(self, x, eps * self.encode(x).stddev),
        ),
    ),
    "mean over pixels": (
        "elbo terms",
        lambda: broken(VAE, elbo=lambda self, x, eps: VAE.elbo(self, x, eps) / 3),
    ),
    "no gradient through the draw": (
        "reparameterised gradient",
        lambda: broken(
            VAE,
            elbo=lambda self, x, eps: (
                self.decode((q := self.encode(x)).mean.detach() + q.stddev.detach() * eps).log_prob(
                    x
                )
                - torch.distributions.kl_divergence(q, self.prior)
            ),
        ),
    ),
    "mean of log weights": (
        "importance-weighted bound",
        lambda: broken(VAE, log_prob_bound=bound_with(lambda w, k: w.mean(0))),
    ),
    "weighted mean of log weights": (
        "importance-weighted bound",
        lambda: broken(VAE, log_prob_bound=bound_with(lambda w, k: (w.softmax(0) * w).sum(0))),
    ),
    "k not divided out": (
        "bound order",
        lambda: broken(VAE, log_prob_bound=bound_with(lambda w, k: w.logsumexp(0))),
    ),
    "k ignored": (
        "bound order",
        lambda: broken(VAE, log_prob_bound=bound_with(lambda w, k: w[0])),
    ),
    "log-mean-exp over the batch": (
        "bound order",
        lambda: broken(
            VAE,
            log_prob_bound=bound_with(
                lambda w, k: (w.logsumexp((0, 1)) - math.log(w.numel())).expand(w.shape[1])
            ),
        ),
    ),
    "pixels not reinterpreted": (
        "shapes",
        lambda: broken(VAE, decode=lambda self, z: VAE.decode(self, z).base_dist),
    ),
    "mean of the likelihood": (
        "normalisation",
        lambda: broken(
            VAE, 5, 1, True, decode=lambda self, z: Scaled(VAE.decode(self, z).base_dist, 1)
        ),
    ),
    "samples of the posterior's width": (
        "sample frequencies",
        lambda: broken(
            VAE,
            5,
            1,
            True,
            sample=no_grad(
                lambda self, n, generator=None: torch.bernoulli(
                    self.decode(5 * torch.randn(n, 1, generator=generator)).mean,
                    generator=generator,
                )
            ),
        ),
    ),
    "density of another scale": (
        "linear-Gaussian truth",
        lambda: broken(VAE, decode=lambda self, z: Scaled(VAE.decode(self, z).base_dist, 1)),
    ),
}


class Scaled(torch.distributions.Independent):
    """Averages over dimensions where it should sum."""

    def log_prob(self, value):
        return super().log_prob(value) / self.event_shape[0]


@pytest.mark.parametrize("name", VAES)
def test_the_law_is_broken_and_named(name: str) -> None:
    assert_refused("latent-variable", VAES[name])


def test_every_law_can_fail() -> None:
    assert_every_law_can_fail("latent-variable", VAES)
