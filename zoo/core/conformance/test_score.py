"""The laws refuse score-based models with one thing wrong."""

from collections.abc import Callable

import pytest
import torch

from zoo.core.conformance import check_model, conformance_report
from zoo.core.conformance.breaking import (
    assert_every_law_can_fail,
    assert_refused,
    broken,
    no_grad,
)
from zoo.core.conformance.score_examples import NormalScore

Model = NormalScore


def with_loss(loss: Callable) -> Callable:
    """The honest model with the loss of x, s (B, 1), eps, score(x) and the honest error."""

    def changed(self, x, sigma, eps):
        s = sigma[:, None]
        score = self.score(x + s * eps, sigma)
        return loss(s, score, score + eps / s)

    return lambda: broken(Model, loss=changed)


def with_step(step: Callable) -> Callable:
    """The honest model with another step from (x, level, alpha, score, noise)."""

    def changed(self, x, level, generator):
        noise, alpha = torch.randn(x.shape, generator=generator), self.step_sizes[level]
        return step(x, alpha, self.score(x, self.sigmas[level].expand(len(x))), noise)

    return lambda: broken(Model, step=changed)


@no_grad
def small_to_large(self, n, generator=None, annealed=True):
    x = -1 + 3 * torch.rand(n, 2, generator=generator)
    for level in (2, 1, 0):
        for _ in range(self.langevin_steps):
            x = self.step(x, level if annealed else -1, generator)
    return x


@no_grad
def interleaved(self, n, generator=None, annealed=True):
    x = -1 + 3 * torch.rand(n, 2, generator=generator)
    for _ in range(self.langevin_steps):
        for level in range(3):
            x = self.step(x, level if annealed else -1, generator)
    return x


@no_grad
def one_noise(self, n, generator=None, annealed=True):
    x = -1 + 3 * torch.rand(n, 2, generator=generator)
    state = generator.get_state()
    for level in range(3):
        for _ in range(self.langevin_steps):
            generator.set_state(state)
            x = self.step(x, level if annealed else -1, generator)
    return x


@no_grad
def plain_at_the_first(self, n, generator=None, annealed=True):
    if annealed:
        return Model.sample(self, n, generator)
    x = -1 + 3 * torch.rand(n, 2, generator=generator)
    for _ in range(3 * self.langevin_steps):
        x = self.step(x, 0, generator)
    return x


@no_grad
def denoised(self, n, generator=None, annealed=True):
    x = Model.sample(self, n, generator, annealed)
    return x + 0.5 * (self.mean - x)


@no_grad
def smaller_square(self, n, generator=None, annealed=True):
    x = -1 + 3 * torch.rand(n, 2, generator=generator)  # whatever `start` says
    for level in range(3):
        for _ in range(self.langevin_steps):
            x = self.step(x, level if annealed else -1, generator)
    return x


class Rising(NormalScore):
    def __init__(self) -> None:
        super().__init__()
        self.sigmas = self.sigmas.flip(0)


MODELS = {
    "levels that rise": ("noise levels", Rising),
    "step sizes proportional to sigma": (
        "step sizes",
        lambda: broken(Model, step_sizes=property(lambda self: 0.3 * self.sigmas)),
    ),
    "equal step sizes": (
        "step sizes",
        lambda: broken(Model, step_sizes=property(lambda self: 0.1 + 0 * self.sigmas)),
    ),
    "steps that diverge": (
        "step sizes",
        lambda: broken(Model, step_sizes=property(lambda self: 5 * self.sigmas**2)),
    ),
    "no half": ("weighted loss", with_loss(lambda s, f, e: (s * e).square().sum(1).mean())),
    "no weight": ("weighted loss", with_loss(lambda s, f, e: (e**2 / 2).sum(1).mean())),
    "weight sigma": ("weighted loss", with_loss(lambda s, f, e: (s * e**2 / 2).sum(1).mean())),
    "mean over dimensions": (
        "weighted loss",
        with_loss(lambda s, f, e: (s**2 * e**2 / 2).mean()),
    ),
    "sum over the batch": ("weighted loss", with_loss(lambda s, f, e: (s**2 * e**2 / 2).sum())),
    "sign of the target": (
        "weighted loss",
        with_loss(lambda s, f, e: (s**2 * (2 * f - e) ** 2 / 2).sum(1).mean()),
    ),
    "sign of the target, at its minimum": (
        "denoising minimiser",
        with_loss(lambda s, f, e: (s**2 * (2 * f - e) ** 2 / 2).sum(1).mean()),
    ),
    "noise for the target": (
        "denoising minimiser",
        with_loss(lambda s, f, e: (s**2 * (f + s * (e - f)) ** 2 / 2).sum(1).mean()),
    ),
    "a level for the whole batch": (
        "weighted loss",
        lambda: broken(
            Model,
            loss=lambda self, x, s, eps: Model.loss(self, x, s[:1].expand(len(s)), eps),
        ),
    ),
    "levels in the wrong order": (
        "annealed Langevin",
        lambda: broken(Model, sample=small_to_large),
    ),
    "levels interleaved": ("annealed Langevin", lambda: broken(Model, sample=interleaved)),
    "noise used again": ("annealed Langevin", lambda: broken(Model, sample=one_noise)),
    "no half in the drift": (
        "annealed Langevin",
        with_step(lambda x, a, s, z: x + a * s + a**0.5 * z),
    ),
    "alpha for its root": (
        "annealed Langevin",
        with_step(lambda x, a, s, z: x + a / 2 * s + a * z),
    ),
    "sign of the drift": (
        "annealed Langevin",
        with_step(lambda x, a, s, z: x - a / 2 * s + a**0.5 * z),
    ),
    "no noise": ("Gaussian samples", with_step(lambda x, a, s, z: x + a / 2 * s)),
    "starts on another square": (
        "annealed Langevin",
        lambda: broken(Model, start=(-2.0, 3.0), sample=smaller_square),
    ),
    "denoised at the end, undeclared": (
        "Gaussian samples",
        lambda: broken(Model, sample=denoised),
    ),
    "plain Langevin at the largest noise": (
        "plain Langevin",
        lambda: broken(Model, sample=plain_at_the_first),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_the_law_is_broken_and_named(name: str) -> None:
    assert_refused("score", MODELS[name])


def test_every_law_can_fail() -> None:
    assert_every_law_can_fail("score", MODELS)


@pytest.mark.parametrize("seed", range(8))
def test_honest_model_passes_whatever_the_seed(seed: int) -> None:
    torch.manual_seed(seed)
    outcomes = check_model(NormalScore(), "score", seed=seed)
    assert all(outcome.passed for outcome in outcomes), conformance_report(outcomes)
    assert {outcome.law for outcome in outcomes if not outcome.applies} <= {
        "configuration",
        "own noise",
    }
