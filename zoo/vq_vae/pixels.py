"""The decoder's likelihood: independent grey values, each a mixture of discretised logistics."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LOG_SCALE_MIN = -7.0  # a scale of an eighth of a grey value in 256


class GreyPixels:
    """p(x | z) of grey images x = k/(L − 1), k = 0 … L − 1; pixels are independent given z.

    On the scale y = 2x − 1 a grey value is the cell y ± 1/(L − 1) of a mixture of logistic
    variables; the cells of the two extreme values take the tails. The probabilities of the L values
    sum to one, and those of bits per dimension need nothing subtracted.

    Args:
        raw: for each of M components the logit of its weight, its mean on the scale of y and the
            logarithm of its scale, (B, 3M·C, H, W).
        channels: C.
        levels: L.
    """

    def __init__(self, raw: Tensor, channels: int, levels: int) -> None:
        logits, self.means, log_scales = raw.unflatten(1, (3, -1, channels)).unbind(1)
        self.log_weights = logits.log_softmax(1)  # (B, M, C, H, W)
        self.scales = log_scales.clamp(min=LOG_SCALE_MIN).exp()
        self.levels = levels

    @property
    def batch_shape(self) -> torch.Size:
        """(B,)."""
        return self.means.shape[:1]

    @property
    def event_shape(self) -> torch.Size:
        """(C, H, W)."""
        return self.means.shape[2:]

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probability of images (B, C, H, W), summed over pixels, nats, (B,).

        With a and b the standardised upper and lower edge of the cell,
        ln(σ(a) − σ(b)) = ln σ(a) + ln σ(−b) + ln(1 − e^(b − a)), which loses no digits.

        Raises:
            ValueError: x is not on the grid k/(L − 1), of which alone this is a probability.
        """
        k = x * (self.levels - 1)
        whole = k.round()
        if (k - whole).abs().max() > 0.01 or whole.min() < 0 or whole.max() >= self.levels:
            raise ValueError(f"grey values k/{self.levels - 1} are needed, k = 0 … L − 1")
        half = 1 / (self.levels - 1)  # of a cell's width, on the scale of y
        y = (2 * half * whole - 1)[:, None]  # (B, 1, C, H, W)
        a = (y + half - self.means) / self.scales  # (B, M, C, H, W)
        width = 2 * half / self.scales
        lowest, highest = (whole == 0)[:, None], (whole == self.levels - 1)[:, None]
        below_top = F.logsigmoid(a).masked_fill(highest, 0.0)
        above_bottom = F.logsigmoid(width - a).masked_fill(lowest, 0.0)
        inside = torch.log(-torch.expm1(-width)).masked_fill(lowest | highest, 0.0)
        mixture = self.log_weights + below_top + above_bottom + inside
        return mixture.logsumexp(1).flatten(1).sum(1)

    @property
    def mean(self) -> Tensor:
        """E[x | z], (B, C, H, W): the sum over j = 1 … L − 1 of P(k ≥ j), divided by L − 1."""
        weights, total = self.log_weights.exp(), torch.zeros_like(self.means)
        for j in range(1, self.levels):
            edge = (2 * j - 1) / (self.levels - 1) - 1  # between j − 1 and j
            total += torch.sigmoid((self.means - edge) / self.scales)
        return (weights * total).sum(1) / (self.levels - 1)

    @torch.no_grad()
    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One draw of the images, (B, C, H, W), on the grid k/(L − 1)."""
        place = self.means
        on = generator.device if generator else place.device
        shape = (len(place), *self.event_shape)
        pick, u = torch.rand(2, *shape, generator=generator, device=on).to(place)
        cumulative = self.log_weights.exp().cumsum(1)[:, :-1]  # (B, M − 1, C, H, W)
        m = (pick[:, None] >= cumulative).sum(1, keepdim=True)  # component of each pixel
        means, scales = self.means.gather(1, m)[:, 0], self.scales.gather(1, m)[:, 0]
        y = means + scales * torch.logit(u, eps=1e-7)
        return ((y + 1) / 2 * (self.levels - 1)).round().clamp(0, self.levels - 1) / (
            self.levels - 1
        )
