"""The networks of `model.py`: a perceptron for points and a small U-Net for images.

The paper takes a RefineNet with dilated convolutions and tells it the noise level by conditional
instance normalisation: each normalisation has a gain and a shift for every level, and another gain
for the channels' means, which instance normalisation would lose (appendix A). Here the
normalisation is the paper's; the network around it is a U-Net of two resolutions, with pixels
folded into channels at the entrance: what a processor without an accelerator can train.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_TINY = 1e-5  # added to variances


class ConditionalInstanceNorm(nn.Module):
    """γ_i (x − μ)/s + β_i + α_i (μ − m)/v at level i, for each channel (appendix A).

    μ and s are mean and deviation of a channel over its pixels, m and v those of the μ over the
    channels: the last term keeps what the first removes.
    """

    def __init__(self, levels: int, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(levels, channels))  # γ
        self.shift = nn.Parameter(torch.zeros(levels, channels))  # β
        self.mean_gain = nn.Parameter(torch.ones(levels, channels))  # α

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """Features x (B, C, H, W), levels (B,) -> (B, C, H, W)."""
        mu = x.mean((2, 3))  # (B, C)
        variance, m = torch.var_mean(mu, 1, keepdim=True, correction=0)  # v², m (B, 1)
        kept = self.mean_gain[level] * (mu - m) / (variance + _TINY).sqrt() + self.shift[level]
        normal = F.group_norm(x, x.shape[1], eps=_TINY)  # instance normalisation: (x − μ)/s
        return torch.addcmul(kept[:, :, None, None], self.gain[level][:, :, None, None], normal)


class Block(nn.Module):
    """Two 3×3 convolutions, each behind a conditional normalisation, added to the input.

    The second convolution starts at zero, so that the block starts as the identity.
    """

    def __init__(self, levels: int, channels: int) -> None:
        super().__init__()
        self.norm1 = ConditionalInstanceNorm(levels, channels)
        self.norm2 = ConditionalInstanceNorm(levels, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = _zero(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, h: Tensor, level: Tensor) -> Tensor:
        """Features h (B, C, H, W), levels (B,) -> (B, C, H, W)."""
        inner = self.conv1(F.silu(self.norm1(h, level)))
        return h + self.conv2(F.silu(self.norm2(inner, level)))


class UNet(nn.Module):
    """Blocks at a half and a quarter of the resolution, joined by one skip connection.

    Args:
        channels: C of the images.
        width: channels at half resolution; there are twice as many at a quarter.
        depth: blocks at a quarter of the resolution.
        levels: L, the number of noise levels.
    """

    def __init__(self, channels: int, width: int, depth: int, levels: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(4 * channels, width, 3, padding=1)
        self.encode = Block(levels, width)
        self.down = nn.Conv2d(4 * width, 2 * width, 1)
        self.middle = nn.ModuleList(Block(levels, 2 * width) for _ in range(depth))
        self.up = nn.Conv2d(2 * width, 4 * width, 1)
        self.join = nn.Conv2d(2 * width, width, 1)
        self.decode = Block(levels, width)
        self.norm = ConditionalInstanceNorm(levels, width)
        self.leave = _zero(nn.Conv2d(width, 4 * channels, 3, padding=1))

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """Images x (B, C, H, W), H and W multiples of 4, levels (B,) -> (B, C, H, W)."""
        skip = self.encode(self.enter(F.pixel_unshuffle(x, 2)), level)  # (B, w, H/2, W/2)
        h = self.down(F.pixel_unshuffle(skip, 2))  # (B, 2w, H/4, W/4); w is the width
        for block in self.middle:
            h = block(h, level)
        h = F.pixel_shuffle(self.up(h), 2)  # (B, w, H/2, W/2)
        h = self.decode(self.join(torch.cat([h, skip], dim=1)), level)  # (B, w, H/2, W/2)
        return F.pixel_shuffle(self.leave(F.silu(self.norm(h, level))), 2)  # (B, C, H, W)


class Perceptron(nn.Module):
    """`depth` hidden layers of `width` units; each unit has a gain and a shift for each level."""

    def __init__(self, dim: int, width: int, depth: int, levels: int) -> None:
        super().__init__()
        pairs = itertools.pairwise([dim, *[width] * depth])
        self.layers = nn.ModuleList(nn.Linear(inputs, outputs) for inputs, outputs in pairs)
        self.gains = nn.Parameter(torch.ones(depth, levels, width))
        self.shifts = nn.Parameter(torch.zeros(depth, levels, width))
        self.leave = nn.Linear(width, dim)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """Points x (B, D), levels (B,) -> (B, D)."""
        h = x
        for layer, gain, shift in zip(self.layers, self.gains, self.shifts, strict=True):
            h = F.silu(gain[level] * layer(h) + shift[level])  # (B, width)
        return self.leave(h)


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
