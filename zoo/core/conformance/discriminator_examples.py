"""Small honest games with a discriminator, on which the laws of such games were written."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn


class Shift(nn.Module):
    """G(z) = z + b: samples from N(b, I)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.b = nn.Parameter(torch.zeros(dim))

    def forward(self, z: Tensor) -> Tensor:
        """Samples (B, D)."""
        return z + self.b


class NormalGame(nn.Module):
    """Samples from N(b, I) and a discriminator whose logit is linear in x.

    For data from N(a, I) the best logit is linear, too: (a − b)·x − (‖a‖² − ‖b‖²)/2.
    """

    def __init__(self, objective: str = "non-saturating", dim: int = 3) -> None:
        super().__init__()
        self.event_shape, self.latent_dim, self.objective = (dim,), dim, objective
        self.generator = Shift(dim)
        self.critic = nn.Sequential(nn.Linear(dim, 1), nn.Flatten(0))

    def critic_loss(self, real: Tensor, z: Tensor, alpha: Tensor | None = None) -> Tensor:
        """Minus the value of the game."""
        on_data, on_samples = self.critic(real), self.critic(self.generator(z).detach())
        return F.softplus(-on_data).mean() + F.softplus(on_samples).mean()

    def generator_loss(self, z: Tensor) -> Tensor:
        """The mean of log(1 − D) or of −log D."""
        score = self.critic(self.generator(z))
        loss = -F.softplus(score) if self.objective == "minimax" else F.softplus(-score)
        return loss.mean()

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw (n, D)."""
        return self.generator(torch.randn(n, self.latent_dim, generator=generator))


class NormalisedGame(NormalGame):
    """The same with a hidden layer and batch normalisation in the discriminator."""

    def __init__(self, objective: str = "non-saturating", dim: int = 3) -> None:
        super().__init__(objective, dim)
        self.critic = nn.Sequential(
            nn.Linear(dim, 8, bias=False), nn.BatchNorm1d(8), nn.LeakyReLU(0.2),
            nn.Linear(8, 1), nn.Flatten(0),
        )  # fmt: skip
