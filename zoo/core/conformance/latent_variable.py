"""Laws of latent-variable models, checked by quadrature over at most two latent dimensions."""

from __future__ import annotations

import contextlib
import math

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, kl_divergence

from zoo.core.conformance.law import (
    Broken,
    Law,
    NotApplicable,
    Subject,
    expect_close,
    expect_frequencies,
    expect_mean,
    law,
)

LAWS: list[Law] = []
REPEATS = 8000  # Monte-Carlo draws of a bound
WEIGHTS = 50.0  # largest second moment of importance weights that are averaged
WIDTH = 8.0  # half-width, in standard deviations, of the grid over a latent dimension


@law(
    LAWS,
    "shapes",
    "q(z|x), p(z) and p(x|z) have event shapes (latent_dim,), (latent_dim,) and event_shape.",
)
def _shapes(subject: Subject) -> str:
    model = subject.model
    batch, latent = 5, (model.latent_dim,)
    p_x = model.decode(subject.normal(batch, *latent))
    for name, found, expected in (
        ("prior", model.prior, ((), latent)),
        ("encode(x)", model.encode(subject.examples(batch)), ((batch,), latent)),
        ("decode(z)", p_x, ((batch,), subject.shape)),
    ):
        shapes = (tuple(found.batch_shape), tuple(found.event_shape))
        if shapes != expected:
            raise Broken(f"{name}: expected batch and event shapes {expected}, found {shapes}")
    return f"{latent} and {subject.shape}"


@law(
    LAWS,
    "elbo terms",
    "elbo(x, eps) = log p(x|z) - KL(q(z|x) || p(z)), or log p(x|z) + log p(z) - log q(z|x), at"
    " z = mean + standard deviation * eps; summed over dimensions, one value per example.",
)
def _elbo_terms(subject: Subject) -> str:
    model, x = subject.model, subject.examples(16)
    eps = subject.normal(16, model.latent_dim)
    with torch.no_grad():
        q, prior = model.encode(x), model.prior
        z = q.mean + q.stddev * eps
        likelihood = _log_likelihood(subject, x, z)
        candidates = [likelihood + prior.log_prob(z) - q.log_prob(z)]
        with contextlib.suppress(NotImplementedError):  # no closed form for this pair
            divergence = kl_divergence(_factorised(q), _factorised(prior)).reshape(16, -1)
            candidates.append(likelihood - divergence.sum(1))
        found = model.elbo(x, eps)
    if tuple(found.shape) != (16,):
        raise Broken(f"elbo: expected shape (16,), found {tuple(found.shape)}")
    nearest = min(candidates, key=lambda expected: float((found - expected).abs().max()))
    return expect_close("elbo", found, nearest, 1e-4, 1e-5)


@law(LAWS, "normalisation", "The integral over z of p(x|z) p(z), summed over all x, is one.")
def _normalisation(subject: Subject) -> str:
    log_p = exact_log_prob(subject, subject.states)
    return expect_close(f"sum of p over 2^{subject.dim} states", log_p.exp().sum(), 1.0, 1e-4)


@law(LAWS, "sample frequencies", "Samples occur as often as p(x) = integral p(x|z) p(z) dz says.")
def _frequencies(subject: Subject) -> str:
    p = exact_log_prob(subject, subject.states).exp()
    x = subject.model.sample(20_000, subject.generator()).double().flatten(1)
    place = 2.0 ** torch.arange(subject.dim - 1, -1, -1, dtype=torch.float64)
    counts = torch.bincount((x @ place).long(), minlength=len(p))
    return expect_frequencies(f"counts of {len(p)} states", counts, p)


@law(
    LAWS,
    "elbo is a bound",
    "E[ELBO] <= log p(x), and the gap is KL(q(z|x) || p(z|x)) exactly.",
)
def _gap(subject: Subject) -> str:
    model, x = subject.model, subject.examples(4)
    log_p = exact_log_prob(subject, x)
    eps, weight = _grid(subject)
    for one, exact in zip(x, log_p, strict=True):
        many = one.expand(len(eps), *subject.shape)
        with torch.no_grad():
            q = model.encode(one[None])
            z = q.mean + q.stddev * eps
            elbo = (weight * model.elbo(many, eps).double()).sum()
            joint = _log_likelihood(subject, many, z) + model.prior.log_prob(z)
            gap = (weight * (q.log_prob(z).double() - joint.double() + exact)).sum()
        if elbo > exact + 1e-3:
            raise Broken(f"expected E[ELBO] <= log p(x) = {exact:.6g}, found {elbo:.6g}")
        expect_close("log p(x) - E[ELBO]", exact - elbo, gap, 2e-3, 1e-4)
    return f"gap {gap:.4g} for the last of {len(x)} examples"


