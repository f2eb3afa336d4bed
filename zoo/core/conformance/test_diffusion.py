"""The laws refuse diffusions with one thing wrong."""

from collections.abc import Callable

import pytest
import torch

from zoo.core.conformance import examples as ex
from zoo.core.conformance import guidance
from zoo.core.conformance.breaking import (
    assert_every_law_can_fail,
    assert_refused,
    broken,
    no_grad,
)

Chain = ex.SmallDiffusion


def replaced_terms(**changes: Callable) -> Callable:
    def bound_terms(self, x, generator=None):
        terms = Chain.bound_terms(self, x, generator)
        return terms | {name: change(terms[name], x) for name, change in changes.items()}

    return bound_terms


@no_grad
def noisy_end(self, n, generator=None, **setting):
    x = Chain.sample(self, n, generator, **setting)
    return x + 0.02 * torch.randn(x.shape, generator=generator)


class Shifted(ex.SmallDiffusion):
    """alpha_bar without its leading one."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha_bar = torch.cat([self.alpha_bar[1:], self.alpha_bar[-1:] / 2])


def step_with(change: Callable) -> Callable:
    """A sampler's step with (t, s, eta) changed."""
    return lambda self, x, t, s, eta: Chain.step(self, x, *change(t, s, eta))


CHAINS = {
    "alpha_bar off by one": ("schedule", Shifted),
    "no square root": (
        "q_sample",
        lambda: broken(
            Chain,
            q_sample=lambda self, x0, t, eps: (a := self.at(t)[0]).sqrt() * x0 + (1 - a) * eps,
        ),
    ),
    "variance beta for the posterior": (
        "posterior by Bayes' rule",
        lambda: broken(
            Chain,
            posterior=lambda self, x0, x, t: (
                Chain.posterior(self, x0, x, t)[0],
                1 - self.at(t)[0] / self.at(t)[1],
            ),
        ),
    ),
    "posterior of the step before": (
        "markov chain",
        lambda: broken(
            Chain,
            posterior=lambda self, x0, x, t: Chain.posterior(self, x0, x, (t - 1).clamp(min=1)),
        ),
    ),
    "loss of the data": (
        "simple loss",
        lambda: broken(
            Chain,
            loss=lambda self, x0, t, eps: (
                (x0 - self.predict(self.q_sample(x0, t, eps), t)).square().mean()
            ),
        ),
    ),
    "loss at the step before": (
        "simple loss",
        lambda: broken(Chain, loss=lambda self, x0, t, eps: Chain.loss(self, x0, t - 1, eps)),
    ),
    "reversal without the square root": (
        "reversal",
        lambda: broken(
            Chain,
            x0_hat=lambda self, x, t: (
                (x - (1 - (a := self.at(t)[0])) * self.predict(x, t)) / a.sqrt()
            ),
        ),
    ),
    "noise at the last step": ("ancestral sampling", lambda: broken(Chain, sample=noisy_end)),
    "deviation for variance": (
        "ancestral sampling",
        lambda: broken(
            Chain,
            step=lambda self, x, t, s, eta: (
                (r := Chain.step(self, x, t, s, eta))[0],
                r[1].sqrt(),
            ),
        ),
    ),
    "neighbours in the full chain": (
        "ddim sampling",
        lambda: broken(Chain, step=step_with(lambda t, s, eta: (t, t - 1, eta))),
    ),
    "eta unsquared": (
        "ddim sampling",
        lambda: broken(
            Chain, step=step_with(lambda t, s, eta: (t, s, eta if eta is None else eta**0.5))
        ),
    ),
    "eta ignored": (
        "ddim as ddpm",
        lambda: broken(
            Chain, step=step_with(lambda t, s, eta: (t, s, None if eta is None else 0.0))
        ),
    ),
    "starts too cold": (
        "gaussian samples",
        lambda: broken(
            Chain,
            sample=no_grad(
                lambda self, n, generator=None, **setting: (
                    0.5 * Chain.sample(self, n, generator, **setting)
                )
            ),
        ),
    ),
    "no prior term": (
        "bound terms",
        lambda: broken(Chain, bound_terms=replaced_terms(L_T=lambda v, x: 0 * v)),
    ),
    "mean over time": (
        "bound terms",
        lambda: broken(Chain, bound_terms=replaced_terms(L_t=lambda v, x: v / v.shape[1])),
    ),
    "prior term left out of the sum": (
        "bound terms",
        lambda: broken(
            Chain,
            log_prob_bound=no_grad(
                lambda self, x, generator=None: (
                    -(terms := self.bound_terms(x, generator))["L_t"].sum(1) - terms["L_0"]
                )
            ),
        ),
    ),
    "no bound": (
        "bound",
        lambda: broken(
            Chain,
            log_prob_bound=no_grad(
                lambda self, x, generator=None: -self.bound_terms(x, generator)["L_0"]
            ),
        ),
    ),
}


class ImageChain(ex.SmallDiffusion):
    """Images that stay in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.event_shape = (1, 1, 2)

    def at(self, t):
        return tuple(a.view(-1, 1, 1, 1) for a in super().at(t))

    def scale(self, x):
        return x

    unscale = scale


CHAINS["images not scaled"] = ("scale", ImageChain)


@pytest.mark.parametrize("name", CHAINS)
def test_the_law_is_broken_and_named(name: str) -> None:
    assert_refused("diffusion", CHAINS[name])


def test_every_law_can_fail() -> None:
    assert_every_law_can_fail("diffusion", CHAINS, frozenset(law.name for law in guidance.LAWS))
