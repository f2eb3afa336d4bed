"""Laws of diffusions: the chain by exact Gaussian algebra, the sampler by what it asks predict."""

from __future__ import annotations

import inspect
import math

import torch
from torch import Tensor

from zoo.core.conformance import guidance
from zoo.core.conformance.gaussian_chain import (
    MEAN,
    STD,
    Transition,
    alpha_bar,
    analytic_terms,
    bayes_product,
    check_sampler,
    column,
    ddim_step,
    exact_predict,
    gaussian_data,
    hermite,
    recursion,
    scaled,
    spy,
)
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
DRAWS = 4000


@law(LAWS, "schedule", "alpha_bar has T + 1 entries, starts at alpha_bar[0] = 1, falls, stays > 0.")
def _schedule(subject: Subject) -> str:
    a, steps = alpha_bar(subject), subject.model.timesteps
    if tuple(a.shape) != (steps + 1,):
        raise Broken(f"alpha_bar: expected shape {(steps + 1,)}, found {tuple(a.shape)}")
    expect_close("alpha_bar[0]", a[0], 1.0, 0.0)
    if not bool((a.diff() < 0).all()) or not float(a[-1]) > 0:
        raise Broken(f"expected alpha_bar to fall at every t and stay > 0, found {a.tolist()}")
    return f"T = {steps}, alpha_bar[T] = {a[-1]:.3g}"


@law(LAWS, "scale", "Images in [0, 1] enter the chain in [-1, 1], and come back.")
def _scale(subject: Subject) -> str:
    if subject.support != "unit":
        raise NotApplicable("no images")
    x = subject.examples(4)
    expect_close("scale(x)", subject.model.scale(x), 2 * x - 1, 1e-6)
    return expect_close("unscale(scale(x))", subject.model.unscale(subject.model.scale(x)), x, 1e-6)


@law(
    LAWS,
    "q_sample",
    "x_t = sqrt(alpha_bar_t) x0 + sqrt(1 - alpha_bar_t) eps, with a t for each example.",
)
def _q_sample(subject: Subject) -> str:
    x0, t, eps = _inputs(subject)
    found = subject.model.q_sample(x0, t, eps)
    a = column(alpha_bar(subject)[t], x0)
    return expect_close("x_t", found, a.sqrt() * x0 + (1 - a).sqrt() * eps, 1e-5, 1e-5)


@law(
    LAWS,
    "posterior by Bayes' rule",
    "q(x_{t-1} | x_t, x0) is the normalised product of q(x_{t-1} | x0) and q(x_t | x_{t-1}); at"
    " t = 1 it is x0, with variance 0.",
)
def _posterior(subject: Subject) -> str:
    x0, t, x_t = _inputs(subject)
    mean, variance = subject.model.posterior(x0, x_t, t)
    variance = variance.expand_as(mean)
    a = alpha_bar(subject)
    for i, step in enumerate(t.tolist()):
        before, alpha = float(a[step - 1]), float(a[step] / a[step - 1])
        ends = float(x0[i].flatten()[0]), float(x_t[i].flatten()[0])
        truth = (ends[0], 0.0) if step == 1 else bayes_product(*ends, before, alpha)
        expect_close(f"mean at t = {step}", mean[i].flatten()[0], truth[0], 1e-4, 1e-3)
        # The smallest variances of a chain are 1e-4 and less: only a relative error means anything.
        what = f"variance at t = {step}"
        expect_close(what, variance[i].flatten()[0], truth[1], 1e-9, 3e-3)
    return f"mean and variance at t = {t.tolist()}"


@law(
    LAWS,
    "markov chain",
    "Averaged over q(x_t | x0), the posterior of x_{t-1} is q(x_{t-1} | x0) again, for every t.",
)
def _markov(subject: Subject) -> str:
    nodes, weight = hermite(16)
    times = torch.linspace(1, subject.model.timesteps, 50).round().long().unique()
    for step in times.tolist():
        x0 = _inputs(subject)[0][:1].expand(len(nodes), *subject.shape)
        eps = column(nodes, x0).expand_as(x0).float()
        t = torch.full((len(nodes),), step)
        mean, variance = subject.model.posterior(x0, subject.model.q_sample(x0, t, eps), t)
        w = column(weight, x0)
        average = (w * mean).sum(0)
        spread = (w * (mean - average).square() + w * variance).sum(0)
        before = alpha_bar(subject)[step - 1]
        expect_close(f"mean of x_{step - 1}", average, before.sqrt() * x0[0], 1e-4, 1e-3)
        expect_close(f"variance of x_{step - 1}", spread, 1 - before, 1e-7, 3e-3)
    return f"mean and variance before {len(times)} steps"


