"""Denoising Diffusion Probabilistic Models (arXiv 2006.11239).

An independent implementation, for the calibration of the originality check.
"""

import copy

import torch
from torch import nn


def linear_schedule(T, lo=1e-4, hi=2e-2):
    """Collect in a dict everything that the chain needs, indexed 0..T-1."""
    beta = torch.linspace(lo, hi, T, dtype=torch.float64)
    abar = (1 - beta).cumprod(0)
    prev = torch.cat((abar.new_ones(1), abar[:-1]))
    tables = {
        "signal": abar.sqrt(),
        "noise": (1 - abar).sqrt(),
        # q(x_{t-1} | x_t, x_0) has mean  from_x0 * x_0 + from_xt * x_t
        "from_x0": beta * prev.sqrt() / (1 - abar),
        "from_xt": (1 - prev) * (1 - beta).sqrt() / (1 - abar),
        "post_var": beta * (1 - prev) / (1 - abar),
    }
    return {name: table.float() for name, table in tables.items()}


def take(table, t, like):
    """Look up a schedule entry per example, shaped to broadcast against `like`."""
    return table[t].reshape(-1, *[1] * (like.ndim - 1))


class PointDenoiser(nn.Module):
    """Residual multilayer perceptron for low-dimensional points."""

    def __init__(self, dim, T, width=128, depth=3):
        super().__init__()
        self.time = nn.Embedding(T, width)
        self.inp = nn.Linear(dim, width)
        self.blocks = nn.ModuleList()
        for _ in range(depth):
            self.blocks.append(
                nn.Sequential(
                    nn.LayerNorm(width),
                    nn.Linear(width, 2 * width),
                    nn.SiLU(),
                    nn.Linear(2 * width, width),
                )
            )
        self.out = nn.Linear(width, dim)

    def forward(self, x_t, t):
        """Guess the noise inside x_t."""
        temb = self.time(t)
        h = self.inp(x_t)
        for block in self.blocks:
            h = h + block(h + temb)
        return self.out(h)


def diffuse(sched, x0, t, eps):
    """Sample q(x_t | x_0) with the given noise."""
    return take(sched["signal"], t, x0) * x0 + take(sched["noise"], t, x0) * eps


def simple_loss(net, sched, x0):
    """Mean squared error between true and predicted noise at uniform timesteps."""
    T = len(sched["signal"])
    t = torch.randint(T, (len(x0),))
    eps = torch.randn_like(x0)
    error = eps - net(diffuse(sched, x0, t, eps), t)
    return (error**2).mean()


@torch.no_grad()
def reverse_step(net, sched, x, step, clip=None):
    """One draw from p(x_{t-1} | x_t), going through an estimate of x_0."""
    t = torch.full((len(x),), step)
    x0 = (x - sched["noise"][step] * net(x, t)) / sched["signal"][step]
    if clip is not None:
        x0 = x0.clamp(-clip, clip)
    mean = sched["from_x0"][step] * x0 + sched["from_xt"][step] * x
    if step == 0:
        return mean
    return mean + sched["post_var"][step].sqrt() * torch.randn_like(x)


def generate(net, sched, shape, clip=None):
    """Run the chain from pure noise down to data."""
    x = torch.randn(shape)
    for step in range(len(sched["signal"]) - 1, -1, -1):
        x = reverse_step(net, sched, x, step, clip)
    return x


def ema_update(slow, fast, decay):
    """Move the slow copy's weights towards the fast ones."""
    with torch.no_grad():
        for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
            s.lerp_(f, 1 - decay)


def train(net, sched, data, steps, batch=64, lr=2e-4, decay=0.9999):
    """Optimise the network; return its averaged copy and the losses."""
    averaged = copy.deepcopy(net).requires_grad_(False)
    adam = torch.optim.Adam(net.parameters(), lr=lr)
    losses = []
    for _ in range(steps):
        x0 = data[torch.randint(len(data), (batch,))]
        adam.zero_grad()
        loss = simple_loss(net, sched, x0)
        loss.backward()
        adam.step()
        ema_update(averaged, net, decay)
        losses.append(round(loss.item(), 4))
    return averaged, losses


if __name__ == "__main__":
    torch.manual_seed(7)
    STEPS = 20
    schedule = linear_schedule(STEPS)
    model, curve = train(PointDenoiser(2, STEPS, 32), schedule, torch.randn(200, 2), steps=2)
    print(curve, generate(model, schedule, (5, 2), clip=4.0))
