"""What is exactly known of a diffusion whose data are Gaussian, for the laws of that family.

For data x0 ~ N(MEAN, STD^2), independent in each dimension, the best prediction of the noise is
known; put in the place of ``model.predict`` it makes every step of the sampler and every term of
the bound computable.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.core.conformance.law import Broken, Subject, expect_close, expect_mean, replaced

MEAN, STD = 0.1, 0.2  # well inside [-1, 1]: clipping a prediction there changes nothing

Predict = Callable[[Tensor, Tensor], Tensor]
Transition = Callable[[Tensor, int, int], tuple[Tensor, Tensor]]  # (x_t, t, s) -> mean, variance


def alpha_bar(subject: Subject) -> Tensor:
    """The model's schedule in float64, (T + 1,)."""
    return subject.model.alpha_bar.detach().double()


def column(values: Tensor, like: Tensor) -> Tensor:
    """Per-example values (B,) shaped to multiply ``like`` (B, ...)."""
    return values.view(-1, *[1] * (like.ndim - 1))


def scaled(subject: Subject, x: Tensor) -> Tensor:
    """From the interface's scale to the diffusion's."""
    return subject.model.scale(x) if subject.support == "unit" else x


def unscaled(subject: Subject, x: Tensor) -> Tensor:
    """From the diffusion's scale to the interface's."""
    return subject.model.unscale(x) if subject.support == "unit" else x


def exact_predict(subject: Subject) -> Predict:
    """E[eps | x_t] for the Gaussian data: a stand-in for ``model.predict``."""

    def predict(x_t: Tensor, t: Tensor) -> Tensor:
        a = column(alpha_bar(subject)[t.long()], x_t)
        centred = x_t.double() - a.sqrt() * MEAN
        return ((1 - a).sqrt() * centred / (a * STD**2 + 1 - a)).to(x_t.dtype)

    return predict


def ddim_step(
    x_t: Tensor | float, x0_hat: Tensor | float, now: Tensor, before: Tensor, eta: float
) -> tuple[Any, Tensor]:
    """Mean and variance of x_s given x_t and the predicted x0 (DDIM eqs. 12 and 16)."""
    variance = eta**2 * (1 - before) / (1 - now) * (1 - now / before)
    eps_hat = (x_t - now.sqrt() * x0_hat) / (1 - now).sqrt()
    return before.sqrt() * x0_hat + (1 - before - variance).clamp(min=0).sqrt() * eps_hat, variance