@law(
    LAWS,
    "simple loss",
    "loss(x0, t, eps) is the mean of (eps - predict(x_t, t))^2 at x_t = q_sample(x0, t, eps).",
)
def _loss(subject: Subject) -> str:
    x0, t, eps = _inputs(subject)
    calls: list[tuple[Tensor, Tensor]] = []
    answer = subject.normal(*x0.shape, stream=3)
    with replaced(subject.model, predict=spy(lambda x, t: answer, calls)):
        found = subject.model.loss(x0, t, eps)
    if len(calls) != 1:
        raise Broken(f"expected one call of self.predict, found {len(calls)}")
    a = column(alpha_bar(subject)[t], x0)
    expect_close("x_t in the loss", calls[0][0], a.sqrt() * x0 + (1 - a).sqrt() * eps, 1e-5, 1e-5)
    expect_close("t in the loss", calls[0][1], t.double(), 0.0)
    if found.ndim:
        raise Broken(f"loss: expected a scalar, found shape {tuple(found.shape)}")
    return expect_close("loss", found, (eps - answer).square().mean(), 1e-5, 1e-5)


@law(
    LAWS,
    "reversal",
    "reverse has the mean of the posterior at x0_hat = (x_t - sqrt(1 - alpha_bar_t) eps_hat) /"
    " sqrt(alpha_bar_t), and for t > 1 a variance from beta_tilde_t to beta_t; at t = 1 one > 0.",
)
def _reverse(subject: Subject) -> str:
    predict, a = exact_predict(subject), alpha_bar(subject)
    x0, t, eps = _inputs(subject)
    now, before = column(a[t], x0), column(a[t - 1], x0)
    x_t = (now.sqrt() * (MEAN + STD * x0) + (1 - now).sqrt() * eps).float()
    with replaced(subject.model, predict=predict), torch.no_grad():
        mean, variance = subject.model.reverse(x_t, t)
    x0_hat = (x_t - (1 - now).sqrt() * predict(x_t, t)) / now.sqrt()
    truth, small = ddim_step(x_t.double(), x0_hat, now, before, eta=1.0)
    expect_close("mean", mean, truth, 1e-4, 1e-3)
    variance = variance.double().expand_as(truth)
    low, high = small.expand_as(truth), (1 - now / before).expand_as(truth)
    later = column(t > 1, x0).expand_as(truth)
    allowed = variance[later].clamp(low[later], high[later])
    expect_close("variance", variance[later], allowed, 0.0, 3e-3)
    if not bool((variance[~later] > 0).all()):
        raise Broken("expected a positive variance of the decoder at t = 1, found 0")
    return f"t = {t.tolist()}"


@law(
    LAWS,
    "ancestral sampling",
    "From x_T ~ N(0, I) each step but the last adds noise of reverse's variance to reverse's mean.",
)
def _ancestral(subject: Subject) -> str:
    def rule(x_t: Tensor, t: int, s: int) -> tuple[Tensor, Tensor]:
        mean, variance = subject.model.reverse(x_t, torch.full((len(x_t),), t))
        return mean, variance.expand_as(mean)

    return _expect_all_times(subject, check_sampler(subject, rule, {}))


