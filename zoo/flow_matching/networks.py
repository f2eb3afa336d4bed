"""The fields v(x, t) of `model.py`: a perceptron for points and a small U-Net for images.

FM appendix E takes the U-Net of Dhariwal and Nichol; here two resolutions and no attention, and
pixels folded into channels at the entrance: what a processor without an accelerator can train.
Every block is told the time by a gain and a shift for each of its channels.
"""

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def time_features(t: Tensor, frequencies: int) -> Tensor:
    """Cosines and sines of π k t, k = 1, …, frequencies: (B,) in [0, 1] -> (B, 2 frequencies)."""
    k = torch.arange(1, frequencies + 1, device=t.device, dtype=t.dtype)
    angles = math.pi * t[:, None] * k
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class Perceptron(nn.Module):
    """`depth` hidden layers of `width` units on features of a point and of the time.

    The features of the point are itself and the sines and cosines of 1, 2, 4, … times its
    coordinates, `octaves` of them: densities with sharp edges need steep fields near t = 1.
    """

    def __init__(self, dim: int, width: int, depth: int, frequencies: int, octaves: int) -> None:
        super().__init__()
        self.frequencies, self.octaves = frequencies, octaves
        sizes = [dim * (1 + 2 * octaves) + 2 * frequencies, *[width] * depth]
        layers = [
            layer
            for inputs, outputs in itertools.pairwise(sizes)
            for layer in (nn.Linear(inputs, outputs), nn.SiLU())
        ]
        self.layers = nn.Sequential(*layers, nn.Linear(width, dim))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Points x (B, D), t (B,) -> velocity (B, D)."""
        waves = torch.cat([x * 2**k for k in range(self.octaves)], dim=1)  # (B, D octaves)
        time = time_features(t, self.frequencies)
        return self.layers(torch.cat([x, waves.sin(), waves.cos(), time], dim=1))


class Block(nn.Module):
    """A residual block of two 3×3 convolutions; the time scales and shifts what lies between.

    The second convolution starts at zero, so that the block starts as the identity.
    """

    def __init__(self, channels: int, time_dim: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(1, channels), nn.GroupNorm(1, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = _zero(nn.Conv2d(channels, channels, 3, padding=1))
        self.time = nn.Linear(time_dim, 2 * channels)

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        """Features h (B, C, H, W), time (B, time_dim) -> (B, C, H, W)."""
        gain, shift = self.time(time)[:, :, None, None].chunk(2, dim=1)  # (B, C, 1, 1)
        inner = self.norm2(self.conv1(F.silu(self.norm1(h))))
        return h + self.conv2(F.silu(inner * (1 + gain) + shift))


class UNet(nn.Module):
    """Blocks at a half and a quarter of the resolution, joined by one skip connection.

    Args:
        channels: C of the images.
        width: channels at half resolution; there are twice as many at a quarter.
        depth: blocks at a quarter of the resolution.
        frequencies: of the features of the time.
    """

    def __init__(self, channels: int, width: int, depth: int, frequencies: int) -> None:
        super().__init__()
        self.frequencies, time_dim = frequencies, 4 * width
        self.time = nn.Sequential(
            nn.Linear(2 * frequencies, time_dim),
            nn.SiLU(),
            nn.Linear(time_dim, time_dim),
            nn.SiLU(),
        )
        self.enter = nn.Conv2d(4 * channels, width, 3, padding=1)
        self.encode = Block(width, time_dim)
        self.down = nn.Conv2d(4 * width, 2 * width, 1)
        self.middle = nn.ModuleList(Block(2 * width, time_dim) for _ in range(depth))
        self.up = nn.Conv2d(2 * width, 4 * width, 1)
        self.join = nn.Conv2d(2 * width, width, 1)
        self.decode = Block(width, time_dim)
        self.leave = _zero(nn.Conv2d(width, 4 * channels, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Images x (B, C, H, W), H and W multiples of 4, times t (B,) -> v (B, C, H, W)."""
        time = self.time(time_features(t, self.frequencies))  # (B, 4w); w is the width
        skip = self.encode(self.enter(F.pixel_unshuffle(x, 2)), time)  # (B, w, H/2, W/2)
        h = self.down(F.pixel_unshuffle(skip, 2))  # (B, 2w, H/4, W/4)
        for block in self.middle:
            h = block(h, time)
        h = F.pixel_shuffle(self.up(h), 2)  # (B, w, H/2, W/2)
        h = self.decode(self.join(torch.cat([h, skip], dim=1)), time)  # (B, w, H/2, W/2)
        return F.pixel_shuffle(self.leave(F.silu(h)), 2)  # (B, C, H, W)


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
