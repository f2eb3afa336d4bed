"""The laws refuse adversarial models with one thing wrong."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from zoo.core.conformance import discriminator
from zoo.core.conformance import examples as ex
from zoo.core.conformance.breaking import (
    assert_every_law_can_fail,
    assert_refused,
    broken,
    no_grad,
)

GAN = ex.SmallGAN


class BatchNormGAN(ex.SmallGAN):
    def __init__(self) -> None:
        super().__init__()
        self.critic.insert(1, nn.BatchNorm1d(8))


def penalty_at(
    place: Callable, value: Callable = lambda n: (n - 1).square().mean()
) -> staticmethod:
    """A penalty ``value(norms)`` at the points ``place(real, fake, alpha)``."""

    def penalty(critic, real, fake, alpha):
        x = place(real, fake, alpha[:, None]).detach().requires_grad_()
        (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        return value(slope.norm(dim=1))

    return staticmethod(penalty)


def between(real, fake, alpha):
    return alpha * real + (1 - alpha) * fake


GANS = {
    "z of the wrong scale": (
        "latent noise",
        lambda: broken(
            GAN,
            sample=no_grad(
                lambda self, n, generator=None: self.generator(
                    torch.rand(n, 2, generator=generator)
                )
            ),
        ),
    ),
    "critic's sign": (
        "critic loss sign",
        lambda: broken(GAN, critic_loss=lambda self, *a: -GAN.critic_loss(self, *a)),
    ),
    "generator's sign": (
        "generator loss sign",
        lambda: broken(GAN, generator_loss=lambda self, z: self.critic(self.generator(z)).mean()),
    ),
    "generator detached": (
        "generator loss sign",
        lambda: broken(
            GAN, generator_loss=lambda self, z: -self.critic(self.generator(z).detach()).mean()
        ),
    ),
    "fakes not detached": (
        "detached fakes",
        lambda: broken(
            GAN,
            critic_loss=lambda self, real, z, alpha: (
                self.critic(self.generator(z)).mean() - self.critic(real).mean()
            ),
        ),
    ),
    "batch norm": ("critic of one example", BatchNormGAN),
    "one-sided": (
        "penalty of slopes",
        lambda: broken(
            GAN, gradient_penalty=penalty_at(between, lambda n: (n - 1).relu().square().mean())
        ),
    ),
    "not two-normed": (
        "penalty of slopes",
        lambda: broken(GAN, gradient_penalty=penalty_at(between, lambda n: (n**2 - 1).mean())),
    ),
    "at the data": (
        "penalty points",
        lambda: broken(GAN, gradient_penalty=penalty_at(lambda real, fake, alpha: real)),
    ),
    "an alpha for each dimension": (
        "penalty points",
        lambda: broken(
            GAN,
            gradient_penalty=penalty_at(
                lambda real, fake, alpha: fake + torch.rand(real.shape) * (real - fake)
            ),
        ),
    ),
    "one alpha for the batch": (
        "penalty points",
        lambda: broken(
            GAN,
            gradient_penalty=penalty_at(lambda real, fake, alpha: between(real, fake, alpha[:1])),
        ),
    ),
    "norm over the batch": (
        "penalty average",
        lambda: broken(
            GAN,
            gradient_penalty=penalty_at(between, lambda n: (n.square().mean().sqrt() - 1).square()),
        ),
    ),
    "weight of the penalty": (
        "wasserstein duality",
        lambda: broken(
            GAN,
            critic_loss=lambda self, real, z, alpha: (
                GAN.critic_loss(self, real, z, alpha)
                + self.gradient_penalty(self.critic, real, self.generator(z).detach(), alpha)
            ),
        ),
    ),
    "sum over the batch": (
        "wasserstein duality",
        lambda: broken(GAN, generator_loss=lambda self, z: -self.critic(self.generator(z)).sum()),
    ),
}


@pytest.mark.parametrize("name", GANS)
def test_the_law_is_broken_and_named(name: str) -> None:
    assert_refused("adversarial", GANS[name])


def test_every_law_can_fail() -> None:
    elsewhere = {"fresh noise", *(law.name for law in discriminator.LAWS)}
    assert_every_law_can_fail("adversarial", GANS, frozenset(elsewhere))
