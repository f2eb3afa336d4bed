"""Improved Training of Wasserstein GANs (arXiv 1704.00028).

An independent implementation, for the calibration of the originality check.
"""

from dataclasses import dataclass

import torch
from torch import nn, optim


@dataclass
class Config:
    """Hyper-parameters; those of the optimisation are as in Algorithm 1."""

    noise_dim: int = 128
    width: int = 64
    channels: int = 3
    penalty_weight: float = 10.0
    critic_steps: int = 5
    lr: float = 1e-4
    betas: tuple = (0.0, 0.9)
    batch_size: int = 64


class UpBlock(nn.Module):
    """Residual block of the generator: doubles the resolution."""

    def __init__(self, c_in, c_out):
        super().__init__()
        self.main = nn.Sequential(
            nn.BatchNorm2d(c_in),
            nn.ReLU(),
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv2d(c_in, c_out, 3, 1, 1),
            nn.BatchNorm2d(c_out),
            nn.ReLU(),
            nn.Conv2d(c_out, c_out, 3, 1, 1),
        )
        self.skip = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(c_in, c_out, 1))

    def forward(self, h):
        """Sum both paths."""
        return self.main(h) + self.skip(h)


class DownBlock(nn.Module):
    """Residual block of the critic: halves the resolution, with no batch normalisation."""

    def __init__(self, c_in, c_out):
        super().__init__()
        self.main = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(c_in, c_out, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(c_out, c_out, 3, 1, 1),
            nn.AvgPool2d(2),
        )
        self.skip = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(c_in, c_out, 1))

    def forward(self, h):
        """Sum both paths."""
        return self.main(h) + self.skip(h)


def build_generator(cfg):
    """Noise vector to a 32x32 image in [-1, 1]."""
    w = cfg.width
    return nn.Sequential(
        nn.Linear(cfg.noise_dim, w * 4 * 4),
        nn.Unflatten(1, (w, 4, 4)),
        UpBlock(w, w),
        UpBlock(w, w),
        UpBlock(w, w),
        nn.BatchNorm2d(w),
        nn.ReLU(),
        nn.Conv2d(w, cfg.channels, 3, 1, 1),
        nn.Tanh(),
    )


def build_critic(cfg):
    """32x32 image to an unbounded score."""
    w = cfg.width
    return nn.Sequential(
        nn.Conv2d(cfg.channels, w, 3, 1, 1),
        DownBlock(w, w),
        DownBlock(w, w),
        DownBlock(w, w),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(w * 4 * 4, 1),
        nn.Flatten(0),
    )


def gradient_penalty(critic, real, fake):
    """Two-sided penalty on the gradient norm at random points between real and fake."""
    mix = torch.rand(real.size(0), 1, 1, 1, device=real.device)
    x_hat = (mix * real + (1.0 - mix) * fake).requires_grad_(True)
    (grad,) = torch.autograd.grad(critic(x_hat).sum(), x_hat, create_graph=True)
    return (grad.flatten(start_dim=1).norm(p=2, dim=1) - 1.0).pow(2).mean()


class Trainer:
    """Alternate several critic updates with one generator update."""

    def __init__(self, cfg, next_real):
        self.cfg, self.next_real = cfg, next_real
        self.gen, self.critic = build_generator(cfg), build_critic(cfg)
        self.gen_opt = optim.Adam(self.gen.parameters(), lr=cfg.lr, betas=cfg.betas)
        self.critic_opt = optim.Adam(self.critic.parameters(), lr=cfg.lr, betas=cfg.betas)

    def fake(self):
        """Generate a batch."""
        return self.gen(torch.randn(self.cfg.batch_size, self.cfg.noise_dim))

    def update_critic(self):
        """One critic step; return the estimate of the Wasserstein distance."""
        real = self.next_real(self.cfg.batch_size)
        with torch.no_grad():
            fake = self.fake()
        distance = self.critic(real).mean() - self.critic(fake).mean()
        penalty = gradient_penalty(self.critic, real, fake)
        loss = -distance + self.cfg.penalty_weight * penalty
        self.critic_opt.zero_grad()
        loss.backward()
        self.critic_opt.step()
        return distance.item()

    def update_generator(self):
        """One generator step; return its loss."""
        loss = -self.critic(self.fake()).mean()
        self.gen_opt.zero_grad()
        loss.backward()
        self.gen_opt.step()
        return loss.item()

    def train(self, iterations):
        """Run the outer loop and print a line for each iteration."""
        for it in range(iterations):
            distances = [self.update_critic() for _ in range(self.cfg.critic_steps)]
            print(f"{it}: distance {distances[-1]:.4f} generator {self.update_generator():.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    small = Config(noise_dim=8, width=8, critic_steps=2, batch_size=4)
    Trainer(small, lambda n: torch.rand(n, 3, 32, 32) * 2 - 1).train(2)
