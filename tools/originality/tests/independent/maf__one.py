"""Masked Autoregressive Flow for Density Estimation (arXiv 1705.07057).

An independent implementation, for the calibration of the originality check.
"""

import numpy as np
import torch
import torch.nn as nn


class Masked(nn.Module):
    """Affine map with a constant binary mask."""

    def __init__(self, mask):
        super().__init__()
        fan_out, fan_in = mask.shape
        self.register_buffer("M", mask)
        self.W = nn.Parameter(torch.randn(fan_out, fan_in) * fan_in**-0.5)
        self.b = nn.Parameter(torch.zeros(fan_out))

    def forward(self, u):
        """Compute (M*W) u + b."""
        return torch.addmm(self.b, u, (self.M * self.W).t())


class GaussianMADE(nn.Module):
    """Masked network with outputs mu and alpha = log sigma for each dimension."""

    def __init__(self, D, H, n_hidden, reverse):
        super().__init__()
        deg_in = torch.arange(1, D + 1)
        if reverse:
            deg_in = deg_in.flip(0)
        self.order = torch.argsort(deg_in).tolist()
        deg_h = torch.arange(H) % max(1, D - 1) + 1
        stages, last = [], deg_in
        for _ in range(n_hidden):
            stages += [Masked((deg_h[:, None] >= last[None, :]).float()), nn.ReLU()]
            last = deg_h
        self.trunk = nn.Sequential(*stages)
        out_mask = (deg_in[:, None] > last[None, :]).float()
        self.mu, self.alpha = Masked(out_mask), Masked(out_mask)
        with torch.no_grad():
            self.mu.W.mul_(0.01)
            self.alpha.W.mul_(0.01)

    def forward(self, x):
        """Return (u, log|det du/dx|)."""
        h = self.trunk(x)
        mu, alpha = self.mu(h), self.alpha(h)
        return (x - mu) * torch.exp(-alpha), -alpha.sum(1)

    def invert(self, u):
        """Solve for x one coordinate after another."""
        x = torch.zeros_like(u)
        for i in self.order:
            h = self.trunk(x)
            x[:, i] = u[:, i] * self.alpha(h)[:, i].exp() + self.mu(h)[:, i]
        return x


class BatchNormFlow(nn.Module):
    """Batch normalisation as an invertible layer."""

    def __init__(self, D, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.beta = nn.Parameter(torch.zeros(D))
        self.log_gamma = nn.Parameter(torch.zeros(D))
        self.register_buffer("m", torch.zeros(D))
        self.register_buffer("v", torch.ones(D))

    def forward(self, x):
        """Return (u, log|det du/dx|); batch statistics while training."""
        if self.training:
            m, v = x.mean(0), x.var(0, unbiased=False)
            with torch.no_grad():
                self.m.lerp_(m, self.momentum)
                self.v.lerp_(v, self.momentum)
        else:
            m, v = self.m, self.v
        u = (x - m) * torch.rsqrt(v + self.eps) * self.log_gamma.exp() + self.beta
        log_det = (self.log_gamma - 0.5 * torch.log(v + self.eps)).sum()
        return u, log_det.expand(len(x))

    def invert(self, u):
        """Undo the running-statistics version."""
        return (u - self.beta) * torch.exp(-self.log_gamma) * (self.v + self.eps).sqrt() + self.m


class MAF(nn.Module):
    """K Gaussian MADEs, order reversed from one to the next."""

    def __init__(self, D, K=5, H=100, n_hidden=1, batch_norm=True):
        super().__init__()
        self.D = D
        self.flow = nn.ModuleList()
        for k in range(K):
            self.flow.append(GaussianMADE(D, H, n_hidden, reverse=bool(k % 2)))
            if batch_norm:
                self.flow.append(BatchNormFlow(D))

    def forward(self, x):
        """Log-density of each row of x."""
        total = 0.0
        for f in self.flow:
            x, ld = f(x)
            total = total + ld
        return total - 0.5 * x.pow(2).sum(1) - 0.5 * self.D * np.log(2 * np.pi)

    @torch.no_grad()
    def draw(self, n):
        """Sample n rows."""
        x = torch.randn(n, self.D)
        for f in list(self.flow)[::-1]:
            x = f.invert(x)
        return x


def train(model, X, n_steps, batch=100, lr=1e-4, l2=1e-6):
    """Maximum likelihood with Adam; return the curve of average log-likelihoods."""
    adam = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=l2)
    rng = np.random.default_rng(0)
    curve = np.zeros(n_steps)
    model.train()
    for n in range(n_steps):
        idx = torch.from_numpy(rng.integers(len(X), size=batch))
        ll = model(X[idx]).mean()
        adam.zero_grad()
        ll.neg().backward()
        adam.step()
        curve[n] = ll.item()
    return curve


if __name__ == "__main__":
    torch.manual_seed(0)
    maf = MAF(D=3, K=2, H=16, n_hidden=2)
    print("log-likelihood", train(maf, torch.randn(64, 3) * 3 - 1, n_steps=2, batch=32))
    maf.eval()
    x0 = maf.draw(4)
    u = x0
    for f in maf.flow:
        u, _ = f(u)
    for f in list(maf.flow)[::-1]:
        u = f.invert(u.detach())
    print("round trip", (u - x0).abs().max().item())
