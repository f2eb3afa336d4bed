"""A small honest energy-based model, which the laws of its family were written on."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn


class SmallEnergy(nn.Module):
    """A perceptron on top of a fixed bowl, sampled by Langevin dynamics; points or images."""

    def __init__(
        self,
        event_shape: tuple[int, ...] = (1,),
        step_size: float = 0.05,
        noise_scale: float = 0.03,
    ) -> None:
        super().__init__()
        self.event_shape, self.step_size, self.noise_scale = event_shape, step_size, noise_scale
        self.penalty, self.steps = 0.1, 60
        dim = math.prod(event_shape)
        self.network = nn.Sequential(nn.Linear(dim, 8), nn.Tanh(), nn.Linear(8, 1))

    @property
    def temperature(self) -> float:
        """T = sigma^2 / lambda."""
        return self.noise_scale**2 / self.step_size

    def energy(self, x: Tensor) -> Tensor:
        """E(x), (B,)."""
        flat = x.flatten(1)
        return self.network(flat)[:, 0] + flat.square().sum(1) / 2

    def langevin(self, x: Tensor, eps: Tensor) -> Tensor:
        """K steps from x with noise (K, B, *event_shape)."""
        x = x.detach()
        for draw in eps:
            with torch.enable_grad():
                (force,) = torch.autograd.grad(self.energy(x.requires_grad_()).sum(), x)
            x = x.detach() - self.step_size / 2 * force + self.noise_scale * draw
            x = x.clamp(0, 1) if len(self.event_shape) == 3 else x
        return x

    def loss(self, x: Tensor, x_model: Tensor) -> Tensor:
        """Contrast and penalty, a scalar."""
        plus, minus = self.energy(x), self.energy(x_model)
        squares = plus.square().mean() + minus.square().mean()
        return plus.mean() - minus.mean() + self.penalty * squares

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw (n, *event_shape) from uniform noise."""
        x = torch.rand(n, *self.event_shape, generator=generator)
        return self.langevin(x, torch.randn(self.steps, *x.shape, generator=generator))
