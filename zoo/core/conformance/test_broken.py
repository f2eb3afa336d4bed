"""Every law can fail: each model below is an honest one with one thing wrong."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zoo.core.conformance import Subject, check_law, check_model, laws_for, perturbed
from zoo.core.conformance import examples as ex


def broken(base: type, *arguments: object, **methods: Callable) -> nn.Module:
    """A model of the class with some methods replaced."""
    return type(f"Broken{base.__name__}", (base,), methods)(*arguments)


def no_grad(method: Callable) -> Callable:
    return torch.no_grad()(method)


# -- any family: a mixture --------------------------------------------------------------------


class Unused(ex.GaussianMixture):
    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Parameter(torch.ones(2))


class Forgetful(ex.GaussianMixture):
    """Learns a shift from the first batch and does not save it."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = None

    def log_prob(self, x):
        if self.shift is None:
            self.shift = torch.rand(())
        return super().log_prob(x - self.shift)


class Growing(ex.GaussianMixture):
    """Samples are lists of the wrong length."""

    def sample(self, n, generator=None):
        return super().sample(n + 1, generator)


MIXTURES = {
    "wrong number of samples": ("samples", Growing),
    "no gradient guard": (
        "samples",
        lambda: broken(
            ex.GaussianMixture,
            sample=lambda self, n, generator=None: (
                self.means[:1] + torch.randn(n, 2, generator=generator)
            ),
        ),
    ),
    "one sample, many times": (
        "samples",
        lambda: broken(
            ex.GaussianMixture,
            sample=no_grad(
                lambda self, n, generator=None: torch.randn(1, 2, generator=generator).expand(n, 2)
            ),
        ),
    ),
    "global generator": (
        "seeded sampling",
        lambda: broken(
            ex.GaussianMixture,
            sample=no_grad(lambda self, n, generator=None: self._distribution().sample((n,))),
        ),
    ),
    "batch statistics": (
        "batch independence",
        lambda: broken(
            ex.GaussianMixture,
            log_prob=lambda self, x: self._distribution().log_prob(x - x.mean(0)),
        ),
    ),
    "sum over the batch": (
        "batch independence",
        lambda: broken(
            ex.GaussianMixture, log_prob=lambda self, x: self._distribution().log_prob(x).sum()
        ),
    ),
    "unused parameter": ("gradients", Unused),
    "unsaved state": ("saving", Forgetful),
    "half the density": (
        "normalisation",
        lambda: broken(
            ex.GaussianMixture,
            log_prob=lambda self, x: self._distribution().log_prob(x) - math.log(2),
        ),
    ),
    "samples of one component": (
        "sample frequencies",
        lambda: broken(
            ex.GaussianMixture,
            sample=no_grad(
                lambda self, n, generator=None: (
                    self.means[0]
                    + self.log_scales[0].exp() * torch.randn(n, 2, generator=generator)
                )
            ),
        ),
    ),
}

# -- autoregressive -----------------------------------------------------------------------------

Belief = ex.SigmoidBelief


def belief_terms(self, x):
    logits = torch.stack([self.logits(x, k) for k in range(len(self.orderings))])
    return -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")


BELIEFS = {
    "output sees its input": (
        "no leak",
        lambda: broken(
            Belief,
            mask=lambda self, k: self.orderings[k][None, :] <= self.orderings[k][:, None],
        ),
    ),
    "nearest neighbour unseen": (
        "no blindness",
        lambda: broken(
            Belief,
            mask=lambda self, k: self.orderings[k][None, :] + 1 < self.orderings[k][:, None],
        ),
    ),
    "average of logits": (
        "chain rule",
        lambda: broken(
            Belief,
            (1, 2, 3),
            3,
            log_prob=lambda self, x: (
                -F.binary_cross_entropy_with_logits(
                    torch.stack([self.logits(x, k) for k in range(3)]).mean(0), x, reduction="none"
                )
                .flatten(1)
                .sum(1)
            ),
        ),
    ),
    "average of log-probabilities": (
        "normalisation",
        lambda: broken(
            Belief,
            (1, 2, 3),
            3,
            log_prob=lambda self, x: belief_terms(self, x).flatten(2).sum(2).mean(0),
        ),
    ),
    "mean over bits": (
        "normalisation",
        lambda: broken(
            Belief, log_prob=lambda self, x: belief_terms(self, x).flatten(2).mean(2)[0]
        ),
    ),
    "bits drawn at once": (
        "sample frequencies",
        lambda: broken(
            Belief,
            sample=no_grad(
                lambda self, n, generator=None: torch.bernoulli(
                    self.logits(torch.zeros(n, 1, 2, 3)).sigmoid(), generator=generator
                )
            ),
        ),
    ),
    "samples are means": (
        "samples",
        lambda: broken(
            Belief,
            sample=no_grad(
                lambda self, n, generator=None: torch.rand(n, 1, 2, 3, generator=generator)
            ),
        ),
    ),
}

