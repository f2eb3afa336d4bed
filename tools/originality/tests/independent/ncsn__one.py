"""Generative Modeling by Estimating Gradients of the Data Distribution (arXiv 1907.05600).

An independent implementation, for the calibration of the originality check.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


def geometric_sigmas(first=1.0, last=0.01, count=10):
    """Noise levels from large to small with a constant ratio."""
    return first * (last / first) ** (torch.arange(count) / (count - 1))


class CondInstanceNormPP(nn.Module):
    """Conditional instance normalisation++: keeps the means that plain IN throws away."""

    def __init__(self, channels, levels):
        super().__init__()
        self.gamma = nn.Embedding(levels, channels)
        self.beta = nn.Embedding(levels, channels)
        self.alpha = nn.Embedding(levels, channels)
        nn.init.normal_(self.gamma.weight, 1.0, 0.02)
        nn.init.normal_(self.alpha.weight, 1.0, 0.02)
        nn.init.zeros_(self.beta.weight)

    def forward(self, x, level):
        """Normalise x with the parameters of each example's noise level."""
        mu = x.mean(dim=(2, 3))
        m = mu.mean(dim=1, keepdim=True)
        v = mu.var(dim=1, keepdim=True, unbiased=False)
        mu_hat = (mu - m) / torch.sqrt(v + 1e-5)
        shift = self.beta(level) + self.alpha(level) * mu_hat
        scaled = self.gamma(level)[..., None, None] * F.instance_norm(x)
        return scaled + shift[..., None, None]


class CondResBlock(nn.Module):
    """Residual block, dilated instead of strided."""

    def __init__(self, c_in, c_out, levels, dilation=1):
        super().__init__()
        self.norm_a = CondInstanceNormPP(c_in, levels)
        self.conv_a = nn.Conv2d(c_in, c_out, 3, padding=dilation, dilation=dilation)
        self.norm_b = CondInstanceNormPP(c_out, levels)
        self.conv_b = nn.Conv2d(c_out, c_out, 3, padding=dilation, dilation=dilation)
        self.match = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else None

    def forward(self, x, level):
        """Apply norm, ELU and convolution twice."""
        h = self.conv_a(F.elu(self.norm_a(x, level)))
        h = self.conv_b(F.elu(self.norm_b(h, level)))
        return h + (x if self.match is None else self.match(x))


class ScoreNet(nn.Module):
    """s(x, sigma_i): input and output have the same shape."""

    def __init__(self, sigmas, image_channels=1, width=32):
        super().__init__()
        self.register_buffer("sigmas", sigmas)
        L = len(sigmas)
        self.enter = nn.Conv2d(image_channels, width, 3, padding=1)
        self.down = nn.ModuleList(
            [
                CondResBlock(width, width, L),
                CondResBlock(width, 2 * width, L),
                CondResBlock(2 * width, 2 * width, L, dilation=2),
                CondResBlock(2 * width, 2 * width, L, dilation=4),
            ]
        )
        self.up = nn.ModuleList(
            [
                CondResBlock(4 * width, 2 * width, L, dilation=2),
                CondResBlock(4 * width, width, L),
                CondResBlock(2 * width, width, L),
            ]
        )
        self.norm = CondInstanceNormPP(width, L)
        self.leave = nn.Conv2d(width, image_channels, 3, padding=1)

    def forward(self, x, level):
        """Estimate the score of the data perturbed at the given level."""
        h = self.enter(2 * x - 1)
        saved = []
        for block in self.down:
            h = block(h, level)
            saved.append(h)
        saved.pop()
        for block in self.up:
            h = block(torch.cat((h, saved.pop()), dim=1), level)
        return self.leave(F.elu(self.norm(h, level)))


def dsm_loss(net, x):
    """Denoising score matching, weighted by sigma squared."""
    level = torch.randint(len(net.sigmas), (x.size(0),))
    sigma = net.sigmas[level].view(-1, 1, 1, 1)
    noise = torch.randn_like(x)
    # lambda(sigma) |s + (x~ - x)/sigma^2|^2  with  x~ - x = sigma * noise
    residual = sigma * net(x + sigma * noise, level) + noise
    return 0.5 * residual.flatten(1).pow(2).sum(1).mean()


@torch.no_grad()
def annealed_langevin(net, x, eps=2e-5, T=100):
    """Algorithm 1: T steps at each level, the step size shrinking with sigma squared."""
    for i, sigma in enumerate(net.sigmas):
        step = eps * (sigma / net.sigmas[-1]) ** 2
        level = torch.full((x.size(0),), i)
        for _ in range(T):
            x = x + 0.5 * step * net(x, level) + step.sqrt() * torch.randn_like(x)
    return x


@torch.no_grad()
def inpaint(net, image, known, eps=2e-5, T=100):
    """Sample the pixels where `known` is zero, holding the others at their noisy values."""
    x = torch.rand_like(image)
    for i, sigma in enumerate(net.sigmas):
        step = eps * (sigma / net.sigmas[-1]) ** 2
        level = torch.full((x.size(0),), i)
        target = image + sigma * torch.randn_like(image)
        for _ in range(T):
            x = x + 0.5 * step * net(x, level) + step.sqrt() * torch.randn_like(x)
            x = torch.where(known.bool(), target, x)
    return x


def train(net, loader, lr=1e-3):
    """One Adam step for each batch of images in [0, 1]."""
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    for x in loader:
        loss = dsm_loss(net, x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(loss.item())


if __name__ == "__main__":
    torch.manual_seed(0)
    score = ScoreNet(geometric_sigmas(count=3), width=8)
    train(score, [torch.rand(4, 1, 8, 8) for _ in range(2)])
    print(annealed_langevin(score, torch.rand(2, 1, 8, 8), T=2).shape)
    print(inpaint(score, torch.rand(2, 1, 8, 8), torch.ones(2, 1, 8, 8), T=2).shape)
