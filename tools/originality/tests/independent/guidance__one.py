"""Classifier-Free Diffusion Guidance (arXiv 2207.12598).

An independent implementation, for the calibration of the originality check.
"""

import math

import torch as t
import torch.nn as nn
import torch.nn.functional as F

LMIN, LMAX = -20.0, 20.0  # range of the log signal-to-noise ratio


def lam_of_u(u):
    """Inverse CDF of the hyperbolic secant schedule; u=0 gives LMAX and u=1 gives LMIN."""
    b = math.atan(math.exp(-LMAX / 2))
    a = math.atan(math.exp(-LMIN / 2)) - b
    return -2 * t.log(t.tan(a * u + b))


def alpha_sigma(lam):
    """Variance-preserving coefficients at log-SNR lam."""
    return t.sigmoid(lam).sqrt(), t.sigmoid(-lam).sqrt()


class Film(nn.Module):
    """Residual layer modulated by an embedding."""

    def __init__(self, width, emb):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.mod = nn.Linear(emb, 2 * width)
        self.lin1 = nn.Linear(width, 2 * width)
        self.lin2 = nn.Linear(2 * width, width)

    def forward(self, h, e):
        """Scale and shift the normalised input, then a two-layer update."""
        g, b = self.mod(e).chunk(2, -1)
        return h + self.lin2(F.silu(self.lin1(self.norm(h) * (1 + g) + b)))


class Eps(nn.Module):
    """One network for both eps(z, c) and eps(z); the null label is index n_classes."""

    def __init__(self, dim, n_classes, width=128, depth=4, emb=64):
        super().__init__()
        self.null = n_classes
        self.label = nn.Embedding(n_classes + 1, emb)
        self.freq = nn.Parameter(t.randn(emb // 2), requires_grad=False)
        self.lam = nn.Sequential(nn.Linear(emb, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.first = nn.Linear(dim, width)
        self.mid = nn.ModuleList(Film(width, emb) for _ in range(depth))
        self.last = nn.Linear(width, dim)

    def forward(self, z, lam, c):
        """Predict the noise in z."""
        phase = (lam / 4)[:, None] * self.freq
        e = F.silu(self.lam(t.cat((phase.sin(), phase.cos()), -1)) + self.label(c))
        h = self.first(z)
        for f in self.mid:
            h = f(h, e)
        return self.last(h)


def loss_fn(net, x, c, p_uncond=0.1):
    """Algorithm 1: the label is dropped with probability p_uncond."""
    drop = t.rand(len(x)) < p_uncond
    c = t.where(drop, t.full_like(c, net.null), c)
    lam = lam_of_u(t.rand(len(x)))
    a, s = (v[:, None] for v in alpha_sigma(lam))
    eps = t.randn_like(x)
    return F.mse_loss(net(a * x + s * eps, lam, c), eps)


def guided(net, z, lam, c, w):
    """(1 + w) eps(z, c) - w eps(z), both computed in one batch."""
    both = net(t.cat((z, z)), t.cat((lam, lam)), t.cat((c, t.full_like(c, net.null))))
    cond, free = both.chunk(2)
    return (1 + w) * cond - w * free


@t.no_grad()
def sample(net, c, dim, w=1.0, steps=100, v=0.3, clip=None):
    """Algorithm 2: ancestral sampling along increasing log-SNR."""
    lams = lam_of_u(t.linspace(1, 0, steps))
    z = t.randn(len(c), dim)
    x = z
    for i in range(steps):
        lam = lams[i]
        a, s = alpha_sigma(lam)
        x = (z - s * guided(net, z, lam.expand(len(c)), c, w)) / a
        if clip:
            x = x.clamp(-clip, clip)
        if i == steps - 1:
            break
        nxt = lams[i + 1]
        a2, s2 = alpha_sigma(nxt)
        r = t.exp(lam - nxt)  # below one
        mean = r * (a2 / a) * z + (1 - r) * a2 * x
        # log-interpolation between the lower and the upper variance
        small, large = (1 - r) * s2**2, (1 - r) * s**2
        z = mean + (small ** (1 - v) * large**v).sqrt() * t.randn_like(z)
    return x


def train(net, batches, lr=1e-3, p_uncond=0.1):
    """Joint training of the conditional and the unconditional model."""
    opt = t.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=lr)
    out = []
    for x, c in batches:
        opt.zero_grad()
        loss = loss_fn(net, x, c, p_uncond)
        loss.backward()
        opt.step()
        out.append(loss.item())
    return out


if __name__ == "__main__":
    t.manual_seed(0)
    model = Eps(2, 3, width=16, depth=2, emb=8)
    print(train(model, [(t.randn(32, 2), t.randint(0, 3, (32,))) for _ in range(2)]))
    for weight in (0.0, 2.0):
        print(weight, sample(model, t.tensor([0, 1, 2]), 2, weight, steps=10, clip=3.0))