@law(
    LAWS,
    "reparameterised gradient",
    "Averaged over eps, the encoder's gradient of elbo(x, eps) is the gradient of the integral"
    " E_q[log p(x, z) - log q(z|x)].",
)
def _reparameterised(subject: Subject) -> str:
    model, one = subject.double, subject.examples(1).double()
    eps, weight = _grid(subject)
    many = one.expand(len(eps), *subject.shape)
    with torch.no_grad():
        still = model.encode(one)
        z = still.mean + still.stddev * eps  # nodes that do not move with the parameters
        log_still = still.log_prob(z)
    log_q = model.encode(one).log_prob(z)
    joint = model.decode(z).log_prob(many) + model.prior.log_prob(z)
    integral = (weight * (log_q - log_still).exp() * (joint - log_q)).sum()
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    expected = torch.autograd.grad(integral, parameters.values(), allow_unused=True)
    average = (weight * model.elbo(many, eps.double())).sum()
    found = torch.autograd.grad(average, parameters.values(), allow_unused=True)
    for name, left, right in zip(parameters, found, expected, strict=True):
        if right is not None:
            left = torch.zeros_like(right) if left is None else left
            # A ReLU in the decoder makes the integrand jump: the grid's error is of first order.
            limit = 1e-2 * float(right.abs().max()) + 1e-5
            expect_close(f"gradient for {name}", left, right, limit)
    return f"{len(parameters)} parameters"


@law(
    LAWS,
    "importance-weighted bound",
    "log_prob_bound(x, k) = log (1/k) sum_i p(x, z_i)/q(z_i|x), whose exp is an unbiased estimate"
    " of p(x) for every k: log-mean-exp per example, no closed-form KL inside.",
)
def _unbiased(subject: Subject) -> str:
    x = _easy_examples(subject)
    log_p = exact_log_prob(subject, x)
    for k in (1, 3, 10):
        ratio = (_bounds(subject, x, k) - log_p).exp()
        note = expect_mean(f"E[exp(bound_{k} - log p)]", ratio, 1.0, 1e-4)
    return note


@law(
    LAWS,
    "bound order",
    "E[log_prob_bound(x, k)] does not fall with k, equals E[ELBO] at k = 1, stays below log p(x)"
    " and converges to it.",
)
def _order(subject: Subject) -> str:
    x = _easy_examples(subject)
    log_p = exact_log_prob(subject, x)
    elbo = _expected_elbo(subject, x)
    previous, spread = elbo, torch.zeros_like(elbo)
    for k in (1, 2, 8, 32):
        draws = _bounds(subject, x, k)
        if k == 1:
            expect_mean("E[bound_1] against E[ELBO]", draws, elbo, 2e-3)
        mean, error = draws.mean(0), draws.std(0) / math.sqrt(REPEATS)
        _expect_below(f"E[bound_{k}] and log p(x)", mean, log_p, error)
        _expect_below(f"E[bound] at a smaller k and at {k}", previous, mean, error + spread)
        previous, spread = mean, error
    # The gap shrinks like Var(w) / 2k, hence from k = 1 to 32 by far more than to a quarter.
    _expect_below("gap at 32, a quarter of that at 1", log_p - mean, (log_p - elbo) / 4, error)
    gap = float((log_p - mean).max())
    return f"monotone; gap {float((log_p - elbo).max()):.3g} at k = 1, {gap:.2g} at k = 32"


@law(
    LAWS,
    "linear-Gaussian truth",
    "With p(z) = N(m, V) and p(x|z) = N(Wz + b, S), p(x) is N(Wm + b, WVW' + S); V, S diagonal.",
)
def _linear_gaussian(subject: Subject) -> str:
    model, latent = subject.model, subject.model.latent_dim
    with torch.no_grad():
        corners = torch.cat([torch.zeros(1, latent), torch.eye(latent), subject.normal(4, latent)])
        p_x = model.decode(corners)
        for name, distribution in (("p(x|z)", p_x), ("p(z)", model.prior)):
            if not isinstance(_factorised(distribution), Normal):
                raise NotApplicable(f"{name} is not a diagonal Gaussian")
        mean, scale = p_x.mean.flatten(1).double(), p_x.stddev.flatten(1).double()
    b, weights = mean[0], (mean[1 : latent + 1] - mean[0]).T  # (D,), (D, latent)
    affine = torch.allclose(mean, b + corners.double() @ weights.T, atol=1e-4)
    if not affine or not torch.allclose(scale, scale[:1].expand_as(scale), atol=1e-5):
        raise NotApplicable("the decoder's mean is not affine in z or its variance not constant")
    m, v = model.prior.mean.detach().double(), model.prior.variance.detach().double()
    covariance = weights @ v.diag() @ weights.T + scale[0].square().diag()
    x = subject.examples(8)
    p = torch.distributions.MultivariateNormal(weights @ m + b, covariance)
    truth = p.log_prob(x.flatten(1).double())
    return expect_close("log p(x) by quadrature", exact_log_prob(subject, x), truth, 1e-3)


