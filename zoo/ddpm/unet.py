"""The noise predictor ε_θ(x_t, t) of `model.py`: a small U-Net (DDPM section 4, appendix B).

Two resolutions instead of the paper's four, no attention, and pixels folded into channels at the
entrance, so that no convolution works at full resolution: what a processor without an accelerator
can train. As in the paper, every residual block is told the time by an added projection of its
sinusoidal embedding, and a skip connection joins the two sides.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def time_embedding(t: Tensor, dim: int) -> Tensor:
    """Sines and cosines of t at dim / 2 geometrically spaced frequencies, (B,) -> (B, dim)."""
    exponents = torch.arange(dim // 2, device=t.device) / (dim // 2)
    angles = t[:, None] * torch.exp(-math.log(10_000) * exponents)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around the time, added to the input.

    The second convolution starts at zero, so that the block starts as its skip connection.
    """

    def __init__(self, channels_in: int, channels_out: int, time_dim: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(1, channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.time = nn.Linear(time_dim, channels_out)
        self.norm2 = nn.GroupNorm(1, channels_out)
        self.conv2 = _zero(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        same = channels_in == channels_out
        self.skip = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Features (B, channels_in, H, W), time (B, time_dim) -> (B, channels_out, H, W)."""
        h = self.conv1(F.silu(self.norm1(x))) + self.time(time)[:, :, None, None]
        return self.skip(x) + self.conv2(F.silu(self.norm2(h)))


class UNet(nn.Module):
    """Residual blocks at a half and a quarter of the resolution, with one skip connection.

    Args:
        channels: C of the images.
        width: channels at half resolution; there are twice as many at a quarter.
        depth: residual blocks at a quarter of the resolution.
    """

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        self.width, time_dim = width, 4 * width
        self.time = nn.Sequential(
            nn.Linear(width, time_dim), nn.SiLU(), nn.Linear(time_dim, time_dim), nn.SiLU()
        )
        self.enter = nn.Conv2d(4 * channels, width, 3, padding=1)
        self.encode = ResidualBlock(width, width, time_dim)
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.middle = nn.ModuleList(
            ResidualBlock(2 * width, 2 * width, time_dim) for _ in range(depth)
        )
        self.up = nn.Conv2d(2 * width, 4 * width, 1)
        self.decode = ResidualBlock(2 * width, width, time_dim)
        self.norm = nn.GroupNorm(1, width)
        self.leave = _zero(nn.Conv2d(width, 4 * channels, 3, padding=1))

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Images x_t (B, C, H, W), H and W multiples of 4, times t (B,) -> ε_θ (B, C, H, W)."""
        time = self.time(time_embedding(t, self.width))  # (B, 4w); w is the width
        h = self.enter(F.pixel_unshuffle(x_t, 2))  # (B, w, H/2, W/2)
        skip = self.encode(h, time)  # (B, w, H/2, W/2)
        h = self.down(skip)  # (B, 2w, H/4, W/4)
        for block in self.middle:
            h = block(h, time)
        h = F.pixel_shuffle(self.up(h), 2)  # (B, w, H/2, W/2)
        h = self.decode(torch.cat([h, skip], dim=1), time)  # (B, w, H/2, W/2)
        return F.pixel_shuffle(self.leave(F.silu(self.norm(h))), 2)  # (B, C, H, W)


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