def check_sampler(subject: Subject, rule: Transition, setting: dict[str, Any]) -> list[int]:
    """Hold every transition of ``sample(**setting)`` against a rule; the times it visited.

    The inputs of ``predict`` are the states of the chain, so that no assumption is made about the
    order in which the sampler draws its noise.
    """
    calls: list[tuple[Tensor, Tensor]] = []
    exact = exact_predict(subject)
    n = max(256, 4096 // subject.dim)
    with replaced(subject.model, predict=spy(exact, calls)):
        final = scaled(subject, subject.model.sample(n, subject.generator(5), **setting))
    if not calls:
        raise Broken("expected sample to call self.predict, found no call")
    states = [(x.double(), int(t.flatten()[0])) for x, t in calls] + [(final.double(), 0)]
    # A step may ask predict twice for the same noise.
    states = [
        now
        for before, now in itertools.pairwise([None, *states])
        if before is None or before[1] != now[1] or not torch.equal(before[0], now[0])
    ]
    expect_mean("mean of x_T", states[0][0].flatten(), 0.0)
    expect_mean("mean of x_T^2", states[0][0].flatten().square(), 1.0)
    for (x_t, t), (x_s, s) in itertools.pairwise(states):
        with replaced(subject.model, predict=exact), torch.no_grad():
            mean, variance = rule(x_t.float(), t, s)
        _check_transition(subject, f"step from t = {t} to {s}", x_s, x_t, mean, variance, s == 0)
    return [t for _, t in states[:-1]]


def _check_transition(
    subject: Subject,
    name: str,
    x_s: Tensor,
    x_t: Tensor,
    mean: Tensor,
    variance: Tensor,
    last: bool,
) -> None:
    mean, variance = mean.double(), variance.double()
    if last or not float(variance.max()) > 0:
        if last and subject.support == "unit":
            mean = mean.clamp(-1, 1)
        what = f"{name}: x without noise" if last else f"{name}: x"
        expect_close(what, x_s, mean, 2e-4)
        return
    noise = ((x_s - mean) / variance.sqrt()).flatten()
    expect_mean(f"{name}: mean of the noise in units of its deviation", noise, 0.0, 5e-3)
    expect_mean(f"{name}: variance of the noise over that expected", noise.square(), 1.0, 5e-3)
    expect_mean(f"{name}: noise times x_t", noise * x_t.flatten(), 0.0, 5e-3)


def spy(function: Predict, calls: list[tuple[Tensor, Tensor]]) -> Predict:
    """The function, with its inputs remembered in ``calls``."""

    def recording(x_t: Tensor, t: Tensor) -> Tensor:
        calls.append((x_t.detach().clone(), t.detach().clone()))
        return function(x_t, t)

    return recording


def recursion(subject: Subject, eta: float | None) -> tuple[float, float]:
    """Exact mean and variance of x_0 when the sampler visits all t; eta None: ancestral."""
    a = alpha_bar(subject)
    mean, variance = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    for t in range(len(a) - 1, 0, -1):
        ends = [
            ddim_step(x, _best_x0(x, a[t]), a[t], a[t - 1], 1.0 if eta is None else eta)
            for x in (mean, mean + 1)
        ]
        slope = ends[1][0] - ends[0][0]  # the step is affine in x_t
        noise = ends[0][1] if eta is not None else reverse_variance(subject, t)
        mean, variance = ends[0][0], slope**2 * variance + (noise if t > 1 else 0.0)
    return float(mean), float(variance)


def _best_x0(x_t: Tensor, a: Tensor) -> Tensor:
    """E[x0 | x_t] for the Gaussian data."""
    return MEAN + a.sqrt() * STD**2 / (a * STD**2 + 1 - a) * (x_t - a.sqrt() * MEAN)


def reverse_variance(subject: Subject, t: int) -> float:
    """The model's variance of p(x_{t-1} | x_t)."""
    with torch.no_grad(), replaced(subject.model, predict=exact_predict(subject)):
        variance = subject.model.reverse(torch.zeros(1, *subject.shape), torch.tensor([t]))[1]
    return float(variance.flatten()[0])


def hermite(points: int = 64) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the expectation over N(0, 1), float64."""
    nodes, weight = np.polynomial.hermite_e.hermegauss(points)
    return torch.from_numpy(nodes), torch.from_numpy(weight / weight.sum())


def bayes_product(x0: float, x_t: float, before: float, alpha: float) -> tuple[float, float]:
    """Mean and variance of x_{t-1} given x0 and x_t, for before = alpha_bar_{t-1} and alpha_t.

    N(y; sqrt(before) x0, 1 - before) N(x_t; sqrt(alpha) y, 1 - alpha) is normalised over a grid.
    """
    centres = (math.sqrt(before) * x0, x_t / math.sqrt(alpha))
    widths = (math.sqrt(1 - before), math.sqrt((1 - alpha) / alpha))
    reach = 9 * min(widths)
    y = np.linspace(min(centres) - reach, max(centres) + reach, 400_001)
    log_p = -0.5 * sum(((y - c) / w) ** 2 for c, w in zip(centres, widths, strict=True))
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    mean = float((p * y).sum())
    return mean, float((p * (y - mean) ** 2).sum())


def gaussian_data(subject: Subject, n: int) -> tuple[Tensor, Tensor]:
    """Gaussian data, rounded to grey levels where the model has these, and their log P in nats."""
    levels = getattr(subject.model, "levels", None)
    if levels is None:
        x0 = MEAN + STD * subject.normal(n, *subject.shape, stream=9)
        log_p = torch.distributions.Normal(MEAN, STD).log_prob(x0).double().flatten(1).sum(1)
        return unscaled(subject, x0), log_p + _log_scale(subject)
    grey = torch.arange(levels) / (levels - 1)
    score = -0.5 * ((scaled(subject, grey).double() - MEAN) / STD).square()
    log_p = score.log_softmax(0)
    k = torch.multinomial(log_p.exp(), n * subject.dim, True, generator=subject.generator(9))
    return grey[k].view(n, *subject.shape), log_p[k].view(n, -1).sum(1)


def _log_scale(subject: Subject) -> float:
    """Log-determinant of the map from the interface's scale to the diffusion's."""
    return subject.dim * math.log(2) if subject.support == "unit" else 0.0


def analytic_terms(subject: Subject, x: Tensor) -> dict[str, Tensor]:
    """Expectations of L_T (), L_t (T - 1,) and L_0 () for one example and the exact prediction."""
    a, x0 = alpha_bar(subject), scaled(subject, x).double().flatten()
    last = a[-1]
    prior = 0.5 * (last * x0.square() - last - torch.log1p(-last)).sum()
    steps = [_step_term(subject, x0, t) for t in range(2, len(a))]
    return {"L_T": prior, "L_t": torch.stack(steps), "L_0": _decoder_term(subject, x0)}


def _noised(x0: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
    """Values (N, D) of x_t at the nodes of its noise, and their weights (N, 1)."""
    nodes, weight = hermite()
    return a.sqrt() * x0 + (1 - a).sqrt() * nodes[:, None], weight[:, None]


def _step_term(subject: Subject, x0: Tensor, t: int) -> Tensor:
    """E KL(q(x_{t-1} | x_t, x0) || p(x_{t-1} | x_t)), summed over dimensions."""
    now, before = alpha_bar(subject)[t], alpha_bar(subject)[t - 1]
    x_t, weight = _noised(x0, now)
    pull = before.sqrt() * (1 - now / before) / (1 - now)  # of x0 on the posterior's mean
    squared = (weight * (pull * (x0 - _best_x0(x_t, now))).square()).sum(0)
    variance_q = (1 - before) / (1 - now) * (1 - now / before)
    variance_p = reverse_variance(subject, t)
    log_ratio = math.log(variance_p) - variance_q.log()
    return 0.5 * (log_ratio + (variance_q + squared) / variance_p - 1).sum()


def _decoder_term(subject: Subject, x0: Tensor) -> Tensor:
    """E[-log p(x0 | x1)], of the discretised or the continuous Gaussian, summed over dimensions."""
    x_1, weight = _noised(x0, alpha_bar(subject)[1])
    mean, std = _best_x0(x_1, alpha_bar(subject)[1]), math.sqrt(reverse_variance(subject, 1))
    levels = getattr(subject.model, "levels", None)
    if levels is None:
        log_p = torch.distributions.Normal(mean, std).log_prob(x0)
        return -(weight * log_p).sum() - _log_scale(subject)
    half = 1 / (levels - 1)
    upper = torch.where(x0 > 1 - half, torch.inf, (x0 + half - mean) / std)
    lower = torch.where(x0 < -1 + half, -torch.inf, (x0 - half - mean) / std)
    # In the upper tail both distribution functions round to 1: there the mirror image is used.
    a, b = torch.where(lower > 0, -upper, lower), torch.where(lower > 0, -lower, upper)
    log_a, log_b = torch.special.log_ndtr(a), torch.special.log_ndtr(b)
    return -(weight * (log_b + torch.log(-torch.expm1(log_a - log_b)))).sum()