@law(
    LAWS,
    "ddim sampling",
    "Over a sub-sequence of times, x_s = sqrt(a_s) x0_hat + sqrt(1 - a_s - sigma^2) eps_hat +"
    " sigma noise, sigma^2 = eta^2 (1 - a_s)/(1 - a_t) (1 - a_t/a_s), a being alpha_bar.",
)
def _ddim(subject: Subject) -> str:
    total, third = subject.model.timesteps, max(2, subject.model.timesteps // 3)
    for steps, eta in ((third, 0.0), (third, 1.0), (third, 0.5), (total, 0.0)):
        visited = check_sampler(subject, _ddim_rule(subject, eta), _setting(subject, steps, eta))
        if len(visited) != steps or sorted(set(visited), reverse=True) != visited:
            raise Broken(f"expected {steps} falling times, found {visited}")
    return f"{third} and {total} steps; eta = 0, 0.5, 1"


@law(LAWS, "ddim as ddpm", "DDIM with all T steps and eta = 1 has the transitions of DDPM: q's.")
def _ddim_as_ddpm(subject: Subject) -> str:
    a = alpha_bar(subject)

    def rule(x_t: Tensor, t: int, s: int) -> tuple[Tensor, Tensor]:
        times = torch.full((len(x_t),), t)
        x0_hat = (x_t - (1 - a[t]).sqrt() * subject.model.predict(x_t, times)) / a[t].sqrt()
        mean, variance = subject.model.posterior(x0_hat.float(), x_t, times)
        return mean, variance.expand_as(mean)

    setting = _setting(subject, subject.model.timesteps, 1.0)
    return _expect_all_times(subject, check_sampler(subject, rule, setting))


@law(
    LAWS,
    "gaussian samples",
    "With the exact eps of Gaussian data samples are Gaussian, with the mean and variance that the"
    " exact recursion through the sampler's steps gives; ancestral, and DDIM at eta = 0 and 1.",
)
def _gaussian(subject: Subject) -> str:
    model, notes = subject.model, []
    settings = [{}] + [
        _setting(subject, model.timesteps, eta) for eta in (0.0, 1.0) if _has_ddim(subject)
    ]
    for setting in settings:
        mean, variance = recursion(subject, setting.get("eta"))
        with replaced(model, predict=exact_predict(subject)):
            x = scaled(subject, model.sample(DRAWS, subject.generator(5), **setting)).double()
        x = x.flatten(1)[:, 0]
        name = f"DDIM eta = {setting['eta']:g}" if setting else "ancestral"
        expect_mean(f"mean, {name}", x, mean, 1e-3)
        expect_mean(f"variance, {name}", (x - mean).square(), variance, 1e-4)
        expect_mean(f"fourth moment, {name}", ((x - mean) ** 2 / variance) ** 2, 3.0)
        notes.append(f"{name} N({mean:.3f}, {math.sqrt(variance):.3f}^2)")
    return f"{', '.join(notes)}; data N({MEAN}, {STD}^2)"


@law(
    LAWS,
    "bound terms",
    "For the exact eps of Gaussian data L_T, each L_t and L_0 have their analytic expectations, and"
    " log_prob_bound is minus their sum.",
)
def _bound_terms(subject: Subject) -> str:
    x = gaussian_data(subject, 1)[0].expand(DRAWS // 2, *subject.shape)
    with replaced(subject.model, predict=exact_predict(subject)), torch.no_grad():
        found = subject.model.bound_terms(x, subject.generator(6))
        bound = subject.model.log_prob_bound(x, subject.generator(6))
    truth = analytic_terms(subject, x[0])
    shapes = {name: tuple(value.shape[1:]) for name, value in found.items()}
    expected = {"L_T": (), "L_t": (subject.model.timesteps - 1,), "L_0": ()}
    if shapes != expected:
        raise Broken(f"bound_terms: expected shapes (B, *) of {expected}, found {shapes}")
    expect_mean("L_T", found["L_T"], truth["L_T"], 1e-3)
    for i, value in enumerate(truth["L_t"]):
        expect_mean(f"L_t at t = {i + 2}", found["L_t"][:, i], value, 1e-3)
    expect_mean("L_0", found["L_0"], truth["L_0"], 1e-3)
    expect_mean("log_prob_bound", bound, -sum(value.sum() for value in truth.values()), 2e-3)
    # With equal draws the difference has no variance, and shows even a small term that is left out.
    gap = bound + found["L_T"] + found["L_t"].sum(1) + found["L_0"]
    expect_mean("log_prob_bound plus the sum of the terms", gap, 0.0, 2e-4)
    return f"L_T {truth['L_T']:.3g} + L_t {truth['L_t'].sum():.3g} + L_0 {truth['L_0']:.3g} nats"


@law(
    LAWS,
    "bound",
    "For data x ~ P, E[log_prob_bound(x)] <= E[log P(x)] whatever the network: a bound is a bound.",
)
def _bound(subject: Subject) -> str:
    gaps = {}
    for name, predict, n in (
        ("exact", exact_predict(subject), DRAWS),
        ("own", subject.model.predict, 256),
    ):
        x, log_p = gaussian_data(subject, n)
        with replaced(subject.model, predict=predict), torch.no_grad():
            gap = log_p - subject.model.log_prob_bound(x, subject.generator(8)).double()
        error = gap.std() / math.sqrt(n)
        if not gap.mean() > -5 * error:
            raise Broken(
                f"expected E[log P(x) - log_prob_bound(x)] >= 0 with the {name} network, found"
                f" {gap.mean():.4g} ± {error:.2g} nats"
            )
        gaps[name] = float(gap.mean())
    return ", ".join(f"{gap:.4g} nats below with the {name} network" for name, gap in gaps.items())


def _inputs(subject: Subject) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs x0 and noise at a few times: the first two, one in the middle, the last."""
    total = subject.model.timesteps
    t = torch.tensor(sorted({1, min(2, total), max(1, total // 2), total}))
    x0 = scaled(subject, subject.examples(len(t)))
    return x0, t, subject.normal(*x0.shape, stream=2)


def _has_ddim(subject: Subject) -> bool:
    return "steps" in inspect.signature(subject.model.sample).parameters


def _setting(subject: Subject, steps: int, eta: float) -> dict[str, float]:
    if not _has_ddim(subject):
        raise NotApplicable("sample has no argument `steps` (optional in this family)")
    return {"steps": steps, "eta": eta}


def _ddim_rule(subject: Subject, eta: float) -> Transition:
    a = alpha_bar(subject)

    def rule(x_t: Tensor, t: int, s: int) -> tuple[Tensor, Tensor]:
        eps_hat = subject.model.predict(x_t, torch.full((len(x_t),), t)).double()
        x0_hat = (x_t - (1 - a[t]).sqrt() * eps_hat) / a[t].sqrt()
        return ddim_step(x_t.double(), x0_hat, a[t], a[s], eta)

    return rule


def _expect_all_times(subject: Subject, visited: list[int]) -> str:
    if visited != list(range(subject.model.timesteps, 0, -1)):
        raise Broken(f"expected every t from {subject.model.timesteps} to 1, found {visited[:9]}")
    return f"{len(visited)} transitions"


LAWS.extend(guidance.LAWS)
