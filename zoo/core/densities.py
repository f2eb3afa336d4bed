"""Two-dimensional densities with exact log-densities and known entropy.

They are the cases in which a model's likelihood can be compared with the truth: no model can have
a smaller expected negative log-likelihood than the entropy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
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
    """Mixture of isotropic Gaussians of standard deviation `scale` at `modes`.

    The weights (M,) are equal when None. Where the modes are many standard deviations apart, as in
    the mixtures below (at least 7.6), the entropy is that of one component plus that of the weights
    to within 1e-3 nats; a test integrates it.
    """

    modes: Tensor
    scale: float
    extent: float
    weights: Tensor | None = None

    @property
    def shares(self) -> Tensor:
        """The weights (M,) in float64, also where they are equal."""
        equal = torch.full((len(self.modes),), 1 / len(self.modes), dtype=torch.float64)
        return equal if self.weights is None else self.weights

    @property
    def entropy(self) -> float:
        """Differential entropy in nats."""
        shares = self.shares.double()
        of_weights = -(shares * shares.log()).sum().item()
        return of_weights + math.log(2 * math.pi * math.e * self.scale**2)

    def perturbed(self, sigma: float) -> GaussianMixture:
        """The density of a point plus normal noise of standard deviation `sigma`."""
        return replace(self, scale=math.hypot(self.scale, sigma))

    def score(self, x: Tensor) -> Tensor:
        """∇ log p(x), (B, 2) → (B, 2): the mean of (m − x)/scale² over the modes m, given x."""
        modes = self.modes.to(x)
        logits = -0.5 * (torch.cdist(x, modes) / self.scale).square() + self.shares.to(x).log()
        return (logits.softmax(1) @ modes - x) / self.scale**2

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n points, (n, 2)."""
        if self.weights is None:
            which = torch.randint(0, len(self.modes), (n,), generator=generator)
        else:
            which = torch.multinomial(self.weights, n, True, generator=generator)
        return self.modes[which] + self.scale * torch.randn(n, 2, generator=generator)

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log-density, (B, 2) → (B,)."""
        squared = (x[:, None, :] - self.modes.to(x)).square().sum(dim=2)  # (B, M)
        log_normaliser = math.log(2 * math.pi * self.scale**2)
        logits = -0.5 * squared / self.scale**2 + self.shares.to(x).log()
        return torch.logsumexp(logits, dim=1) - log_normaliser


def _grid25() -> GaussianMixture:
    ticks = torch.arange(-2.0, 3.0)
    modes = torch.cartesian_prod(ticks, ticks)
    return GaussianMixture(modes, scale=0.05, extent=2.6)


def _ring8() -> GaussianMixture:
    angle = torch.arange(8) * (2 * math.pi / 8)
    modes = 2.0 * torch.stack((angle.cos(), angle.sin()), dim=1)
    return GaussianMixture(modes, scale=0.2, extent=3.0)


def _two_modes() -> GaussianMixture:
    """The mixture of Song and Ermon (2019), section 3.2, on which Langevin dynamics goes wrong."""
    modes = torch.tensor([[-5.0, -5.0], [5.0, 5.0]])
    return GaussianMixture(
        modes, scale=1.0, extent=9.0, weights=torch.tensor([0.2, 0.8], dtype=torch.float64)
    )


_MAKERS = {
    "checkerboard": Checkerboard,
    "grid25": _grid25,
    "ring8": _ring8,
    "two-modes": _two_modes,
}
DENSITIES = tuple(_MAKERS)


def density(name: str) -> Density2D:
    """The density of that name: "checkerboard", "grid25" (5×5 Gaussians), "ring8", "two-modes".

    Raises:
        ZooError: unknown name.
    """
    if name not in _MAKERS:
        raise ZooError(f"unknown density '{name}': {nearest(name, _MAKERS)}")
    return _MAKERS[name]()
