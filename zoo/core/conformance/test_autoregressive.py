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
from zoo.core.conformance.token_examples import TokenChain

Belief, Chain = ex.SigmoidBelief, TokenChain


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


class Forgetful(Chain):
    """Carries the state from chunk to chunk, but not the last token."""

    def continued(self, x, carried=None):
        return super().continued(x, carried and (carried[0], self.first(len(x))[1]))

    def logits(self, x):
        return super().continued(x)[0]


class Forgotten(Chain):
    """Carries the last token, but not the state."""

    def continued(self, x, carried=None):
        return super().continued(x, carried and (self.first(len(x))[0], carried[1]))

    def logits(self, x):
        return super().continued(x)[0]


class StaleCache(Chain):
    """With the cache, the tokens come in another order."""

    @torch.no_grad()
    def sample(self, n, generator=None, cache=True):
        x = super().sample(n, generator, cache=False)
        return x.flip(1) if cache else x


def shifted(self, x):
    return Chain.logits(self, x.roll(-1, dims=1))


def with_temperature(self, n, generator=None, cache=True):
    """Draws from a flatter distribution and tells the probabilities of the model."""
    weights = self.output.weight.clone()
    self.output.weight.mul_(0.5)
    x, total = Chain.sample_with_log_prob(self, n, generator, cache)
    self.output.weight.copy_(weights)
    return x, total


CHAINS = {
    "half of the density detached": (
        "derivative",
        lambda: broken(
            Chain,
            log_prob=lambda self, x: (
                (Chain.log_prob(self, x) + Chain.log_prob(self, x).detach()) / 2
            ),
        ),
    ),
    "output sees its own token": ("no leak", lambda: broken(Chain, logits=shifted)),
    "only the last token is seen": (
        "no blindness",
        lambda: broken(Chain, step=lambda self, h, token: self.tokens(token).tanh()),
    ),
    "mean over tokens": (
        "chain rule",
        lambda: broken(Chain, log_prob=lambda self, x: Chain.log_prob(self, x) / x.shape[1]),
    ),
    "unnormalised logits": (
        "normalisation",
        lambda: broken(
            Chain, log_prob=lambda self, x: self.logits(x).gather(2, x[..., None]).sum((1, 2))
        ),
    ),
    "flatter sampler": (
        "sample frequencies",
        lambda: broken(Chain, sample_with_log_prob=no_grad(with_temperature)),
    ),
    "flatter sampler that tells so": (
        "sampler's log-probability",
        lambda: broken(Chain, sample_with_log_prob=no_grad(with_temperature)),
    ),
    "another sample with the cache": ("cached sampling", StaleCache),
    "the last token is not carried": ("carried state", Forgetful),
    "the state is not carried": ("carried state", Forgotten),
    "tokens counted from one": (
        "samples",
        lambda: broken(
            Chain, sample=lambda self, n, generator=None: Chain.sample(self, n, generator) + 1
        ),
    ),
}
CASES = BELIEFS | CHAINS


@pytest.mark.parametrize("name", CASES)
def test_the_law_is_broken_and_named(name: str) -> None:
    assert_refused("autoregressive", CASES[name])


def test_every_law_can_fail() -> None:
    assert_every_law_can_fail("autoregressive", CASES)
