"""Laws of energy-based models: known energies in the sampler's place, quadrature for the gradient.

A quadratic energy makes Langevin's chain linear, so that its moments are exact without one random
number: the chain's answer to each noise is measured, and the squares of the answers are added.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from zoo.core.conformance.general import StubLoop
from zoo.core.conformance.law import (
    Broken,
    Law,
    NotApplicable,
    Subject,
    expect_close,
    expect_mean,
    law,
    replaced,
)

LAWS: list[Law] = []
SMALL = 1e-4  # distances from the middle that keep a chain off the walls of [0, 1]
NODES = {"unit": 24, "real": 64}  # of the quadrature, for each dimension
REACH = 6.0  # half the length of the cube that stands for all of R^D


@law(
    LAWS,
    "langevin step",
    "One step is x - (step_size / 2) grad E(x) + noise_scale eps, each example with its own"
    " gradient and, for images, cut to [0, 1].",
)
def _step(subject: Subject) -> str:
    model = subject.double
    x, eps = (
        subject.examples(6, stream=44).double(),
        subject.normal(1, 6, *subject.shape, stream=41).double(),
    )
    tilt = subject.normal(*subject.shape, stream=42).double() / model.step_size
    scale = 1 / model.step_size

    def energy(x: Tensor) -> Tensor:
        return (tilt * x + scale * x**3).flatten(1).sum(1)

    force = tilt + 3 * scale * x.square()
    expected = x - model.step_size / 2 * force + model.noise_scale * eps[0]
    if subject.support == "unit":
        expected = expected.clamp(0, 1)
    with replaced(model, energy=energy):
        found = model.langevin(x, eps)
        none = model.langevin(x, eps[:0])
    expect_close("no step", none, x, 0.0)
    return expect_close("x after one step", found, expected, 1e-9, 1e-9)


@law(
    LAWS,
    "langevin moments",
    "With the energy (x - m)^2 / (2 s^2), K steps leave a^K of the distance to m, where a = 1 -"
    " step_size / (2 s^2), and the variance T s^2 / (1 - step_size / (4 s^2)) (1 - a^2K), where T ="
    " temperature: for small steps that of exp(-E / T).",
)
def _moments(subject: Subject) -> str:
    model, steps, notes = subject.double, 12, []
    middle = torch.full((1, *subject.shape), 0.5, dtype=torch.float64)
    silence = torch.zeros(steps, 1, *subject.shape, dtype=torch.float64)
    for ratio in (0.25, 1.2):  # step_size / (2 s^2): a smooth approach and one that overshoots
        square = model.step_size / (2 * ratio)
        a = 1 - ratio
        with quadratic(model, middle, square):
            start = model.langevin(middle + SMALL, silence) - middle
            expect_close("distance to m after K steps", start / SMALL, a**steps, 1e-6)
            total = torch.zeros(subject.shape, dtype=torch.float64)
            unit = SMALL / max(model.noise_scale, SMALL)
            for k in range(steps):
                pulse = silence.clone()
                pulse[k] = unit
                total += ((model.langevin(middle, pulse) - middle)[0] / unit).square()
        truth = model.temperature * square / (1 - model.step_size / (4 * square))
        expected = truth * (1 - a ** (2 * steps))
        notes.append(expect_close("variance over its truth", total / expected, 1.0, 1e-6))
    return notes[-1]


@law(
    LAWS,
    "gaussian samples",
    "sample with a quadratic energy draws that Gaussian, of the variance that finite steps leave.",
)
def _gaussian(subject: Subject) -> str:
    model = subject.model
    middle = torch.full((1, *subject.shape), 0.5)
    n = max(512, 4096 // subject.dim)
    with quadratic(model, middle, model.step_size):  # a = 1/2: any start is soon forgotten
        x = model.sample(n, subject.generator(43)).double().flatten()
    variance = model.temperature * model.step_size / (1 - 1 / 4)
    z = (x - 0.5) / math.sqrt(variance)
    expect_mean("mean of the samples in deviations", z, 0.0, 1e-3)
    return expect_mean("variance of the samples over its truth", z.square(), 1.0, 1e-3)


@law(
    LAWS,
    "chains are constants",
    "langevin returns tensors without a graph and leaves no gradient on the parameters.",
)
def _constants(subject: Subject) -> str:
    model = subject.model
    model.zero_grad(set_to_none=True)
    x = subject.examples(4).requires_grad_()
    found = model.langevin(x, subject.normal(2, 4, *subject.shape))
    if found.requires_grad:
        raise Broken("expected samples without a graph, found one: detach x at each step")
    stained = [name for name, p in model.named_parameters() if p.grad is not None]
    if stained or x.grad is not None:
        raise Broken(f"expected no gradient left behind, found one on {(stained or ['x'])[0]}")
    return "no graph, no gradient left behind"


@law(
    LAWS,
    "contrastive gradient",
    "Without its penalty the loss has, for samples of p = exp(-E) / Z, the gradient of the exact"
    " -log p = E + log Z of the data; Z by quadrature.",
)
def _gradient(subject: Subject) -> str:
    model = subject.double
    nodes, log_weights = quadrature(subject)
    data = subject.examples(5, stream=44).double()
    parameters = [p for p in model.parameters() if p.requires_grad]
    # T = 1, at which the quadrature sees a smooth density: another T only means another energy.
    log_p = log_weights - model.energy(nodes)
    expected = _flat_gradient(model.energy(data).mean() + log_p.logsumexp(0), parameters)
    with replaced(model, penalty=0.0):
        losses = torch.stack([model.loss(data, node[None]) for node in nodes])
    found = _flat_gradient((log_p.softmax(0).detach() * losses).sum(), parameters)
    size = float(expected.abs().max())
    return expect_close("gradient", found, expected, 1e-7 * max(size, 1.0), 1e-6)


@law(
    LAWS,
    "energy penalty",
    "The loss is mean E(x) - mean E(x_model) + penalty (mean E(x)^2 + mean E(x_model)^2).",
)
def _penalty(subject: Subject) -> str:
    model = subject.double
    x, x_model = (subject.examples(n, stream=s).double() for n, s in ((5, 45), (7, 46)))
    with torch.no_grad():
        plus, minus, found = model.energy(x), model.energy(x_model), model.loss(x, x_model)
    squares = plus.square().mean() + minus.square().mean()
    return expect_close(
        "loss", found[None], plus.mean() - minus.mean() + model.penalty * squares, 1e-9, 1e-9
    )


@law(
    LAWS,
    "negatives",
    "Training contrasts data with the constant ends of chains: the loss sees no graph in them, and"
    " lowers the energy of the data against theirs.",
)
def _negatives(subject: Subject) -> str:
    if subject.task is None:
        raise NotApplicable("no training task")
    model, seen = subject.model, []
    loss = model.loss

    def spy(x: Tensor, x_model: Tensor) -> Tensor:
        seen.append((x, x_model))
        return loss(x, x_model)

    with replaced(model, loss=spy):
        loop = StubLoop(subject, model)
        for _ in range(3):
            loop.run_step()
    if not seen:
        raise Broken("expected training_step to call model.loss, found no call")
    for x, x_model in seen:
        if x_model.requires_grad:
            raise Broken("expected constants for samples, found a graph through the chain")
        if x_model.shape != x.shape or torch.equal(x_model, x):
            raise Broken(f"expected {tuple(x.shape)} of samples, found {tuple(x_model.shape)}")
    if torch.equal(seen[0][1], seen[1][1]):
        raise Broken("expected new samples at each step, found the same")
    return f"{len(seen)} steps, samples without a graph"


@contextmanager
def quadratic(model: torch.nn.Module, mean: Tensor, square: float) -> Iterator[None]:
    """The energy |x - mean|^2 / (2 square) in the place of the model's."""

    def energy(x: Tensor) -> Tensor:
        return (x - mean).square().flatten(1).sum(1) / (2 * square)

    with replaced(model, energy=energy):
        yield


def quadrature(subject: Subject) -> tuple[Tensor, Tensor]:
    """Gauss-Legendre nodes (Q, *event_shape) of [0, 1]^D or [-6, 6]^D and log-weights (Q,)."""
    if subject.dim > 2:
        raise NotApplicable(f"no quadrature in {subject.dim} dimensions: make `tiny` at most 2")
    node, weight = np.polynomial.legendre.leggauss(NODES[subject.support])
    node, weight = torch.from_numpy(node), torch.from_numpy(weight)
    if subject.support == "unit":
        node, weight = (node + 1) / 2, weight / 2
    else:
        node, weight = REACH * node, REACH * weight
    nodes = torch.cartesian_prod(*[node] * subject.dim).view(-1, *subject.shape)
    weights = torch.cartesian_prod(*[weight] * subject.dim).view(len(nodes), -1).prod(1)
    return nodes, weights.log()


def _flat_gradient(value: Tensor, parameters: list[Tensor]) -> Tensor:
    gradients = torch.autograd.grad(value, parameters, allow_unused=True)
    pairs = zip(gradients, parameters, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])
