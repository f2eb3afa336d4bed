"""Two-dimensional densities with exact log-densities and known entropy.

They are the cases in which a model's likelihood can be compared with the truth: no model can have
a smaller expected negative log-likelihood than the entropy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from zoo.core.errors import ZooError, nearest


class Density2D(Protocol):
    """A density on the plane.

    Attributes:
        entropy: differential entropy in nats.
        modes: centres (M, 2) of the modes, or None where the density has none to count.
        extent: half width of a square around 0 that holds all but a negligible mass.
    """

    entropy: float
    modes: Tensor | None
    extent: float

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n points, (n, 2) float32."""
        ...

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log-density in nats, (B, 2) → (B,)."""
        ...


class Checkerboard:
    """Uniform on the eight dark squares, of side 2, of a 4×4 board on [−4, 4]²; entropy ln 32."""

    entropy = math.log(32.0)
    modes = None
    extent = 4.5

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n points, (n, 2)."""
        square = torch.randint(0, 8, (n,), generator=generator)
        row = square // 2
        column = 2 * (square % 2) + row % 2
        corner = torch.stack((column, row), dim=1) * 2.0 - 4.0
        return corner + 2.0 * torch.rand(n, 2, generator=generator)

    def log_prob(self, x: Tensor) -> Tensor:
        """−ln 32 on dark squares, −∞ elsewhere; (B, 2) → (B,)."""
        cell = torch.floor((x + 4.0) / 2.0)
        inside = ((cell >= 0) & (cell <= 3)).all(dim=1)
        dark = (cell.sum(dim=1) % 2) == 0
        nothing = torch.full_like(x[:, 0], -math.inf)
        return torch.where(inside & dark, torch.full_like(nothing, -math.log(32.0)), nothing)


@dataclass
class GaussianMixture:
    """Equal mixture of isotropic Gaussians of standard deviation `scale` at `modes`.

    Where the modes are many standard deviations apart, as in both mixtures below (at least 7.6),
    the entropy is that of one component plus ln M to within 1e-3 nats; a test integrates it.
    """

    modes: Tensor
    scale: float
    extent: float

    @property
    def entropy(self) -> float:
        """Differential entropy in nats."""
        return math.log(len(self.modes)) + math.log(2 * math.pi * math.e * self.scale**2)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n points, (n, 2)."""
        which = torch.randint(0, len(self.modes), (n,), generator=generator)
        return self.modes[which] + self.scale * torch.randn(n, 2, generator=generator)

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log-density, (B, 2) → (B,)."""
        squared = (x[:, None, :] - self.modes.to(x)).square().sum(dim=2)  # (B, M)
        log_normaliser = math.log(len(self.modes)) + math.log(2 * math.pi * self.scale**2)
        return torch.logsumexp(-0.5 * squared / self.scale**2, dim=1) - log_normaliser


def _grid25() -> GaussianMixture:
    ticks = torch.arange(-2.0, 3.0)
    modes = torch.cartesian_prod(ticks, ticks)
    return GaussianMixture(modes, scale=0.05, extent=2.6)


def _ring8() -> GaussianMixture:
    angle = torch.arange(8) * (2 * math.pi / 8)
    modes = 2.0 * torch.stack((angle.cos(), angle.sin()), dim=1)
    return GaussianMixture(modes, scale=0.2, extent=3.0)


_MAKERS = {"checkerboard": Checkerboard, "grid25": _grid25, "ring8": _ring8}
DENSITIES = tuple(_MAKERS)


def density(name: str) -> Density2D:
    """The density of that name: "checkerboard", "grid25" (5×5 Gaussians) or "ring8".

    Raises:
        ZooError: unknown name.
    """
    if name not in _MAKERS:
        raise ZooError(f"unknown density '{name}': {nearest(name, _MAKERS)}")
    return _MAKERS[name]()
