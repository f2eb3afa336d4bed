"""A small honest diffusion that may be told a class, on which the laws of guidance were written."""

from __future__ import annotations

import copy

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from zoo.core.conformance.examples import SmallDiffusion


class SmallGuided(SmallDiffusion):
    """`SmallDiffusion` with a linear noise prediction that sees one of three classes, or none."""

    def __init__(self, dim: int = 2, timesteps: int = 8) -> None:
        super().__init__(dim, timesteps)
        self.classes, self.null, self.p_uncond, self.weight = 3, 3, 0.2, 1.5
        self.network = nn.Linear(dim + 1 + self.classes + 1, dim)

    def predict_given(self, x_t: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        """Return the predicted noise for labels, or without one."""
        told = F.one_hot(labels, self.classes + 1).to(x_t)
        return self.network(torch.cat([x_t, t[:, None] / self.timesteps, told], 1))

    def predict(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the predicted noise without a label."""
        return self.predict_given(x_t, t, torch.full_like(t, self.null))

    def guided(self, x_t: Tensor, t: Tensor, labels: Tensor, weight: float) -> Tensor:
        """Return the combination of both."""
        given, free = self.predict_given(x_t, t, labels), self.predict(x_t, t)
        return (1 + weight) * given - weight * free

    def drop(self, labels: Tensor, uniform: Tensor) -> Tensor:
        """Labels, some of them null."""
        return torch.where(uniform < self.p_uncond, self.null, labels)

    def loss_given(self, x0: Tensor, t: Tensor, eps: Tensor, labels: Tensor) -> Tensor:
        """L_simple with labels."""
        return (eps - self.predict_given(self.q_sample(x0, t, eps), t, labels)).square().mean()

    @torch.no_grad()
    def sample(
        self,
        n: int,
        generator: Generator | None = None,
        labels: Tensor | None = None,
        weight: float | None = None,
        steps: int | None = None,
        eta: float = 0.0,
    ) -> Tensor:
        """Draw (n, D), guided to labels if there are any."""
        chain = copy.copy(self)
        if labels is not None:
            w = self.weight if weight is None else weight
            chain.predict = lambda x_t, t: self.guided(x_t, t, labels, w)
        return SmallDiffusion.sample(chain, n, generator, steps, eta)
