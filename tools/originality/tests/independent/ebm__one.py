"""Implicit Generation and Generalization in Energy-Based Models (arXiv 1903.08689).

An independent implementation, for the calibration of the originality check.
"""

import random

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


class EnergyNet(nn.Module):
    """A small spectrally normalised convolutional network that returns one energy per image."""

    def __init__(self, channels: int = 1, width: int = 32):
        super().__init__()

        def conv(i, o, k, s):
            return spectral_norm(nn.Conv2d(i, o, k, stride=s, padding=1))

        self.features = nn.Sequential(
            conv(channels, width, 3, 1),
            nn.LeakyReLU(0.2),
            conv(width, width * 2, 4, 2),
            nn.LeakyReLU(0.2),
            conv(width * 2, width * 4, 4, 2),
            nn.LeakyReLU(0.2),
        )
        self.energy = spectral_norm(nn.Linear(width * 4, 1))

    def forward(self, x):
        """E(x), low where data is likely."""
        return self.energy(self.features(x).sum(dim=(2, 3))).squeeze(1)


class ReplayBuffer:
    """Past negative samples, from which most chains are started again."""

    def __init__(self, shape, capacity=10000, restart=0.05):
        self.shape, self.capacity, self.restart = tuple(shape), capacity, restart
        self.items = []

    def __len__(self):
        return len(self.items)

    def draw(self, n):
        """Start n chains: from the buffer, or from uniform noise with probability `restart`."""
        start = torch.rand(n, *self.shape)
        for i in range(n):
            if self.items and random.random() >= self.restart:
                start[i] = random.choice(self.items)
        return start

    def push(self, batch):
        """Add samples, overwriting random old ones when full."""
        for sample in batch:
            if len(self.items) < self.capacity:
                self.items.append(sample.clone())
            else:
                self.items[random.randrange(self.capacity)] = sample.clone()


class Langevin:
    """K steps of noisy gradient descent on the energy."""

    def __init__(self, steps=60, step_size=10.0, noise=0.005, grad_clip=0.01):
        self.steps, self.step_size = steps, step_size
        self.noise, self.grad_clip = noise, grad_clip

    def __call__(self, net, x):
        """Return detached samples; the net's parameters receive no gradient."""
        frozen = [p for p in net.parameters() if p.requires_grad]
        for p in frozen:
            p.requires_grad_(False)
        x = x.detach().clone()
        for _ in range(self.steps):
            x = (x + self.noise * torch.randn_like(x)).requires_grad_(True)
            (grad,) = torch.autograd.grad(net(x).sum(), x)
            if self.grad_clip:
                grad = grad.clamp(-self.grad_clip, self.grad_clip)
            x = (x.detach() - self.step_size * grad).clamp(0, 1)
        for p in frozen:
            p.requires_grad_(True)
        return x


def contrastive_loss(net, positive, negative, alpha=1.0):
    """Difference of energies plus a penalty on their squares."""
    e_pos, e_neg = net(positive), net(negative)
    divergence = (e_pos - e_neg).mean()
    magnitude = (e_pos**2 + e_neg**2).mean()
    return divergence + alpha * magnitude, e_pos.mean().item(), e_neg.mean().item()


def train(net, data, buffer, sampler, lr=1e-4, alpha=1.0):
    """Maximum likelihood with samples from the chain as negatives; yield energies."""
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, betas=(0.0, 0.999))
    for images in data:
        positive = (images + torch.rand_like(images) / 256).clamp(0, 1)
        negative = sampler(net, buffer.draw(len(images)))
        loss, e_pos, e_neg = contrastive_loss(net, positive, negative, alpha)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        buffer.push(negative)
        yield e_pos, e_neg


def compose(*nets):
    """Sum of energies, that is the product of the models."""
    return lambda x: sum(net(x) for net in nets)


if __name__ == "__main__":
    random.seed(0)
    torch.manual_seed(0)
    model = EnergyNet(width=8)
    memory = ReplayBuffer((1, 12, 12), capacity=20)
    chain = Langevin(steps=4)
    batches = (torch.rand(6, 1, 12, 12) for _ in range(2))
    for k, (low, high) in enumerate(train(model, batches, memory, chain)):
        print(f"step {k}: data energy {low:+.4f}, sample energy {high:+.4f}")
    print(len(memory), chain(model, memory.draw(2)).shape)
    print(compose(model, model)(memory.draw(2)).shape)
