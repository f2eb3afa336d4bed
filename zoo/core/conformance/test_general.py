"""General laws and laws of densities refuse mixtures with one thing wrong."""

import itertools
import math

import pytest
import torch
from torch import nn

from zoo.core.conformance import check_model, laws_for
from zoo.core.conformance import examples as ex
from zoo.core.conformance.breaking import (
    assert_every_law_can_fail,
    assert_refused,
    broken,
    no_grad,
)

SEEDS = itertools.count()


class Unused(ex.GaussianMixture):
    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Parameter(torch.ones(2))


class Forgetful(ex.GaussianMixture):
    """Learns a shift from the first batch and does not save it."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = None

    def log_prob(self, x):
        if self.shift is None:
            self.shift = torch.rand(())
        return super().log_prob(x - self.shift)


class Growing(ex.GaussianMixture):
    """Samples are lists of the wrong length."""

    def sample(self, n, generator=None):
        return super().sample(n + 1, generator)


MIXTURES = {
    "half of the density detached": (
        "derivative",
        lambda: broken(
            ex.GaussianMixture,
            log_prob=lambda self, x: (
                (
                    ex.GaussianMixture.log_prob(self, x)
                    + ex.GaussianMixture.log_prob(self, x).detach()
                )
                / 2
            ),
        ),
    ),
    "wrong number of samples": ("samples", Growing),
    "no gradient guard": (
        "samples",
        lambda: broken(
            ex.GaussianMixture,
            sample=lambda self, n, generator=None: (
                self.means[:1] + torch.randn(n, 2, generator=generator)
            ),
        ),
    ),
    "one sample, many times": (
        "samples",
        lambda: broken(
            ex.GaussianMixture,
            sample=no_grad(
                lambda self, n, generator=None: torch.randn(1, 2, generator=generator).expand(n, 2)
            ),
        ),
    ),
    "global generator": (
        "seeded sampling",
        lambda: broken(
            ex.GaussianMixture,
            sample=no_grad(lambda self, n, generator=None: self._distribution().sample((n,))),
        ),
    ),
    "no draw without a generator": (
        "seeded sampling",
        lambda: broken(
            ex.GaussianMixture,
            sample=no_grad(
                lambda self, n, generator=None: torch.randn(
                    n, 2, generator=generator or torch.Generator().manual_seed(next(SEEDS))
                )
            ),
        ),
    ),
    "batch statistics": (
        "batch independence",
        lambda: broken(
            ex.GaussianMixture,
            log_prob=lambda self, x: self._distribution().log_prob(x - x.mean(0)),
        ),
    ),
    "sum over the batch": (
        "batch independence",
        lambda: broken(
            ex.GaussianMixture, log_prob=lambda self, x: self._distribution().log_prob(x).sum()
        ),
    ),
    "unused parameter": ("gradients", Unused),
    "unsaved state": ("saving", Forgetful),
    "half the density": (
        "normalisation",
        lambda: broken(
            ex.GaussianMixture,
            log_prob=lambda self, x: self._distribution().log_prob(x) - math.log(2),
        ),
    ),
    "samples of one component": (
        "sample frequencies",
        lambda: broken(
            ex.GaussianMixture,
            sample=no_grad(
                lambda self, n, generator=None: (
                    self.means[0]
                    + self.log_scales[0].exp() * torch.randn(n, 2, generator=generator)
                )
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_the_law_is_broken_and_named(name: str) -> None:
    assert_refused("baseline", MIXTURES[name])


def test_every_law_can_fail() -> None:
    assert_every_law_can_fail("baseline", MIXTURES)


def test_every_general_law_can_fail() -> None:
    general = {law.name for law in laws_for("world-model")}
    assert general - {"protocol", "configuration", "own noise"} <= {
        law for law, _ in MIXTURES.values()
    }


def test_a_missing_method_is_named() -> None:
    class Headless(nn.Module):
        event_shape = (2,)

    (outcome,) = check_model(Headless(), "flow")
    assert not outcome.passed
    assert outcome.message == (
        "protocol: expected the attributes of Flow, missing inverse, log_prob, sample"
    )