# -- latent variables ---------------------------------------------------------------------------

VAE = ex.LinearVAE


def kl_with(term: Callable) -> Callable:
    """An elbo whose divergence is ``term(mean, log_var)``, (B, latent_dim), summed."""

    def elbo(self, x, eps):
        mean, log_var = self.encoder(x).chunk(2, -1)
        z = mean + (0.5 * log_var).exp() * eps
        return self.decode(z).log_prob(x) - term(mean, log_var).sum(-1)

    return elbo


def bound_with(reduce: Callable) -> Callable:
    @torch.no_grad()
    def log_prob_bound(self, x, k, generator=None):
        return reduce(self.log_weights(x, k, generator), k)

    return log_prob_bound


VAES = {
    "factor one half": (
        "elbo terms",
        lambda: broken(VAE, elbo=kl_with(lambda m, v: -(1 + v - m**2 - v.exp()))),
    ),
    "sign of the divergence": (
        "elbo is a bound",
        lambda: broken(VAE, 5, 1, True, elbo=kl_with(lambda m, v: 0.5 * (1 + v - m**2 - v.exp()))),
    ),
    "variance for deviation": (
        "elbo terms",
        lambda: broken(
            VAE,
            elbo=lambda self, x, eps: VAE.elbo(self, x, eps * self.encode(x).stddev),
        ),
    ),
    "mean over pixels": (
        "elbo terms",
        lambda: broken(VAE, elbo=lambda self, x, eps: VAE.elbo(self, x, eps) / 3),
    ),
    "no gradient through the draw": (
        "reparameterised gradient",
        lambda: broken(
            VAE,
            elbo=lambda self, x, eps: (
                self.decode((q := self.encode(x)).mean.detach() + q.stddev.detach() * eps).log_prob(
                    x
                )
                - torch.distributions.kl_divergence(q, self.prior)
            ),
        ),
    ),
    "mean of log weights": (
        "importance-weighted bound",
        lambda: broken(VAE, log_prob_bound=bound_with(lambda w, k: w.mean(0))),
    ),
    "weighted mean of log weights": (
        "importance-weighted bound",
        lambda: broken(VAE, log_prob_bound=bound_with(lambda w, k: (w.softmax(0) * w).sum(0))),
    ),
    "k not divided out": (
        "bound order",
        lambda: broken(VAE, log_prob_bound=bound_with(lambda w, k: w.logsumexp(0))),
    ),
    "k ignored": (
        "bound order",
        lambda: broken(VAE, log_prob_bound=bound_with(lambda w, k: w[0])),
    ),
    "log-mean-exp over the batch": (
        "bound order",
        lambda: broken(
            VAE,
            log_prob_bound=bound_with(
                lambda w, k: (w.logsumexp((0, 1)) - math.log(w.numel())).expand(w.shape[1])
            ),
        ),
    ),
    "pixels not reinterpreted": (
        "shapes",
        lambda: broken(VAE, decode=lambda self, z: VAE.decode(self, z).base_dist),
    ),
    "mean of the likelihood": (
        "normalisation",
        lambda: broken(
            VAE, 5, 1, True, decode=lambda self, z: Scaled(VAE.decode(self, z).base_dist, 1)
        ),
    ),
    "samples of the posterior's width": (
        "sample frequencies",
        lambda: broken(
            VAE,
            5,
            1,
            True,
            sample=no_grad(
                lambda self, n, generator=None: torch.bernoulli(
                    self.decode(5 * torch.randn(n, 1, generator=generator)).mean,
                    generator=generator,
                )
            ),
        ),
    ),
    "density of another scale": (
        "linear-Gaussian truth",
        lambda: broken(VAE, decode=lambda self, z: Scaled(VAE.decode(self, z).base_dist, 1)),
    ),
}


