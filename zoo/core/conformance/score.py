"""Laws of score-based models: the objective term by term, the sampler step by step.

The score of perturbed data is known exactly where the data are normal, or finitely many points. Put
in the place of ``model.score`` it makes the minimum of the objective and every moment of the
sampler's chain computable.
"""

from __future__ import annotations

import inspect
import itertools
import math

import torch
from torch import Tensor

from zoo.core.conformance.gaussian_chain import Predict, column, spy
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
MEAN, STD = 0.4, 0.3  # of the normal data, in each dimension; within [0, 1] for images
DRAWS = 4000


@law(LAWS, "noise levels", "The noise levels fall, stay positive and are at least two.")
def _levels(subject: Subject) -> str:
    sigmas = _sigmas(subject)
    if sigmas.ndim != 1 or len(sigmas) < 2:
        raise Broken(f"sigmas: expected two levels or more, found shape {tuple(sigmas.shape)}")
    if not bool((sigmas.diff() < 0).all()) or not float(sigmas[-1]) > 0:
        raise Broken(f"expected noise levels that fall and stay > 0, found {sigmas.tolist()}")
    return f"{len(sigmas)} levels, {sigmas[0]:.3g} to {sigmas[-1]:.3g}"


@law(
    LAWS,
    "step sizes",
    "The step sizes are proportional to the squared noise levels, and small enough to converge.",
)
def _step_sizes(subject: Subject) -> str:
    alpha, sigmas = subject.model.step_sizes.double(), _sigmas(subject)
    ratio = alpha / sigmas.square()
    expect_close("step size / sigma^2", ratio, ratio[-1], 0.0, 1e-4)
    if not 0 < float(ratio[-1]) < 4:  # |1 - ratio / 2| < 1: else steps at a point of data diverge
        raise Broken(f"step size / sigma^2: expected it in (0, 4), found {ratio[-1]:.4g}")
    return f"step size / sigma^2 = {ratio[-1]:.4g} at every level"


@law(
    LAWS,
    "weighted loss",
    "loss(x, sigma, eps) is the mean over the batch of sigma^2/2 times the squared norm of"
    " score(x + sigma eps, sigma) + eps/sigma, with a sigma for each example.",
)
def _loss(subject: Subject) -> str:
    x, sigma, eps = _inputs(subject)
    calls: list[tuple[Tensor, Tensor]] = []
    answer = subject.normal(*x.shape, stream=3) / column(sigma, x)
    with replaced(subject.model, score=spy(lambda x, s: answer, calls)):
        found = subject.model.loss(x, sigma, eps)
    if len(calls) != 1:
        raise Broken(f"expected one call of self.score, found {len(calls)}")
    s = column(sigma, x)
    expect_close("the perturbed x in the loss", calls[0][0], x + s * eps, 1e-5, 1e-5)
    expect_close("sigma in the loss", calls[0][1], sigma, 0.0, 1e-6)
    if found.ndim:
        raise Broken(f"loss: expected a scalar, found shape {tuple(found.shape)}")
    truth = (0.5 * s.square() * (answer + eps / s).square()).flatten(1).sum(1).mean()
    return expect_close("loss", found, truth, 1e-5, 1e-5)


@law(
    LAWS,
    "denoising minimiser",
    "At every level the expected loss on three points of data is least at the exact score of their"
    " mixture: it grows by sigma^2/2 E||change||^2 whatever one adds to it.",
)
def _minimiser(subject: Subject) -> str:
    points = subject.examples(3, stream=21)
    exact, direction = mixture_score(points), subject.normal(subject.dim, stream=22)

    def changed(size: float) -> Predict:
        def score(x: Tensor, sigma: Tensor) -> Tensor:
            wave = torch.sin(x.flatten(1) + direction).view_as(x) / column(sigma, x)
            return exact(x, sigma) + size * wave

        return score

    for level, sigma in enumerate(subject.model.sigmas):
        slopes = []
        for k in range(40):  # means over 100 draws each
            x = points[torch.randint(3, (100,), generator=subject.generator(100 + k))]
            draw = (x, sigma.expand(100), subject.normal(*x.shape, stream=200 + k))
            up, down = (_loss_with(subject, changed(size), draw) for size in (0.5, -0.5))
            slopes.append(up - down)
        expect_mean(f"slope of the loss at the exact score, level {level + 1}",
                    torch.stack(slopes), 0.0)  # fmt: skip
    return f"the exact score is stationary at {level + 1} levels"


@law(
    LAWS,
    "annealed Langevin",
    "From a uniform start, T steps at each level in turn, the largest first, each adding"
    " alpha/2 score(x, sigma) and sqrt(alpha) times fresh standard normal noise.",
)
def _annealed(subject: Subject) -> str:
    total = len(subject.model.sigmas)
    return _check_chain(subject, list(range(total)), {})


@law(
    LAWS,
    "plain Langevin",
    "Without annealing the chain takes as many steps, all of them at the last level.",
)
def _plain(subject: Subject) -> str:
    if "annealed" not in inspect.signature(subject.model.sample).parameters:
        raise NotApplicable("sample has no argument `annealed` (optional in this family)")
    total = len(subject.model.sigmas)
    return _check_chain(subject, [total - 1] * total, {"annealed": False})


