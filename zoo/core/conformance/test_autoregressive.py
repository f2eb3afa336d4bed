"""The laws refuse autoregressive models with one thing wrong."""

import pytest
import torch
from torch.nn import functional as F

from zoo.core.conformance import examples as ex
from zoo.core.conformance.breaking import (
    assert_every_law_can_fail,
    assert_refused,
    broken,
    no_grad,
)

Belief = ex.SigmoidBelief


def belief_terms(self, x):
    logits = torch.stack([self.logits(x, k) for k in range(len(self.orderings))])
    return -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")


BELIEFS = {
    "output sees its input": (
        "no leak",
        lambda: broken(
            Belief,
            mask=lambda self, k: self.orderings[k][None, :] <= self.orderings[k][:, None],
        ),
    ),
    "nearest neighbour unseen": (
        "no blindness",
        lambda: broken(
            Belief,
            mask=lambda self, k: self.orderings[k][None, :] + 1 < self.orderings[k][:, None],
        ),
    ),
    "average of logits": (
        "chain rule",
        lambda: broken(
            Belief,
            (1, 2, 3),
            3,
            log_prob=lambda self, x: (
                -F.binary_cross_entropy_with_logits(
                    torch.stack([self.logits(x, k) for k in range(3)]).mean(0), x, reduction="none"
                )
                .flatten(1)
                .sum(1)
            ),
        ),
    ),
    "average of log-probabilities": (
        "normalisation",
        lambda: broken(
            Belief,
            (1, 2, 3),
            3,
            log_prob=lambda self, x: belief_terms(self, x).flatten(2).sum(2).mean(0),
        ),
    ),
    "mean over bits": (
        "normalisation",
        lambda: broken(
            Belief, log_prob=lambda self, x: belief_terms(self, x).flatten(2).mean(2)[0]
        ),
    ),
    "bits drawn at once": (
        "sample frequencies",
        lambda: broken(
            Belief,
            sample=no_grad(
                lambda self, n, generator=None: torch.bernoulli(
                    self.logits(torch.zeros(n, 1, 2, 3)).sigmoid(), generator=generator
                )
            ),
        ),
    ),
    "samples are means": (
        "samples",
        lambda: broken(
            Belief,
            sample=no_grad(
                lambda self, n, generator=None: torch.rand(n, 1, 2, 3, generator=generator)
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", BELIEFS)
def test_the_law_is_broken_and_named(name: str) -> None:
    assert_refused("autoregressive", BELIEFS[name])


def test_every_law_can_fail() -> None:
    assert_every_law_can_fail("autoregressive", BELIEFS)