class Scaled(torch.distributions.Independent):
    """Averages over dimensions where it should sum."""

    def log_prob(self, value):
        return super().log_prob(value) / self.event_shape[0]


# -- flows --------------------------------------------------------------------------------------

Flow = ex.AffineFlow
IMAGE = (1, 1, 2)


def no_slope(self, x):
    y, _ = Flow.preprocess(self, x)
    return y, x.new_zeros(len(x))


FLOWS = {
    "log-determinant's sign": (
        "log-determinant",
        lambda: broken(Flow, forward=lambda self, x: ((r := Flow.forward(self, x))[0], -r[1])),
    ),
    "log-determinant summed over the batch": (
        "log-determinant",
        lambda: broken(
            Flow,
            forward=lambda self, x: (
                (r := Flow.forward(self, x))[0],
                r[1].sum().expand(len(x)),
            ),
        ),
    ),
    "constant of the normal": (
        "change of variables",
        lambda: broken(
            Flow,
            log_prob=lambda self, x: (r := self(x))[1] - 0.5 * r[0].square().sum(1),
        ),
    ),
    "density of the wrong size": (
        "normalisation",
        lambda: broken(
            Flow, log_prob=lambda self, x: (r := self(x))[1] - 0.5 * r[0].square().sum(1)
        ),
    ),
    "shift not inverted": (
        "inverse",
        lambda: broken(Flow, inverse=lambda self, z: Flow.inverse(self, z + self.shift)),
    ),
    "cool samples": (
        "sampling",
        lambda: broken(
            Flow,
            sample=no_grad(
                lambda self, n, generator=None: self.inverse(
                    0.7 * torch.randn(n, 2, generator=generator)
                )
            ),
        ),
    ),
    "samples of the base": (
        "sample frequencies",
        lambda: broken(
            Flow,
            sample=no_grad(lambda self, n, generator=None: torch.randn(n, 2, generator=generator)),
        ),
    ),
    "Jacobian of the logit": (
        "log-determinant",
        lambda: broken(Flow, IMAGE, preprocess=no_slope),
    ),
    "Jacobian of the logit, integrated": (
        "normalisation",
        lambda: broken(Flow, IMAGE, preprocess=no_slope),
    ),
    "alpha not inverted": (
        "inverse",
        lambda: broken(Flow, IMAGE, postprocess=lambda self, y: y.sigmoid().view(-1, *IMAGE)),
    ),
}

# -- adversarial --------------------------------------------------------------------------------

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

# -- diffusion ----------------------------------------------------------------------------------

Chain = ex.SmallDiffusion


def replaced_terms(**changes: Callable) -> Callable:
    def bound_terms(self, x, generator=None):
        terms = Chain.bound_terms(self, x, generator)
        return terms | {name: change(terms[name], x) for name, change in changes.items()}

    return bound_terms


@no_grad
def noisy_end(self, n, generator=None, **setting):
    x = Chain.sample(self, n, generator, **setting)
    return x + 0.02 * torch.randn(x.shape, generator=generator)


class Shifted(ex.SmallDiffusion):
    """alpha_bar without its leading one."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha_bar = torch.cat([self.alpha_bar[1:], self.alpha_bar[-1:] / 2])


def step_with(change: Callable) -> Callable:
    """A sampler's step with (t, s, eta) changed."""
    return lambda self, x, t, s, eta: Chain.step(self, x, *change(t, s, eta))