@law(
    LAWS,
    "Gaussian samples",
    "With the exact score of normal data samples have the mean and the variance that the exact"
    " recursion m - alpha/2 (m - mu)/v, (1 - alpha/2v)^2 V + alpha over all steps gives.",
)
def _gaussian(subject: Subject) -> str:
    model = subject.model
    if subject.support == "unit":
        raise NotApplicable("images are clamped at the end; make `tiny` a model of points")
    with replaced(model, score=normal_score):
        x = model.sample(DRAWS, subject.generator(5)).double().flatten(1)[:, 0]
    mean, variance, fourth = recursion(subject)
    expect_mean("mean", x, mean, 1e-3)
    expect_mean("variance", (x - mean).square(), variance, 1e-4)
    expect_mean("fourth moment", (x - mean) ** 4, fourth, 1e-4)
    return f"N({mean:.3f}, {math.sqrt(variance):.3f}^2); data N({MEAN}, {STD}^2)"


def normal_score(x: Tensor, sigma: Tensor) -> Tensor:
    """Exact score of N(MEAN, STD^2) data perturbed with sigma: a stand-in for ``model.score``."""
    variance = STD**2 + column(sigma, x).double().square()
    return ((MEAN - x.double()) / variance).to(x.dtype)


def mixture_score(points: Tensor) -> Predict:
    """Exact score of the data set ``points`` (N, ...) perturbed with sigma."""

    def score(x: Tensor, sigma: Tensor) -> Tensor:
        gaps = points.double()[None] - x.double()[:, None]  # (B, N, ...)
        s = sigma.double()
        weights = (-0.5 * gaps.flatten(2).square().sum(2) / s[:, None] ** 2).softmax(1)  # (B, N)
        mean_gap = torch.einsum("bn,bn...->b...", weights, gaps)
        return (mean_gap / column(s, x) ** 2).to(x.dtype)

    return score


def recursion(subject: Subject) -> tuple[float, float, float]:
    """Exact mean, variance and fourth central moment of the chain's end for the normal data."""
    low, high = subject.model.start
    mean, variance = (low + high) / 2, (high - low) ** 2 / 12
    excess = -((high - low) ** 4) / 120  # fourth cumulant of the uniform start
    alphas, sigmas = subject.model.step_sizes.tolist(), _sigmas(subject).tolist()
    for alpha, sigma in zip(alphas, sigmas, strict=True):
        kept = 1 - alpha / (2 * (STD**2 + sigma**2))
        for _ in range(subject.model.langevin_steps):
            mean = MEAN + kept * (mean - MEAN)
            variance, excess = kept**2 * variance + alpha, kept**4 * excess
    return mean, variance, excess + 3 * variance**2


def _check_chain(subject: Subject, levels: list[int], setting: dict[str, bool]) -> str:
    """Hold every step of ``sample(**setting)`` against the rule; levels are those to be visited."""
    model, calls = subject.model, []
    n = max(256, 8192 // subject.dim)
    with replaced(model, score=spy(normal_score, calls)):
        final = model.sample(n, subject.generator(5), **setting)
    expected = [model.sigmas[i] for i in levels for _ in range(model.langevin_steps)]
    if len(calls) != len(expected):
        raise Broken(f"expected {len(expected)} calls of self.score, found {len(calls)}")
    for k, ((_, sigma), truth) in enumerate(zip(calls, expected, strict=True)):
        expect_close(f"sigma at step {k + 1}", sigma, truth, 0.0, 1e-5)
    _check_start(subject, calls[0][0])
    states = [x.double() for x, _ in calls] + [final.double()]
    if subject.support == "unit":
        states.pop()  # clamped, so that its noise is not normal
    alphas = [model.step_sizes.double()[i] for i in levels for _ in range(model.langevin_steps)]
    noises = []
    for k, (before, after) in enumerate(itertools.pairwise(states)):
        drift = alphas[k] / 2 * normal_score(before, expected[k].expand(n))
        noise = ((after - before - drift) / alphas[k].sqrt()).flatten()
        expect_mean(f"step {k + 1}: mean of the noise", noise, 0.0, 5e-3)
        expect_mean(f"step {k + 1}: variance of the noise", noise.square(), 1.0, 5e-3)
        spread = (before - before.mean()).flatten() / before.std()
        expect_mean(f"step {k + 1}: noise times x", noise * spread, 0.0, 5e-3)
        noises.append(noise)
    for k, (first, second) in enumerate(itertools.pairwise(noises)):
        expect_mean(f"noise of steps {k + 1} and {k + 2}, multiplied", first * second, 0.0, 5e-3)
    return f"{len(levels)} levels of {model.langevin_steps} steps, from uniform {model.start}"


def _check_start(subject: Subject, x: Tensor) -> None:
    low, high = subject.model.start
    u = (x.double().flatten() - low) / (high - low)
    if not bool(((u >= 0) & (u <= 1)).all()):
        raise Broken(f"start: expected x in [{low}, {high}], found [{x.min():.3g}, {x.max():.3g}]")
    for power in (1, 2, 4):
        expect_mean(f"start: moment {power} of the uniform", u**power, 1 / (power + 1), 1e-3)


def _loss_with(subject: Subject, score: Predict, draw: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    with replaced(subject.model, score=score), torch.no_grad():
        return subject.model.loss(*draw).double()


def _inputs(subject: Subject) -> tuple[Tensor, Tensor, Tensor]:
    """Examples, each at a level of its own, and noise."""
    sigma = subject.model.sigmas
    x = subject.examples(len(sigma))
    return x, sigma, subject.normal(*x.shape, stream=2)


def _sigmas(subject: Subject) -> Tensor:
    return subject.model.sigmas.detach().double()
