"""A small honest flow in continuous time, on which the laws of such flows were written."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn


class SmallODE(nn.Module):
    """dx/dt = W_2 tanh(W_1 x + w t) from noise at t = 0 to data at t = 1, by RK4; exact trace."""

    steps = 20

    def __init__(self, dim: int = 2) -> None:
        super().__init__()
        self.event_shape = (dim,)
        self.inner, self.outer = nn.Linear(dim + 1, 8), nn.Linear(8, dim)

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """Field at points x (B, D) and times t (B,)."""
        return self.outer(torch.tanh(self.inner(torch.cat([x, t[:, None]], 1))))

    def interpolate(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        """Noise, then data, on a line."""
        return (1 - t[:, None]) * x0 + t[:, None] * x1

    def target(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        """Slope of the line."""
        return x1 - x0

    def slope(self, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """Velocity and its divergence, (B, D) and (B,)."""
        time, total = x.new_full((len(x),), t), x.new_zeros(len(x))
        for unit in torch.eye(x.shape[1], dtype=x.dtype):
            v, column = torch.func.jvp(lambda x: self.velocity(x, time), (x,), (unit.expand_as(x),))
            total = total + column @ unit
        return v, total

    def solve(self, x: Tensor, start: float, end: float) -> tuple[Tensor, Tensor]:
        """The end of the path from x, and the integral of the divergence by t along it."""
        h, integral = (end - start) / self.steps, x.new_zeros(len(x))
        for i in range(self.steps):
            t = start + i * h
            k1, d1 = self.slope(x, t)
            k2, d2 = self.slope(x + h / 2 * k1, t + h / 2)
            k3, d3 = self.slope(x + h / 2 * k2, t + h / 2)
            k4, d4 = self.slope(x + h * k3, t + h)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            integral = integral + h / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
        return x, integral

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Noise and the log-determinant, which is the integral of the divergence backwards."""
        return self.solve(x, 1.0, 0.0)

    def inverse(self, z: Tensor) -> Tensor:
        """Data from noise."""
        return self.solve(z, 0.0, 1.0)[0]

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density, nats, (B,)."""
        z, log_det = self(x)
        return log_det - 0.5 * (z.square() + math.log(2 * math.pi)).sum(1)

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw (n, D)."""
        return self.inverse(torch.randn(n, *self.event_shape, generator=generator))
