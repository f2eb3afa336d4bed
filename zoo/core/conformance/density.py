"""Laws of exact densities, shared by autoregressive models, flows and baselines."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from zoo.core.conformance.law import (
    Broken,
    Law,
    NotApplicable,
    Subject,
    expect_close,
    expect_frequencies,
    law,
)
from zoo.core.noise import Noise
from zoo.core.recipes import Task

LAWS: list[Law] = []
CELLS = 8  # cells per dimension of a histogram
DRAWS = 20_000
STEP = 1e-6  # of parameters, for differences in float64


@law(LAWS, "normalisation", "p(x) sums, or integrates, to one over all x.")
def _normalisation(subject: Subject) -> str:
    if subject.values:
        total = log_prob(subject, subject.states).double().exp().sum()
        count = f"{subject.values}^{subject.dim}"
        return expect_close(f"sum of p over {count} states", total, 1.0, 1e-4)
    low, high = box(subject)
    mass = cell_masses(subject, low, high).sum()
    return expect_close("integral of p", mass, 1.0, 2e-3)


@law(LAWS, "sample frequencies", "Samples occur as often as p(x) says.")
def _frequencies(subject: Subject) -> str:
    x = subject.model.sample(DRAWS, subject.generator()).double().flatten(1)
    if subject.values:
        p = log_prob(subject, subject.states).double().exp()
        place = float(subject.values) ** torch.arange(subject.dim - 1, -1, -1, dtype=torch.float64)
        counts = torch.bincount((x @ place).long(), minlength=len(p))
        return expect_frequencies(f"counts of {len(p)} states", counts, p)
    low, high = box(subject)
    masses = cell_masses(subject, low, high).flatten()
    inside = ((x >= low) & (x <= high)).all(1)
    cell = ((x[inside] - low) / (high - low) * CELLS).long().clamp(max=CELLS - 1)
    place = CELLS ** torch.arange(subject.dim - 1, -1, -1)
    counts = torch.bincount((cell * place).sum(1), minlength=len(masses))
    outside = (1 - masses.sum()).clamp(min=0)
    counts = torch.cat([counts, (~inside).sum()[None]])
    return expect_frequencies("counts in cells", counts, torch.cat([masses, outside[None]]))


@law(
    LAWS,
    "derivative",
    "Autograd's gradients of log p(x) and of the loss are their derivatives: nothing is detached.",
)
def _derivative(subject: Subject) -> str:
    usual = torch.get_default_dtype()
    torch.set_default_dtype(
        torch.float64
    )  # differences need it, of what the model makes itself too
    try:
        notes = [_slope(subject, name, value) for name, value in _learned(subject).items()]
    except RuntimeError as error:  # other laws ask whether it can be evaluated at all
        if "dtype" not in str(error):
            raise
        raise NotApplicable("the model does not work in double precision") from None
    finally:
        torch.set_default_dtype(usual)
    return "; ".join(notes)


def _learned(subject: Subject) -> dict[str, Callable[[Any, Tensor], Tensor]]:
    """What is differentiated in training, or might be: name -> scalar function of model and x."""
    functions = {"log p": lambda model, x: model.log_prob(x).sum()}
    task = subject.task
    if task is not None and type(task).loss is not Task.loss:
        functions["loss"] = lambda model, x: task.loss(model, x, Noise(subject.seed, 0))["loss"]
    return functions


def _slope(subject: Subject, name: str, value_of: Callable[[Any, Tensor], Tensor]) -> str:
    """Compare the slopes in a random direction of all parameters: of autograd, of differences."""
    model, generator = copy.deepcopy(subject.double), subject.generator(21)
    x = subject.examples(4)
    x = x if subject.support == "tokens" else x.double()
    parameters = [p for p in model.parameters() if p.requires_grad]
    directions = [torch.randn(p.shape, generator=generator) for p in parameters]
    value = value_of(model, x)
    if not value.requires_grad:
        return f"{name} is evaluated without a graph"
    gradients = torch.autograd.grad(value, parameters, allow_unused=True)
    pairs = zip(gradients, directions, strict=True)
    slope = sum((g * d).sum() for g, d in pairs if g is not None)
    ends = []
    with torch.no_grad():
        for step in (STEP, -2 * STEP):  # to one side, then from there to the other
            for parameter, direction in zip(parameters, directions, strict=True):
                parameter.add_(step * direction)
            ends.append(value_of(model, x))
    difference = (ends[0] - ends[1]) / (2 * STEP)
    return expect_close(f"slope of {name}", torch.as_tensor(slope), difference, 1e-3, 1e-3)


def log_prob(subject: Subject, x: Tensor, chunk: int = 16_384) -> Tensor:
    """Log-density of many examples, without gradient, in chunks; Broken for a wrong shape."""
    with torch.no_grad():
        parts = [subject.model.log_prob(part) for part in x.split(chunk)]
    found = torch.cat(parts)
    if tuple(found.shape) != (len(x),):
        raise Broken(f"log_prob: expected shape {(len(x),)}, found {tuple(found.shape)}")
    return found


def box(subject: Subject) -> tuple[Tensor, Tensor]:
    """Corners (D,) of a box with all the mass that matters: [0, 1]^D, or wide around samples."""
    if subject.dim > 2:
        raise NotApplicable(f"an integral over {subject.dim} dimensions is not done by quadrature")
    if subject.support == "unit":
        return torch.zeros(subject.dim).double(), torch.ones(subject.dim).double()
    x = subject.model.sample(4000, subject.generator(11)).double().flatten(1)
    margin = 3 * x.std(0) + 0.25 * (x.amax(0) - x.amin(0))
    return x.amin(0) - margin, x.amax(0) + margin


def cell_masses(subject: Subject, low: Tensor, high: Tensor) -> Tensor:
    """Masses of p in the CELLS^D equal cells of a box; computed once for a subject."""
    if "cell masses" not in subject.memo:
        subject.memo["cell masses"] = _cell_masses(subject, low, high)
    return subject.memo["cell masses"]


def _cell_masses(subject: Subject, low: Tensor, high: Tensor) -> Tensor:
    """The masses by the midpoint rule.

    The grid is refined until two successive ones agree to 2e-3. If none does, NotApplicable, unless
    they leave no doubt that the mass is above 1.
    """
    previous, total, change = None, 0.0, math.inf
    for points in (64, 128, 256, 512):
        axes = [
            low[d] + (high[d] - low[d]) * (torch.arange(points).double() + 0.5) / points
            for d in range(subject.dim)
        ]
        grid = torch.cartesian_prod(*axes).reshape(-1, *subject.shape).float()
        volume = math.prod((high - low).tolist()) / points**subject.dim
        p = log_prob(subject, grid).double().exp() * volume
        fold = [CELLS, points // CELLS] * subject.dim
        masses = p.view(fold).sum(dim=tuple(range(1, 2 * subject.dim, 2)))
        total = float(masses.sum())
        if not math.isfinite(total):
            raise Broken(f"integral of p: expected 1, found {total}")
        if previous is not None:
            change = float((masses - previous).abs().sum())
            if change < 2e-3:
                return masses
        previous = masses
    if total - change > 1.1:
        raise Broken(f"integral of p: expected 1, found {total:.4g} ± {change:.2g}")
    raise NotApplicable("the quadrature does not converge: p is too rough for a 512-point grid")