CHAINS = {
    "alpha_bar off by one": ("schedule", Shifted),
    "no square root": (
        "q_sample",
        lambda: broken(
            Chain,
            q_sample=lambda self, x0, t, eps: (a := self.at(t)[0]).sqrt() * x0 + (1 - a) * eps,
        ),
    ),
    "variance beta for the posterior": (
        "posterior by Bayes' rule",
        lambda: broken(
            Chain,
            posterior=lambda self, x0, x, t: (
                Chain.posterior(self, x0, x, t)[0],
                1 - self.at(t)[0] / self.at(t)[1],
            ),
        ),
    ),
    "posterior of the step before": (
        "markov chain",
        lambda: broken(
            Chain,
            posterior=lambda self, x0, x, t: Chain.posterior(self, x0, x, (t - 1).clamp(min=1)),
        ),
    ),
    "loss of the data": (
        "simple loss",
        lambda: broken(
            Chain,
            loss=lambda self, x0, t, eps: (
                (x0 - self.predict(self.q_sample(x0, t, eps), t)).square().mean()
            ),
        ),
    ),
    "loss at the step before": (
        "simple loss",
        lambda: broken(Chain, loss=lambda self, x0, t, eps: Chain.loss(self, x0, t - 1, eps)),
    ),
    "reversal without the square root": (
        "reversal",
        lambda: broken(
            Chain,
            x0_hat=lambda self, x, t: (
                (x - (1 - (a := self.at(t)[0])) * self.predict(x, t)) / a.sqrt()
            ),
        ),
    ),
    "noise at the last step": ("ancestral sampling", lambda: broken(Chain, sample=noisy_end)),
    "deviation for variance": (
        "ancestral sampling",
        lambda: broken(
            Chain,
            step=lambda self, x, t, s, eta: (
                (r := Chain.step(self, x, t, s, eta))[0],
                r[1].sqrt(),
            ),
        ),
    ),
    "neighbours in the full chain": (
        "ddim sampling",
        lambda: broken(Chain, step=step_with(lambda t, s, eta: (t, t - 1, eta))),
    ),
    "eta unsquared": (
        "ddim sampling",
        lambda: broken(
            Chain, step=step_with(lambda t, s, eta: (t, s, eta if eta is None else eta**0.5))
        ),
    ),
    "eta ignored": (
        "ddim as ddpm",
        lambda: broken(
            Chain, step=step_with(lambda t, s, eta: (t, s, None if eta is None else 0.0))
        ),
    ),
    "starts too cold": (
        "gaussian samples",
        lambda: broken(
            Chain,
            sample=no_grad(
                lambda self, n, generator=None, **setting: (
                    0.5 * Chain.sample(self, n, generator, **setting)
                )
            ),
        ),
    ),
    "no prior term": (
        "bound terms",
        lambda: broken(Chain, bound_terms=replaced_terms(L_T=lambda v, x: 0 * v)),
    ),
    "mean over time": (
        "bound terms",
        lambda: broken(Chain, bound_terms=replaced_terms(L_t=lambda v, x: v / v.shape[1])),
    ),
    "prior term left out of the sum": (
        "bound terms",
        lambda: broken(
            Chain,
            log_prob_bound=no_grad(
                lambda self, x, generator=None: (
                    -(terms := self.bound_terms(x, generator))["L_t"].sum(1) - terms["L_0"]
                )
            ),
        ),
    ),
    "no bound": (
        "bound",
        lambda: broken(
            Chain,
            log_prob_bound=no_grad(
                lambda self, x, generator=None: -self.bound_terms(x, generator)["L_0"]
            ),
        ),
    ),
}


class ImageChain(ex.SmallDiffusion):
    """Images that stay in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.event_shape = (1, 1, 2)

    def at(self, t):
        return tuple(a.view(-1, 1, 1, 1) for a in super().at(t))

    def scale(self, x):
        return x

    unscale = scale


CHAINS["images not scaled"] = ("scale", ImageChain)

FAMILIES = {
    "baseline": MIXTURES,
    "autoregressive": BELIEFS,
    "latent-variable": VAES,
    "flow": FLOWS,
    "adversarial": GANS,
    "diffusion": CHAINS,
}
CASES = [(family, name) for family, cases in FAMILIES.items() for name in cases]


@pytest.mark.parametrize(("family", "name"), CASES)
def test_the_law_is_broken_and_named(family: str, name: str) -> None:
    law, build = FAMILIES[family][name]
    torch.manual_seed(0)
    subject = Subject(perturbed(build()), family)
    found = check_law({law.name: law for law in laws_for(family)}[law], subject)
    assert not found.passed, found.message
    assert found.message.startswith(f"{law}: ")
    assert "raised" not in found.message
    assert "expected" in found.message


def test_a_missing_method_is_named() -> None:
    class Headless(nn.Module):
        event_shape = (2,)

    (outcome,) = check_model(Headless(), "flow")
    assert not outcome.passed
    assert outcome.message == (
        "protocol: expected the attributes of Flow, missing inverse, log_prob, sample"
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_every_law_of_the_family_has_been_seen_to_fail(family: str) -> None:
    general = {law.name for law in laws_for("energy")}
    seen = {law for law, _ in FAMILIES[family].values()}
    needs_task = {"dequantisation", "fresh noise"}  # see test_tasks.py
    assert {law.name for law in laws_for(family)} - general - needs_task <= seen
