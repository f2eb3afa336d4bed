"""The laws refuse games with one thing wrong; the closed form of two Gaussians obeys them."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Normal

from zoo.core.conformance.breaking import assert_every_law_can_fail, assert_refused, broken
from zoo.core.conformance.discriminator import LAWS
from zoo.core.conformance.discriminator_examples import NormalGame, NormalisedGame
from zoo.core.conformance.test_adversarial import GANS


def wrong_critic_loss(term, weight=1.0, base=NormalGame, objective="non-saturating"):
    """A game whose critic_loss is term(scores of data, scores of samples)."""

    def critic_loss(self, real, z, alpha=None):
        return weight * term(self.critic(real), self.critic(self.generator(z).detach()))

    return lambda: broken(base, objective, critic_loss=critic_loss)


def wrong_generator_loss(term, objective="non-saturating"):
    def generator_loss(self, z):
        return term(self.critic(self.generator(z)))

    return lambda: broken(NormalGame, objective, generator_loss=generator_loss)


def true(on_data, on_samples):
    return F.softplus(-on_data).mean() + F.softplus(on_samples).mean()


def together(self, real, z, alpha=None):
    scores = self.critic(torch.cat([real, self.generator(z).detach()]))
    return true(*scores.split(len(real)))


GAMES = {
    "half of the loss": ("optimal discriminator", wrong_critic_loss(true, 0.5)),
    "sum over the batch": (
        "optimal discriminator",
        wrong_critic_loss(lambda a, b: F.softplus(-a).sum() + F.softplus(b).sum()),
    ),
    "one-sided label smoothing": (
        "optimal discriminator",
        wrong_critic_loss(lambda a, b: true(a, b) + 0.1 * a.mean()),
    ),
    "no term of the samples": (
        "critic loss sign",
        wrong_critic_loss(lambda a, b: F.softplus(-a).mean() + 0 * b.mean()),
    ),
    "labels exchanged": ("critic loss sign", wrong_critic_loss(lambda a, b: true(b, a))),
    "least squares": (
        "optimal discriminator",
        wrong_critic_loss(lambda a, b: (a - 1).square().mean() + b.square().mean()),
    ),
    "fakes not detached": (
        "detached fakes",
        lambda: broken(
            NormalGame,
            critic_loss=lambda self, x, z, alpha=None: true(
                self.critic(x), self.critic(self.generator(z))
            ),
        ),
    ),
    "minimax under the other name": (
        "generator's objective",
        wrong_generator_loss(lambda s: -F.softplus(s).mean()),
    ),
    "non-saturating under the other name": (
        "generator's objective",
        wrong_generator_loss(lambda s: F.softplus(-s).mean(), "minimax"),
    ),
    "generator's loss summed": (
        "generator's objective",
        wrong_generator_loss(lambda s: F.softplus(-s).sum()),
    ),
    "generator's sign": (
        "generator loss sign",
        wrong_generator_loss(lambda s: -F.softplus(-s).mean()),
    ),
    "the score instead of its log-likelihood": (
        "generator's objective",
        wrong_generator_loss(lambda s: -s.mean()),
    ),
    "logarithms of probabilities": (
        "sure discriminator",
        wrong_critic_loss(lambda a, b: -a.sigmoid().log().mean() - (1 - b.sigmoid()).log().mean()),
    ),
    "clamped logarithms": (
        "sure discriminator",
        wrong_generator_loss(
            lambda s: F.binary_cross_entropy(s.sigmoid(), torch.ones_like(s)),
        ),
    ),
    "one batch of data and samples": (
        "separate batches",
        lambda: broken(NormalisedGame, critic_loss=together),
    ),
    "an objective of no name": (
        "generator's objective",
        lambda: NormalGame("hinge"),
    ),
}


@pytest.mark.parametrize("name", GAMES)
def test_the_law_is_broken_and_named(name: str) -> None:
    assert_refused("adversarial", GAMES[name])


def test_every_law_can_fail() -> None:
    assert {law.name for law in LAWS} <= {law for law, _ in GAMES.values()}
    assert_every_law_can_fail("adversarial", GANS | GAMES, frozenset({"fresh noise"}))


def test_closed_form_of_two_normals() -> None:
    """At the logit log N(x; a, I) − log N(x; b, I) the loss is log 4 − 2 JSD, and cannot fall."""
    game = NormalGame(dim=1).double()
    a, b, n = 0.8, -0.4, 400_000
    linear = game.critic[0]
    with torch.no_grad():
        game.generator.b.fill_(b)
        linear.weight.fill_(a - b), linear.bias.fill_((b**2 - a**2) / 2)
    generator = torch.Generator().manual_seed(0)
    real, z = torch.randn(2, n, 1, generator=generator, dtype=torch.float64)
    loss = game.critic_loss(real + a, z)
    gradients = torch.autograd.grad(loss, list(linear.parameters()))
    assert max(g.abs().max().item() for g in gradients) < 0.01
    x = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    p, q = (Normal(mean, 1.0).log_prob(x).exp() for mean in (a, b))
    half = (p + q) / 2
    divergence = torch.trapezoid((p * (p / half).log() + q * (q / half).log()) / 2, x).item()
    assert loss.item() == pytest.approx(math.log(4) - 2 * divergence, abs=0.005)
    for direction in (1.0, -1.0):
        with torch.no_grad():
            linear.bias.add_(0.3 * direction)
            assert game.critic_loss(real + a, z) > loss
            linear.bias.sub_(0.3 * direction)
