"""A small honest model with a codebook, for the laws to be written on and their tests to break."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Independent
from torch.nn import functional as F


class Greys(Independent):
    """Independent categorical grey values k / (levels - 1)."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__(Categorical(logits=logits), logits.dim() - 2)
        self.top = logits.shape[-1] - 1

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probability of images, nats, (B,)."""
        return super().log_prob((value * self.top).round())

    @property
    def mean(self) -> Tensor:
        """Mean grey values."""
        return self.base_dist.probs @ torch.linspace(0, 1, self.top + 1).to(self.base_dist.probs)


class SmallVQ(nn.Module):
    """Two places that see two pixels each, linear maps, and a prior p(z_1) p(z_2 | z_1)."""

    event_shape, code_shape, levels, commitment = (1, 1, 4), (2,), 5, 0.25

    def __init__(self, codes: int = 3, dim: int = 2) -> None:
        super().__init__()
        self.encoder = nn.Linear(2, dim)
        self.decoder = nn.Linear(2 * dim, 4 * self.levels)
        self.codebook = nn.Parameter(torch.randn(codes, dim))
        self.first = nn.Parameter(torch.randn(codes))
        self.second = nn.Parameter(torch.randn(codes, codes))

    def embed(self, x: Tensor) -> Tensor:
        """z_e, (B, D, 2)."""
        return self.encoder(x.view(-1, 2, 2)).movedim(-1, 1)

    def quantise(self, z_e: Tensor) -> Tensor:
        """Indices of the nearest vectors, (B, 2)."""
        return (z_e[:, None] - self.codebook[:, :, None]).square().sum(2).argmin(1)

    def encode(self, x: Tensor) -> Tensor:
        """The code, (B, 2)."""
        return self.quantise(self.embed(x))

    def lookup(self, z: Tensor) -> Tensor:
        """Vectors, (B, D, 2)."""
        return F.embedding(z, self.codebook).movedim(-1, 1)

    def decode(self, z_q: Tensor) -> Greys:
        """p(x | z)."""
        return Greys(self.decoder(z_q.flatten(1)).view(-1, *self.event_shape, self.levels))

    def loss_terms(self, x: Tensor) -> dict[str, Tensor]:
        """Reconstruction, codebook and commitment, (B,) each."""
        z_e = self.embed(x)
        e = self.lookup(self.quantise(z_e))
        return {
            "reconstruction": -self.decode(z_e + (e - z_e).detach()).log_prob(x) / 4,
            "codebook": (z_e.detach() - e).square().sum(1).mean(1),
            "commitment": (z_e - e.detach()).square().sum(1).mean(1),
        }

    def loss(self, terms: dict[str, Tensor]) -> Tensor:
        """The objective, a scalar."""
        weighted = self.commitment * terms["commitment"]
        return (terms["reconstruction"] + terms["codebook"] + weighted).mean()

    def prior_log_prob(self, z: Tensor) -> Tensor:
        """Log p(z), nats, (B,)."""
        first, second = z.unbind(1)
        return self.first.log_softmax(0)[first] + self.second.log_softmax(1)[first, second]

    @torch.no_grad()
    def sample_codes(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw (n, 2)."""
        first = torch.multinomial(self.first.softmax(0), n, True, generator=generator)
        second = torch.multinomial(self.second.softmax(1)[first], 1, generator=generator)
        return torch.stack((first, second[:, 0]), 1)

    def log_prob_bound(self, x: Tensor) -> Tensor:
        """Log p(x, z) at the encoder's z, (B,)."""
        z = self.encode(x)
        return self.decode(self.lookup(z)).log_prob(x) + self.prior_log_prob(z)

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw (n, 1, 1, 4)."""
        p = self.decode(self.lookup(self.sample_codes(n, generator))).base_dist.probs
        k = torch.multinomial(p.flatten(0, -2), 1, generator=generator)
        return k.view(n, *self.event_shape) / (self.levels - 1)
