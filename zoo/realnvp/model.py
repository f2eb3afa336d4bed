"""Real NVP: density estimation by real-valued non-volume preserving transformations.

Laurent Dinh, Jascha Sohl-Dickstein, Samy Bengio, arXiv 1605.08803. Where to find what:

- Eqs. 2-3, log p(x) = log p(z) + log |det dz/dx| with z = f(x): `RealNVP.log_prob`
- Eqs. 4-9, affine coupling y = b⊙x + (1 − b)⊙(x⊙exp(s(b⊙x)) + t(b⊙x)): `Coupling`
- Figure 3, the masks b and squeezing: `checkerboard_mask`, `channel_mask`, `squeeze`
- Eqs. 10-12, layers compose, masks alternate and log-determinants add up: `Scale`
- Eqs. 13-16, half of the variables leave at every scale: `RealNVP.forward`
- Section 4.1, the data are modelled after a logit: `Logit`

Train with `zoo train realnvp --recipe digits`; deviations from the paper are in README.md.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def checkerboard_mask(height: int, width: int, parity: int) -> Tensor:
    """Mask b (1, H, W) which is 1 where row + column + parity is odd (Figure 3, left)."""
    row, column = torch.arange(height)[:, None], torch.arange(width)
    return ((row + column + parity) % 2).float()[None]


def channel_mask(channels: int, parity: int) -> Tensor:
    """Mask b (C, 1, 1), 1 for the first half of the channels, or the second if `parity` is 1."""
    half = channels // 2
    b = torch.cat([torch.ones(half), torch.zeros(channels - half)])
    return (1 - b if parity else b)[:, None, None]


def squeeze(x: Tensor) -> Tensor:
    """Turn each 2×2 block of a channel into four channels: (B, C, H, W) → (B, 4C, H/2, W/2)."""
    return F.pixel_unshuffle(x, 2)


def unsqueeze(x: Tensor) -> Tensor:
    """Undo `squeeze`: (B, 4C, H/2, W/2) → (B, C, H, W)."""
    return F.pixel_shuffle(x, 2)


def sum_event(x: Tensor) -> Tensor:
    """Sum over all dimensions of each example: (B, …) → (B,)."""
    return x.flatten(1).sum(1)


class Logit(nn.Module):
    """From the unit cube to R^D: y = logit(α + (1 − 2α)u), one pixel at a time (section 4.1)."""

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Map u in [0, 1], (B, …), to y, (B, …), with log |det dy/du|, (B,)."""
        p = self.alpha + (1 - 2 * self.alpha) * u
        log_p, log_q = p.log(), (-p).log1p()
        # dy/du = (1 − 2α) / (p(1 − p))
        return log_p - log_q, sum_event(math.log(1 - 2 * self.alpha) - log_p - log_q)

    def inverse(self, y: Tensor) -> Tensor:
        """Map y back to u. Beyond the images of 0 and 1, which are finite, u leaves [0, 1]."""
        return (torch.sigmoid(y) - self.alpha) / (1 - 2 * self.alpha)


class ResidualBlock(nn.Module):
    """h + conv(relu(conv(relu(h)))), with as many feature maps out as in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        """Keep the shape, (B, width, H, W)."""
        return h + self.conv2(F.relu(self.conv1(F.relu(h))))


class ScaleTranslate(nn.Module):
    """The functions s and t of a coupling, one residual convolutional network for both.

    s is a hyperbolic tangent times a learned scale per channel, t is affine (section 4.1). The last
    layer starts at zero, so that every coupling starts as the identity. With `squeezed`, the
    network works on the squeezed grid, where a convolution costs a quarter.
    """

    def __init__(self, channels: int, width: int, blocks: int, squeezed: bool) -> None:
        super().__init__()
        self.squeezed = squeezed
        inner = 4 * channels if squeezed else channels
        self.first = nn.Conv2d(inner, width, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.last = nn.Conv2d(width, 2 * inner, 1)
        self.scale = nn.Parameter(torch.full((channels, 1, 1), 2.0))
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return s and t, each of the shape of x, (B, C, H, W)."""
        h = F.relu(self.blocks(self.first(squeeze(x) if self.squeezed else x)))
        # In bfloat16, t would be coarser than the narrow densities it has to place.
        with torch.autocast(x.device.type, enabled=False):
            s, t = self.last(h.to(x.dtype)).chunk(2, dim=1)
        if self.squeezed:
            s, t = unsqueeze(s), unsqueeze(t)
        return self.scale * torch.tanh(s), t


