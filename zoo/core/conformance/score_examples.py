"""A small honest score-based model, on which the laws of such models were written."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn


class NormalScore(nn.Module):
    """The score of N(mean, deviation²) data at three noise levels, both of them learned."""

    langevin_steps = 4
    start = (-1.0, 2.0)

    def __init__(self, dim: int = 2) -> None:
        super().__init__()
        self.event_shape = (dim,)
        self.mean, self.log_std = nn.Parameter(torch.randn(dim)), nn.Parameter(torch.zeros(dim))
        self.register_buffer("sigmas", torch.tensor([2.0, 1.0, 0.5]))

    @property
    def step_sizes(self) -> Tensor:
        """Squared noise levels, times 0.3."""
        return 0.3 * self.sigmas.square()

    def score(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Gradient of log N(x; mean, deviation² + σ²)."""
        return (self.mean - x) / ((2 * self.log_std).exp() + sigma[:, None].square())

    def loss(self, x: Tensor, sigma: Tensor, eps: Tensor) -> Tensor:
        """Denoising score matching with the weight σ²."""
        s = sigma[:, None]
        error = self.score(x + s * eps, sigma) + eps / s
        return (s.square() / 2 * error.square()).sum(1).mean()

    def step(self, x: Tensor, level: int, generator: Generator | None) -> Tensor:
        """One step of Langevin dynamics."""
        alpha, noise = self.step_sizes[level], torch.randn(x.shape, generator=generator)
        return x + alpha / 2 * self.score(x, self.sigmas[level].expand(len(x))) + alpha**0.5 * noise

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None, annealed: bool = True) -> Tensor:
        """Draw (n, D)."""
        low, high = self.start
        x = low + (high - low) * torch.rand(n, *self.event_shape, generator=generator)
        for level in range(len(self.sigmas)):
            for _ in range(self.langevin_steps):
                x = self.step(x, level if annealed else -1, generator)
        return x
