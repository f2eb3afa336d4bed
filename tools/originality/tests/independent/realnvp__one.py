"""Density estimation using Real NVP (arXiv 1605.08803).

An independent implementation, for the calibration of the originality check.
"""

import math

import torch
import torch.nn as nn


class AffineCoupling(nn.Module):
    """One coupling layer on vectors; the masked half passes through unchanged."""

    def __init__(self, mask, hidden):
        super().__init__()
        dim = mask.numel()
        self.register_buffer("mask", mask)
        self.s_net = nn.Sequential(
            nn.Linear(dim, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, dim),
            nn.Tanh(),
        )
        self.t_net = nn.Sequential(
            nn.Linear(dim, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, dim),
        )
        self.scale = nn.Parameter(torch.zeros(dim))

    def _st(self, kept):
        free = 1 - self.mask
        return free * self.scale * self.s_net(kept), free * self.t_net(kept)

    def forward(self, x):
        """Go from data to latent; also return log|det J|."""
        kept = x * self.mask
        s, t = self._st(kept)
        y = kept + (1 - self.mask) * (x * torch.exp(s) + t)
        return y, s.sum(dim=-1)

    def inverse(self, y):
        """Go from latent to data."""
        kept = y * self.mask
        s, t = self._st(kept)
        return kept + (1 - self.mask) * (y - t) * torch.exp(-s)


class RealNVP(nn.Module):
    """A chain of couplings with alternating masks under a standard normal prior."""

    def __init__(self, dim, n_layers=6, hidden=64):
        super().__init__()
        self.dim = dim
        even = (torch.arange(dim) % 2 == 0).float()
        self.couplings = nn.ModuleList(
            AffineCoupling(even if i % 2 == 0 else 1 - even, hidden) for i in range(n_layers)
        )

    def to_latent(self, x):
        """Return z and the accumulated log-determinant."""
        log_det = x.new_zeros(x.shape[0])
        for coupling in self.couplings:
            x, ld = coupling(x)
            log_det = log_det + ld
        return x, log_det

    def to_data(self, z):
        """Invert the whole chain."""
        for coupling in reversed(self.couplings):
            z = coupling.inverse(z)
        return z

    def log_prob(self, x):
        """Evaluate the exact log-density by change of variables."""
        z, log_det = self.to_latent(x)
        log_pz = -0.5 * (z**2).sum(-1) - 0.5 * self.dim * math.log(2 * math.pi)
        return log_pz + log_det

    @torch.no_grad()
    def sample(self, n):
        """Push n prior draws through the inverse."""
        return self.to_data(torch.randn(n, self.dim))


def train(flow, sampler, steps=2000, lr=1e-3, weight_decay=5e-5):
    """Minimise the negative log-likelihood of batches that sampler() returns."""
    opt = torch.optim.Adam(flow.parameters(), lr=lr, weight_decay=weight_decay)
    losses = []
    for _ in range(steps):
        loss = -flow.log_prob(sampler()).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    torch.manual_seed(0)
    model = RealNVP(dim=4, n_layers=4, hidden=16)
    print("loss", train(model, lambda: torch.randn(32, 4) * 2 + 1, steps=2))
    batch = torch.randn(8, 4)
    z, _ = model.to_latent(batch)
    print("inverse error", (model.to_data(z) - batch).abs().max().item())
