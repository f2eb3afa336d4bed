"""Density estimation using Real NVP (arXiv 1605.08803).

An independent implementation, for the calibration of the originality check.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm as wn

ALPHA = 0.05


class Res(nn.Module):
    """Pre-activation residual block."""

    def __init__(self, c):
        super().__init__()
        self.a, self.b = wn(nn.Conv2d(c, c, 3, padding=1)), wn(nn.Conv2d(c, c, 3, padding=1))
        self.n1, self.n2 = nn.BatchNorm2d(c), nn.BatchNorm2d(c)

    def forward(self, x):
        """Add the branch to the input."""
        return x + self.b(F.relu(self.n2(self.a(F.relu(self.n1(x))))))


class ST(nn.Module):
    """Convolutional network that gives both s and t."""

    def __init__(self, cin, cout, mid, blocks):
        super().__init__()
        self.head = nn.Conv2d(cin, mid, 3, padding=1)
        self.body = nn.Sequential(*(Res(mid) for _ in range(blocks)))
        self.tail = wn(nn.Conv2d(mid, 2 * cout, 1))
        self.gain = nn.Parameter(torch.ones(cout, 1, 1))
        self.shift = nn.Parameter(torch.zeros(cout, 1, 1))

    def forward(self, x):
        """Return (s, t), s bounded by a learned gain."""
        s, t = self.tail(F.relu(self.body(self.head(x)))).chunk(2, 1)
        return self.gain * torch.tanh(s) + self.shift, t


class Checker(nn.Module):
    """Coupling under a checkerboard mask."""

    def __init__(self, c, mid, blocks, parity):
        super().__init__()
        self.parity, self.net = parity, ST(c, c, mid, blocks)

    def forward(self, x, rev=False):
        """Transform x; return it with the log-determinant of this direction."""
        h, w = x.shape[-2:]
        i = torch.arange(h)[:, None] + torch.arange(w)[None]
        m = ((i + self.parity) % 2).to(x)
        s, t = self.net(m * x)
        s, t = s * (1 - m), t * (1 - m)
        y = (x - t) * (-s).exp() if rev else x * s.exp() + t
        return y, (-s if rev else s).flatten(1).sum(1)


class Channel(nn.Module):
    """Coupling under a channel-wise split."""

    def __init__(self, c, mid, blocks, parity):
        super().__init__()
        self.parity, self.net = parity, ST(c // 2, c // 2, mid, blocks)

    def forward(self, x, rev=False):
        """Transform x; return it with the log-determinant of this direction."""
        keep, move = x.chunk(2, 1) if self.parity else x.chunk(2, 1)[::-1]
        s, t = self.net(keep)
        move = (move - t) * (-s).exp() if rev else move * s.exp() + t
        y = torch.cat((keep, move) if self.parity else (move, keep), 1)
        return y, (-s if rev else s).flatten(1).sum(1)


class Scale(nn.Module):
    """One level of the multi-scale architecture, recursing into the next."""

    def __init__(self, c, mid, blocks, left):
        super().__init__()
        self.last = left == 1
        self.spatial = nn.ModuleList(Checker(c, mid, blocks, k % 2) for k in range(3 + self.last))
        if not self.last:
            self.channel = nn.ModuleList(Channel(4 * c, 2 * mid, blocks, k % 2) for k in range(3))
            self.deeper = Scale(2 * c, 2 * mid, blocks, left - 1)

    def forward(self, x, rev=False):
        """Run this level and all below it, in either direction."""
        ld = x.new_zeros(len(x))
        plan = [] if self.last else [self.inner]
        plan = [*self.spatial, *plan]
        for f in reversed(plan) if rev else plan:
            x, d = f(x, rev)
            ld = ld + d
        return x, ld

    def inner(self, x, rev):
        """Squeeze, couple by channels, factor half out, recurse, and undo the squeeze."""
        x, ld = F.pixel_unshuffle(x, 2), x.new_zeros(len(x))

        def halves(v, _):
            a, b = v.chunk(2, 1)
            a, d = self.deeper(a, rev)
            return torch.cat((a, b), 1), d

        steps = [*self.channel, halves]
        for f in reversed(steps) if rev else steps:
            x, d = f(x, rev)
            ld = ld + d
        return F.pixel_shuffle(x, 2), ld


def preprocess(x):
    """Dequantise bytes and take the logit; return it with its log-determinant."""
    p = ALPHA + (1 - 2 * ALPHA) * (x.float() + torch.rand(x.shape)) / 256
    ld = math.log((1 - 2 * ALPHA) / 256) - p.log() - (1 - p).log()
    return p.logit(), ld.flatten(1).sum(1)


def bits_per_dim(net, x):
    """Compute the loss of byte images x."""
    y, ld0 = preprocess(x)
    z, ld1 = net(y)
    ll = torch.distributions.Normal(0, 1).log_prob(z).flatten(1).sum(1) + ld0 + ld1
    return -ll.mean() / (x[0].numel() * math.log(2))


def train(net, loader, lr=1e-3):
    """Take one Adam step for each batch in loader."""
    opt = torch.optim.Adam(net.parameters(), lr)
    for x in loader:
        opt.zero_grad()
        loss = bits_per_dim(net, x)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 100.0)
        opt.step()
        yield loss.item()


if __name__ == "__main__":
    net = Scale(3, 8, 1, left=2)
    print(list(train(net, [torch.randint(0, 256, (4, 3, 8, 8)) for _ in range(2)])))
    with torch.no_grad():
        x = torch.randn(2, 3, 8, 8)
        z, d = net.eval()(x)
        back, e = net(z, rev=True)
    assert torch.allclose(x, back, atol=1e-3)
    assert torch.allclose(d, -e, atol=1e-3)
