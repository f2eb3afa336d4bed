"""The laws refuse energy-based models with one thing wrong."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from zoo.core import recipes
from zoo.core.conformance import check_model, conformance_report
from zoo.core.conformance.breaking import (
    assert_every_law_can_fail,
    assert_refused,
    broken,
    no_grad,
)
from zoo.core.conformance.energy import quadrature
from zoo.core.conformance.energy_examples import SmallEnergy
from zoo.core.conformance.law import Subject
from zoo.core.noise import Noise

Small = SmallEnergy


def langevin(
    sign: float = -1,
    half: float = 0.5,
    reduce: Callable[[Tensor], Tensor] = torch.sum,
    noise: Callable[[Small], float] = lambda model: model.noise_scale,
    cut: Callable[[Tensor], Tensor] = lambda x: x,
    graph: bool = False,
) -> Callable:
    """A sampler with one of its parts changed."""

    def changed(self, x, eps):
        x = x if graph else x.detach()
        for draw in eps:
            with torch.enable_grad():
                x = x if x.requires_grad else x.requires_grad_()
                (force,) = torch.autograd.grad(reduce(self.energy(x)), x, create_graph=graph)
            x = x if graph else x.detach()
            x = x + sign * half * self.step_size * force + noise(self) * draw
            x = cut(x)
        return x

    return changed


def stained(self, x, eps):
    """A sampler that calls backward and so leaves gradients on the weights."""
    for draw in eps:
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            self.energy(x).sum().backward()
        x = x.detach() - self.step_size / 2 * x.grad + self.noise_scale * draw
    return x.detach()


def loss(plus: float = 1, minus: float = -1, power: int = 2, detach: bool = False) -> Callable:
    """An objective with one of its terms changed."""

    def changed(self, x, x_model):
        a, b = self.energy(x), self.energy(x_model)
        b = b.detach() if detach else b
        squares = a.abs().pow(power).mean() + b.abs().pow(power).mean()
        return plus * a.mean() + minus * b.mean() + self.penalty * squares

    return changed


@no_grad
def noiseless(self, n, generator=None):
    x = torch.rand(n, *self.event_shape, generator=generator)
    x = self.langevin(x, torch.zeros(self.steps, *x.shape))
    return x + 1e-6 * torch.randn(x.shape, generator=generator)


@no_grad
def short(self, n, generator=None):
    x = torch.rand(n, *self.event_shape, generator=generator)
    return self.langevin(x, torch.randn(2, *x.shape, generator=generator))


@no_grad
def frozen_noise(self, n, generator=None):
    x = torch.rand(n, *self.event_shape, generator=generator)
    eps = torch.randn(x.shape, generator=generator)
    return self.langevin(x, eps.expand(self.steps, *x.shape))


def changed(**methods: Callable) -> Callable[[], nn.Module]:
    return lambda: broken(Small, **methods)


ENERGIES = {
    "climbs": ("langevin step", changed(langevin=langevin(sign=1))),
    "no half": ("langevin step", changed(langevin=langevin(half=1.0))),
    "mean over the batch": ("langevin step", changed(langevin=langevin(reduce=torch.mean))),
    "variance for deviation": (
        "langevin step",
        changed(langevin=langevin(noise=lambda model: model.noise_scale**2)),
    ),
    "images not cut": (
        "langevin step",
        lambda: broken(Small, (1, 1, 2), 2.0, langevin=langevin()),
    ),
    "temperature of another step": (
        "langevin moments",
        changed(temperature=property(lambda self: 2 * self.noise_scale**2 / self.step_size)),
    ),
    "temperature of one": ("langevin moments", changed(temperature=property(lambda self: 1.0))),
    "first step forgotten": (
        "langevin moments",
        changed(langevin=lambda self, x, eps: Small.langevin(self, x, eps[1:])),
    ),
    "no noise in the samples": ("gaussian samples", changed(sample=noiseless)),
    "chains cut short": ("gaussian samples", changed(sample=short)),
    "the same noise at each step": ("gaussian samples", changed(sample=frozen_noise)),
    "graph through the chain": ("chains are constants", changed(langevin=langevin(graph=True))),
    "gradients left behind": ("chains are constants", changed(langevin=stained)),
    "loss upside down": ("contrastive gradient", changed(loss=loss(plus=-1, minus=1))),
    "no samples in the loss": ("contrastive gradient", changed(loss=loss(minus=0))),
    "samples detached": ("contrastive gradient", changed(loss=loss(detach=True))),
    "energies unsquared": ("energy penalty", changed(loss=loss(power=1))),
}


@pytest.mark.parametrize("name", ENERGIES)
def test_the_law_is_broken_and_named(name: str) -> None:
    assert_refused("energy", ENERGIES[name])


def test_every_law_can_fail() -> None:
    assert_every_law_can_fail("energy", ENERGIES, elsewhere=frozenset({"negatives"}))


def test_quadrature_knows_the_constant_of_a_gaussian() -> None:
    for shape in ((1,), (2,)):
        nodes, log_weights = quadrature(Subject(Small(shape), "energy"))
        log_z = (log_weights - nodes.square().sum(1) / 2).logsumexp(0)
        assert log_z.item() == pytest.approx(shape[0] * math.log(2 * math.pi) / 2, abs=1e-6)
    nodes, log_weights = quadrature(Subject(Small((1, 1, 2)), "energy"))
    assert log_weights.exp().sum().item() == pytest.approx(1)
    assert (log_weights.exp() @ nodes.flatten(1)).tolist() == pytest.approx([0.5, 0.5])


class EnergyTask(recipes.Task):
    """Chains from noise, new at each step."""

    def build(self) -> Small:
        return Small()

    def training_step(self, loop, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        start, eps = self.chains(x, noise)
        loss = loop.model.loss(x, loop.model.langevin(start, eps))
        loop.minimise("model", loss)
        return {"loss": loss}

    def chains(self, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        return noise.uniform(*x.shape), noise.normal(3, *x.shape)


class SameChains(EnergyTask):
    def chains(self, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        return torch.zeros(x.shape), torch.zeros(3, *x.shape)


class DataForSamples(EnergyTask):
    def chains(self, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        return x, torch.zeros(0, *x.shape)


class ThroughTheChain(EnergyTask):
    def build(self) -> nn.Module:
        return broken(Small, langevin=langevin(graph=True))


CONFIG = recipes.TrainingConfig(dataset="grid25", steps=1, batch_size=8)


def refused(kind: type[recipes.Task]) -> list[str]:
    torch.manual_seed(0)
    task = kind(CONFIG)
    outcomes = check_model(task.build(), "energy", task)
    return [outcome.law for outcome in outcomes if not outcome.passed]


def test_an_honest_task_passes() -> None:
    assert refused(EnergyTask) == []


@pytest.mark.parametrize("kind", [SameChains, DataForSamples, ThroughTheChain])
def test_a_task_without_new_constant_samples_is_refused(kind: type[recipes.Task]) -> None:
    assert "negatives" in refused(kind)


@pytest.mark.parametrize("shape", [(1,), (2,), (1, 1, 2), (1, 2, 2)])
def test_honest_models_of_any_shape_pass(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    outcomes = check_model(Small(shape), "energy")
    assert all(outcome.passed for outcome in outcomes), conformance_report(outcomes)
