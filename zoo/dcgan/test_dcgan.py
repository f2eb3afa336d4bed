"""What is particular to the papers; the family's laws are checked by `zoo.core.conformance`."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from zoo.core.conformance.law import perturbed, replaced
from zoo.dcgan.model import DCGAN


def model_of(classes: int = 0, **settings: object) -> DCGAN:
    """A small model in double precision with nothing neutral about it."""
    torch.manual_seed(0)
    return perturbed(DCGAN((1, 8, 8), 3, 4, classes=classes, **settings).double())


# The game


def gradient_by_logit(objective: str, logit: float) -> float:
    """Derivative of generator_loss by the logit s of one sample whose logit is s."""
    model = model_of(objective=objective)
    s = torch.tensor([logit], dtype=torch.float64, requires_grad=True)
    with replaced(model, critic=lambda x: s, generator=lambda z: z):
        (gradient,) = torch.autograd.grad(model.generator_loss(torch.zeros(1, 3)), s)
    return gradient.item()


@pytest.mark.parametrize("logit", [-8.0, -1.0, 0.0, 1.0, 8.0])
def test_both_gradients_and_where_they_vanish(logit: float) -> None:
    d = 1 / (1 + math.exp(-logit))
    assert gradient_by_logit("minimax", logit) == pytest.approx(-d)
    assert gradient_by_logit("non-saturating", logit) == pytest.approx(-(1 - d))


def divergences(a: float, b: float) -> tuple[float, float]:
    """KL(q‖p) and JSD(p‖q) of p = N(a, 1) and q = N(b, 1), the second by quadrature."""
    x = torch.linspace(-12, 12, 24_001, dtype=torch.float64)
    p, q = (Normal(mean, 1.0).log_prob(x) for mean in (a, b))
    half = torch.logaddexp(p, q) - math.log(2)
    integrand = (p.exp() * (p - half) + q.exp() * (q - half)) / 2
    return (a - b) ** 2 / 2, torch.trapezoid(integrand, x).item()


def at_the_best_discriminator(model: DCGAN, a: float, b: float) -> tuple[float, float]:
    """critic_loss, and d generator_loss / d b, for data N(a, 1), samples b + z, s = log p/q."""

    def best(x: Tensor) -> Tensor:
        return (a - b) * x[:, 0] + (b**2 - a**2) / 2

    quantiles = (torch.arange(400_000, dtype=torch.float64) + 0.5) / 400_000
    z = Normal(0.0, 1.0).icdf(quantiles)[:, None]  # a grid instead of random draws
    shift = torch.tensor(b, dtype=torch.float64, requires_grad=True)
    with replaced(model, critic=best, generator=lambda z: z + shift):
        loss = model.critic_loss(z + a, z)
        (gradient,) = torch.autograd.grad(model.generator_loss(z), shift)
    return loss.item(), gradient.item()


@pytest.mark.parametrize(("a", "b"), [(0.8, -0.4), (-1.0, 1.5)])
def test_the_game_descends_a_divergence(a: float, b: float) -> None:
    """At D = p/(p + q): V = 2 JSD − log 4, and ∇ of the minimax loss is ∇ 2 JSD.

    ∇ of the non-saturating loss is ∇ [KL(q‖p) − 2 JSD] (Arjovsky and Bottou, 2017).
    """
    h = 1e-4
    (kl_up, jsd_up), (kl_down, jsd_down) = divergences(a, b + h), divergences(a, b - h)
    kl_slope, jsd_slope = (kl_up - kl_down) / (2 * h), (jsd_up - jsd_down) / (2 * h)
    loss, minimax = at_the_best_discriminator(model_of(objective="minimax"), a, b)
    assert -loss == pytest.approx(2 * divergences(a, b)[1] - math.log(4), abs=1e-4)
    assert minimax == pytest.approx(2 * jsd_slope, abs=1e-4)
    _, other = at_the_best_discriminator(model_of(), a, b)
    assert other == pytest.approx(kl_slope - 2 * jsd_slope, abs=1e-4)


# Labels


def test_both_networks_are_told_the_label() -> None:
    model = model_of(10)
    z = torch.randn(1, 3, dtype=torch.float64).expand(10, 3)
    every = torch.arange(10)
    x = model.generator(z, every)
    assert (torch.cdist(x.flatten(1), x.flatten(1)) + torch.eye(10)).min() > 1e-3
    scores = model.critic(x[:1].expand(10, 1, 8, 8), every)
    assert len(scores.unique()) == 10


def test_samples_are_judged_with_the_label_they_were_drawn_for() -> None:
    """E log D(x|y) + E log(1 − D(G(z|y)|y)): the same y for the sample and its judgement."""
    model = DCGAN((1, 8, 8), 3, 4, classes=10)
    y, x, heard = torch.tensor([4, 4, 7]), torch.rand(3, 1, 8, 8), []

    def generator(z: Tensor, labels: Tensor) -> Tensor:
        return (z[:, :1, None, None] + labels[:, None, None, None]).expand(-1, 1, 8, 8)

    def critic(images: Tensor, labels: Tensor) -> Tensor:
        heard.append((images, labels))
        return images.mean((1, 2, 3))

    z = torch.zeros(3, 3)
    with replaced(model, generator=generator, critic=critic):
        model.critic_loss(x, z, labels=y)
        model.generator_loss(z, y)
    for (images, labels), expected in zip(
        heard, (x, generator(z, y), generator(z, y)), strict=True
    ):
        assert torch.equal(labels, y)
        assert torch.equal(images, expected)


def test_labels_of_samples() -> None:
    model = model_of(10).float()
    asked = torch.arange(50) % 10
    found = model.sample(50, torch.Generator().manual_seed(5), labels=asked)
    z = torch.randn(50, 3, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        torch.testing.assert_close(found, model.generator(z, asked))
    spoken: list[Tensor] = []
    with replaced(model, generator=lambda z, labels: spoken.append(labels) or z):
        z = model.sample(20_000, torch.Generator().manual_seed(6))
    stream = torch.Generator().manual_seed(6)  # labels and z are draws of the one that was given
    assert torch.equal(spoken[0], torch.randint(10, (20_000,), generator=stream))
    assert torch.equal(z, torch.randn(20_000, 3, generator=stream))
    shares = torch.bincount(spoken[0], minlength=10) / 20_000
    assert (shares - 0.1).abs().max() < 0.015


def test_labels_are_for_conditional_models() -> None:
    with pytest.raises(ValueError, match="it has 0"):
        model_of().float().sample(2, labels=torch.tensor([1, 2]))
    with pytest.raises(ValueError, match="it has 10"):
        model_of(10).generator_loss(torch.randn(2, 3, dtype=torch.float64))


# Shapes


def test_the_model_refuses_what_it_cannot_be() -> None:
    with pytest.raises(ValueError, match="hinge"):
        DCGAN((1, 8, 8), 3, 4, objective="hinge")
    for shape, stages in (((1, 28, 28), 3), ((1, 28, 28), 0), ((28, 28), 2)):
        with pytest.raises(ValueError, match=f"halve {stages} times"):
            DCGAN(shape, 3, 4, stages=stages)


def test_the_smallest_networks_there_are() -> None:
    model = DCGAN((2, 2, 6), 1, 1, stages=1)
    assert len(model.generator.hidden) == len(model.critic.hidden) == 1
    assert model.sample(3).shape == (3, 2, 2, 6)
    assert model.critic(model.sample(3)).shape == (3,)