def exact_log_prob(subject: Subject, x: Tensor) -> Tensor:
    """Return log p(x), float64 (B,), by the rectangle rule over z; near exact for smooth p."""
    z, log_mass = _prior_grid(subject)
    parts = []
    with torch.no_grad():
        for one in x:
            likelihood = _log_likelihood(subject, one.expand(len(z), *subject.shape), z).double()
            parts.append((likelihood + log_mass).logsumexp(0))
    return torch.stack(parts)


def _easy_examples(subject: Subject) -> Tensor:
    """The four examples for which q(z|x) is nearest to p(z|x), so that Monte Carlo means something.

    Nearness is the second moment of the importance weight p(x, z) / (q(z|x) p(x)) under q, taken on
    the grid; an average of weights with a large one says nothing, whatever its standard error.
    """
    candidates = [subject.examples(32), subject.model.sample(32, subject.generator(12))]
    x = torch.cat(candidates).unique(dim=0)
    log_p, (z, log_mass) = exact_log_prob(subject, x), _prior_grid(subject)
    moments = []
    with torch.no_grad():
        for one, exact in zip(x, log_p, strict=True):
            many = one.expand(len(z), *subject.shape)
            likelihood = _log_likelihood(subject, many, z).double() - exact
            log_q = subject.model.encode(one[None]).log_prob(z)
            log_w = likelihood + subject.model.prior.log_prob(z) - log_q
            moments.append((log_mass + likelihood + log_w).logsumexp(0))
    moment, order = torch.stack(moments).exp().sort()
    if not moment[3] < WEIGHTS:
        raise NotApplicable(
            f"q(z|x) is too far from p(z|x): importance weights have second moment {moment[3]:.3g}"
        )
    return x[order[:4]]


def _grid(subject: Subject) -> tuple[Tensor, Tensor]:
    """Nodes (N, latent_dim) and weights (N,) of the expectation over N(0, I)."""
    latent = subject.model.latent_dim
    if latent > 2:
        raise NotApplicable(f"{latent} latent dimensions: make `tiny` have at most 2")
    points = 801 if latent == 1 else 161
    axis = torch.linspace(-WIDTH, WIDTH, points, dtype=torch.float64)
    nodes = torch.cartesian_prod(*[axis] * latent).reshape(-1, latent)
    weight = (-0.5 * nodes.square().sum(1)).exp()
    return nodes.float(), weight / weight.sum()


def _prior_grid(subject: Subject) -> tuple[Tensor, Tensor]:
    """Nodes z (N, latent_dim) that cover the prior and the logs of its masses there, (N,)."""
    prior = subject.model.prior
    eps, _ = _grid(subject)
    with torch.no_grad():
        z = prior.mean + prior.stddev * eps
        spacing = 2 * WIDTH / (round(len(eps) ** (1 / eps.shape[1])) - 1)
        volume = (prior.stddev.double() * spacing).log().sum()
        return z, prior.log_prob(z).double() + volume


def _log_likelihood(subject: Subject, x: Tensor, z: Tensor) -> Tensor:
    found = subject.model.decode(z).log_prob(x)
    if tuple(found.shape) != (len(z),):
        raise Broken(
            f"decode(z).log_prob(x): expected shape {(len(z),)}, found {tuple(found.shape)}:"
            " sum over the event's dimensions"
        )
    return found


def _factorised(distribution: Distribution) -> Distribution:
    return distribution.base_dist if isinstance(distribution, Independent) else distribution


def _expected_elbo(subject: Subject, x: Tensor) -> Tensor:
    eps, weight = _grid(subject)
    with torch.no_grad():
        values = [subject.model.elbo(one.expand(len(eps), *subject.shape), eps) for one in x]
    return torch.stack([(weight * value.double()).sum() for value in values])


def _bounds(subject: Subject, x: Tensor, k: int) -> Tensor:
    """Independent draws (REPEATS, B) of the bound with k samples."""
    many = x[None].expand(REPEATS, *x.shape).reshape(-1, *subject.shape)
    with torch.no_grad():
        found = subject.model.log_prob_bound(many, k, subject.generator(k))
    if tuple(found.shape) != (len(many),):
        raise Broken(f"log_prob_bound: expected shape {(len(many),)}, found {tuple(found.shape)}")
    return found.double().view(REPEATS, len(x))


def _expect_below(what: str, low: Tensor, high: Tensor, error: Tensor) -> None:
    excess = (low - high) / (error + 4e-4)
    worst = int(torch.nan_to_num(excess, nan=math.inf).argmax())
    if not excess[worst] <= 5:
        raise Broken(f"{what}: expected {low[worst]:.6g} <= {high[worst]:.6g}")