class Coupling(nn.Module):
    """Affine coupling (Eqs. 4-9): what the mask b keeps decides how the rest is changed."""

    b: Tensor

    def __init__(self, b: Tensor, net: ScaleTranslate) -> None:
        super().__init__()
        self.register_buffer("b", b, persistent=False)
        self.net = net

    def scale_translate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """s(b⊙x) and t(b⊙x) where b = 0, zero where b = 1; since b⊙y = b⊙x, y gives the same."""
        s, t = self.net(self.b * x)
        return (1 - self.b) * s, (1 - self.b) * t

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Eq. 9, and the log-determinant of its triangular Jacobian, the sum of s (Eq. 6)."""
        s, t = self.scale_translate(x)
        return x * s.exp() + t, sum_event(s)

    def inverse(self, y: Tensor) -> Tensor:
        """Eq. 8."""
        s, t = self.scale_translate(y)
        return (y - t) * (-s).exp()


class Scale(nn.Module):
    """The couplings of one scale (section 3.6): checkerboard, then squeeze, then channel-wise.

    The last scale has checkerboard couplings only and does not squeeze.
    """

    def __init__(
        self, shape: tuple[int, int, int], width: int, blocks: int, couplings: int, last: bool
    ) -> None:
        super().__init__()
        c, h, w = shape
        even = h % 2 == w % 2 == 0
        self.last = last
        self.checkerboard = nn.ModuleList(
            Coupling(checkerboard_mask(h, w, k % 2), ScaleTranslate(c, width, blocks, even))
            for k in range(couplings + last)
        )
        self.channelwise = nn.ModuleList(
            Coupling(channel_mask(4 * c, k % 2), ScaleTranslate(4 * c, width, blocks, False))
            for k in range(0 if last else couplings)
        )

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) → (B, 4C, H/2, W/2), or (B, C, H, W) in the last scale; log-det (B,)."""
        log_det = h.new_zeros(len(h))
        for coupling in self.checkerboard:
            h, term = coupling(h)
            log_det = log_det + term
        h = h if self.last else squeeze(h)
        for coupling in self.channelwise:
            h, term = coupling(h)
            log_det = log_det + term
        return h, log_det

    def inverse(self, h: Tensor) -> Tensor:
        """Undo `forward`."""
        for coupling in reversed(self.channelwise):
            h = coupling.inverse(h)
        h = h if self.last else unsqueeze(h)
        for coupling in reversed(self.checkerboard):
            h = coupling.inverse(h)
        return h


class RealNVP(nn.Module):
    """A density of images dequantised as u = (k + U)/levels, U uniform, which fill [0, 1]^(C×H×W).

    Its support is larger than that cube, by α/(1 − 2α) at both ends of each pixel, so that its
    integral over the cube is below 1: what lies outside counts as lost.

    Args:
        event_shape: (C, H, W); H and W divisible by 2 as often as there are scales after the first.
        scales: number of scales, the last one included.
        width: feature maps of the residual networks.
        blocks: residual blocks in each network.
        couplings: couplings of each kind at each scale; the last scale has one more, of one kind.
        alpha: margin of the logit.
    """

    def __init__(
        self,
        event_shape: tuple[int, int, int],
        *,
        scales: int,
        width: int,
        blocks: int,
        couplings: int = 3,
        alpha: float,
    ) -> None:
        super().__init__()
        self.event_shape = tuple(event_shape)
        self.logit = Logit(alpha)
        self.scales = nn.ModuleList()
        self.z_shapes: list[tuple[int, int, int]] = []  # of the variables that leave at each scale
        c, h, w = event_shape
        for i in range(scales):
            last = i == scales - 1
            self.scales.append(Scale((c, h, w), width, blocks, couplings, last))
            if not last:
                c, h, w = 2 * c, h // 2, w // 2  # half of the 4c channels
            self.z_shapes.append((c, h, w))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x (B, C, H, W) in [0, 1] to z (B, D) and log |det dz/dx| (B,), the logit's included.

        z lists the variables in the order in which they leave: (z^(1), …, z^(L)) of Eq. 16.
        """
        h, log_det = self.logit(x)
        left: list[Tensor] = []
        for scale in self.scales:
            h, term = scale(h)
            log_det = log_det + term
            if not scale.last:
                z, h = h.chunk(2, dim=1)  # Eq. 14
                left.append(z.flatten(1))
        return torch.cat([*left, h.flatten(1)], dim=1), log_det

    def inverse(self, z: Tensor) -> Tensor:
        """Map z (B, D) to x (B, C, H, W)."""
        parts = z.split([math.prod(shape) for shape in self.z_shapes], dim=1)
        left = [part.view(-1, *shape) for part, shape in zip(parts, self.z_shapes, strict=True)]
        h = self.scales[-1].inverse(left.pop())
        for scale in reversed(self.scales[:-1]):
            h = scale.inverse(torch.cat([left.pop(), h], dim=1))
        return self.logit.inverse(h)

    def base_log_prob(self, z: Tensor) -> Tensor:
        """Log-density of the standard normal prior over all D dimensions of z, nats, (B,)."""
        return -0.5 * sum_event(z.square() + math.log(2 * math.pi))

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of each x (B, C, H, W) in [0, 1] in nats, (B,) (Eqs. 2-3)."""
        z, log_det = self(x)
        return self.base_log_prob(z) + log_det

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n images (n, C, H, W): z from the prior, then x = f⁻¹(z) (section 3.1).

        The support is wider than the cube by a sliver for each pixel. Few pixels of a sample lie in
        theirs, but of many pixels some nearly always do; these are moved to 0 or 1.
        """
        weight = next(self.parameters())
        dim = math.prod(self.event_shape)
        device = generator.device if generator else weight.device
        z = torch.randn(n, dim, generator=generator, device=device, dtype=weight.dtype)
        return self.inverse(z.to(weight.device)).clamp(0, 1)
