"""A small honest model for each family, exact wherever the field has a closed form.

They are what the laws were written on, and what the laws' tests break in one place at a time.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn
from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily, Normal
from torch.nn import functional as F


class GaussianMixture(nn.Module):
    """A mixture of diagonal Gaussians, all of it torch.distributions; a baseline."""

    def __init__(self, components: int = 3, dim: int = 2) -> None:
        super().__init__()
        self.event_shape = (dim,)
        self.weights = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(2 * torch.randn(components, dim))
        self.log_scales = nn.Parameter(torch.zeros(components, dim))

    def _distribution(self) -> MixtureSameFamily:
        parts = Independent(Normal(self.means, self.log_scales.exp()), 1)
        return MixtureSameFamily(Categorical(logits=self.weights), parts)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density, nats, (B,)."""
        return self._distribution().log_prob(x)

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw (n, D); torch.distributions knows only the global generator, so that is seeded."""
        seed = int(torch.randint(2**31, (), generator=generator))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._distribution().sample((n,))


class SigmoidBelief(nn.Module):
    """Logistic regression of each bit on all earlier ones, under K orderings that share weights."""

    def __init__(self, event_shape: tuple[int, ...] = (1, 2, 3), masks: int = 1) -> None:
        super().__init__()
        self.event_shape = event_shape
        dim = math.prod(event_shape)
        self.weight, self.bias = nn.Parameter(torch.randn(dim, dim)), nn.Parameter(torch.zeros(dim))
        self.register_buffer("orderings", torch.stack([torch.randperm(dim) for _ in range(masks)]))

    def mask(self, k: int) -> Tensor:
        """Which inputs (columns) an output (row) sees, (D, D)."""
        return self.orderings[k][None, :] < self.orderings[k][:, None]

    def logits(self, x: Tensor, k: int = 0) -> Tensor:
        """Logits of the k-th ordering, of x's shape."""
        return F.linear(x.flatten(1), self.weight * self.mask(k), self.bias).view_as(x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log of the average over orderings of the probability of x, nats, (B,)."""
        terms = [
            -F.binary_cross_entropy_with_logits(self.logits(x, k), x, reduction="none")
            for k in range(len(self.orderings))
        ]
        return torch.stack(terms).flatten(2).sum(2).logsumexp(0) - math.log(len(terms))

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw (n, *event_shape), bit by bit in an ordering drawn for each example."""
        which = torch.randint(len(self.orderings), (n,), generator=generator)
        u = torch.rand(n, *self.event_shape, generator=generator)
        x = torch.zeros_like(u)
        for k, ordering in enumerate(self.orderings):
            for d in ordering.argsort().tolist():
                logits = self.logits(x, k).flatten(1)[:, d]
                bit = (u.flatten(1)[:, d] < logits.sigmoid()).float()
                x.flatten(1)[which == k, d] = bit[which == k]
        return x


class LinearVAE(nn.Module):
    """Linear encoder and decoder; p(x|z) Gaussian, where all is closed-form, or Bernoulli."""

    def __init__(self, dim: int = 3, latent_dim: int = 2, binary: bool = False) -> None:
        super().__init__()
        self.event_shape, self.latent_dim, self.binary = (dim,), latent_dim, binary
        self.encoder = nn.Linear(dim, 2 * latent_dim)
        self.decoder = nn.Linear(latent_dim, dim)
        self.log_scale = nn.Parameter(torch.zeros(dim)) if not binary else None
        self.prior = Independent(Normal(torch.zeros(latent_dim), torch.ones(latent_dim)), 1)

    def encode(self, x: Tensor) -> Independent:
        """q(z|x), diagonal Gaussian."""
        mean, log_var = self.encoder(x).chunk(2, dim=-1)
        return Independent(Normal(mean, (0.5 * log_var).exp()), 1)

    def decode(self, z: Tensor) -> Independent:
        """p(x|z)."""
        out = self.decoder(z)
        if self.binary:
            return Independent(Bernoulli(logits=out), 1)
        return Independent(Normal(out, self.log_scale.exp().expand_as(out)), 1)

    def log_weight(self, x: Tensor, eps: Tensor) -> Tensor:
        """Log p(x, z) - log q(z|x) at z = mean + std * eps."""
        q = self.encode(x)
        z = q.base_dist.loc + q.base_dist.scale * eps
        return self.decode(z).log_prob(x) + self.prior.log_prob(z) - q.log_prob(z)

    def elbo(self, x: Tensor, eps: Tensor) -> Tensor:
        """The one-sample bound, (B,)."""
        return self.log_weight(x, eps)

    def log_weights(self, x: Tensor, k: int, generator: Generator | None) -> Tensor:
        """Log importance weights, (k, B)."""
        draws = [torch.randn(len(x), self.latent_dim, generator=generator) for _ in range(k)]
        return torch.stack([self.log_weight(x, eps) for eps in draws])

    @torch.no_grad()
    def log_prob_bound(self, x: Tensor, k: int, generator: Generator | None = None) -> Tensor:
        """The importance-weighted bound, (B,)."""
        return self.log_weights(x, k, generator).logsumexp(0) - math.log(k)

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw (n, D)."""
        p_x = self.decode(torch.randn(n, self.latent_dim, generator=generator))
        if self.binary:
            return torch.bernoulli(p_x.mean, generator=generator)
        return p_x.mean + p_x.stddev * torch.randn(p_x.mean.shape, generator=generator)


class AffineFlow(nn.Module):
    """z = y A' + b with triangular A; for images y = logit(alpha + (1 - 2 alpha) x), else y = x."""

    alpha = 0.05

    def __init__(self, event_shape: tuple[int, ...] = (2,)) -> None:
        super().__init__()
        self.event_shape, dim = event_shape, math.prod(event_shape)
        self.log_diagonal = nn.Parameter(0.3 * torch.randn(dim))
        self.lower = nn.Parameter(0.5 * torch.randn(dim, dim))
        self.shift = nn.Parameter(torch.zeros(dim))

    @property
    def matrix(self) -> Tensor:
        """A, (D, D)."""
        return self.lower.tril(-1) + self.log_diagonal.exp().diag()

    def preprocess(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images to all of R^D: y (B, D) and log |det dy/dx| (B,)."""
        if len(self.event_shape) != 3:
            return x.flatten(1), x.new_zeros(len(x))
        p = self.alpha + (1 - 2 * self.alpha) * x.flatten(1)
        slope = math.log(1 - 2 * self.alpha) - p.log() - (1 - p).log()
        return p.logit(), slope.sum(1)

    def postprocess(self, y: Tensor) -> Tensor:
        """Inverse of `preprocess`."""
        if len(self.event_shape) == 3:
            y = (y.sigmoid() - self.alpha) / (1 - 2 * self.alpha)
        return y.view(-1, *self.event_shape)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z (B, D) and log_det (B,)."""
        y, log_det = self.preprocess(x)
        return y @ self.matrix.T + self.shift, log_det + self.log_diagonal.sum()

    def inverse(self, z: Tensor) -> Tensor:
        """Return x."""
        y = torch.linalg.solve_triangular(self.matrix, (z - self.shift).T, upper=False)
        return self.postprocess(y.T)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density, nats, (B,)."""
        z, log_det = self(x)
        return log_det - 0.5 * (z.square() + math.log(2 * math.pi)).sum(1)

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw (n, *event_shape), images clamped to [0, 1]."""
        x = self.inverse(torch.randn(n, math.prod(self.event_shape), generator=generator))
        return x.clamp(0, 1) if len(self.event_shape) == 3 else x


class SmallGAN(nn.Module):
    """Perceptrons with the Wasserstein loss and a gradient penalty."""

    def __init__(self, dim: int = 3, latent_dim: int = 2) -> None:
        super().__init__()
        self.event_shape, self.latent_dim, self.penalty_weight = (dim,), latent_dim, 10.0
        self.generator = nn.Sequential(nn.Linear(latent_dim, 8), nn.Tanh(), nn.Linear(8, dim))
        self.critic = nn.Sequential(nn.Linear(dim, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))

    @staticmethod
    def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
        """Return the mean of (norm of the gradient - 1)^2 between real and fake."""
        alpha = alpha.view(-1, *[1] * (real.ndim - 1))
        x = (alpha * real + (1 - alpha) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()

    def critic_loss(self, real: Tensor, z: Tensor, alpha: Tensor) -> Tensor:
        """Return the critic's loss with the penalty, a scalar."""
        fake = self.generator(z).detach()
        penalty = self.gradient_penalty(self.critic, real, fake, alpha)
        return self.critic(fake).mean() - self.critic(real).mean() + self.penalty_weight * penalty

    def generator_loss(self, z: Tensor) -> Tensor:
        """Return the generator's loss, a scalar."""
        return -self.critic(self.generator(z)).mean()

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw (n, D)."""
        return self.generator(torch.randn(n, self.latent_dim, generator=generator))


class SmallDiffusion(nn.Module):
    """A chain over real vectors with a linear noise prediction, variance beta_t, DDIM sampling."""

    def __init__(self, dim: int = 2, timesteps: int = 8) -> None:
        super().__init__()
        self.event_shape, self.timesteps = (dim,), timesteps
        beta = torch.cat([torch.zeros(1), torch.linspace(0.02, 0.6, timesteps)])
        self.register_buffer("alpha_bar", (1 - beta).cumprod(0))
        self.network = nn.Linear(dim + 1, dim)

    def at(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """alpha_bar at t and before it, (B, 1) each."""
        return self.alpha_bar[t, None], self.alpha_bar[t - 1, None]

    def q_sample(self, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """x_t."""
        now, _ = self.at(t)
        return now.sqrt() * x0 + (1 - now).sqrt() * eps

    def predict(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the predicted noise."""
        return self.network(torch.cat([x_t, t[:, None] / self.timesteps], 1))

    def posterior(self, x0: Tensor, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of q(x_{t-1} | x_t, x0)."""
        now, before = self.at(t)
        alpha = now / before
        mean = before.sqrt() * (1 - alpha) * x0 + alpha.sqrt() * (1 - before) * x_t
        return mean / (1 - now), (1 - before) / (1 - now) * (1 - alpha)

    def x0_hat(self, x_t: Tensor, t: Tensor) -> Tensor:
        """x0 as the predicted noise implies it."""
        now, _ = self.at(t)
        return (x_t - (1 - now).sqrt() * self.predict(x_t, t)) / now.sqrt()

    def reverse(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance beta_t of p(x_{t-1} | x_t)."""
        now, before = self.at(t)
        return self.posterior(self.x0_hat(x_t, t), x_t, t)[0], 1 - now / before

    def loss(self, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """L_simple."""
        return (eps - self.predict(self.q_sample(x0, t, eps), t)).square().mean()

    def bound_terms(self, x: Tensor, generator: Generator | None = None) -> dict[str, Tensor]:
        """L_T, L_t for t = 2..T and L_0, with a Gaussian decoder."""
        last = self.alpha_bar[-1]
        prior = 0.5 * (last * x.square() - last - (1 - last).log()).sum(1)
        steps = []
        for step in range(1, self.timesteps + 1):
            t = torch.full((len(x),), step)
            x_t = self.q_sample(x, t, torch.randn(x.shape, generator=generator))
            (mean, wide), (true, narrow) = self.reverse(x_t, t), self.posterior(x, x_t, t)
            if step == 1:
                decoder = -Normal(mean, wide.sqrt()).log_prob(x).sum(1)
                continue
            ratio = (narrow + (true - mean).square()) / wide
            steps.append(0.5 * (ratio - 1 + (wide / narrow).log()).sum(1))
        return {"L_T": prior, "L_t": torch.stack(steps, 1), "L_0": decoder}

    @torch.no_grad()
    def log_prob_bound(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """Minus the sum of the terms."""
        terms = self.bound_terms(x, generator)
        return -(terms["L_T"] + terms["L_t"].sum(1) + terms["L_0"])

    @torch.no_grad()
    def sample(
        self,
        n: int,
        generator: Generator | None = None,
        steps: int | None = None,
        eta: float = 0.0,
    ) -> Tensor:
        """Draw (n, D) by the ancestral sampler or, given `steps`, by DDIM."""
        x = torch.randn(n, *self.event_shape, generator=generator)
        times = torch.linspace(0, self.timesteps, (steps or self.timesteps) + 1).long().tolist()
        for s, t in zip(times[-2::-1], times[:0:-1], strict=True):
            mean, variance = self.step(x, t, s, eta if steps else None)
            x = mean
            if s > 0:
                x = mean + variance.sqrt() * torch.randn(mean.shape, generator=generator)
        return x

    def step(self, x_t: Tensor, t: int, s: int, eta: float | None) -> tuple[Tensor, Tensor]:
        """Mean and variance of the sampler's step from t to s; eta None: ancestral."""
        time = torch.full((len(x_t),), t)
        if eta is None:
            return self.reverse(x_t, time)
        now, before = self.alpha_bar[t], self.alpha_bar[s]
        variance = eta**2 * (1 - before) / (1 - now) * (1 - now / before)
        towards = (1 - before - variance).clamp(min=0).sqrt() * self.predict(x_t, time)
        return before.sqrt() * self.x0_hat(x_t, time) + towards, variance
