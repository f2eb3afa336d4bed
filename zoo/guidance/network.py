"""The noise predictor ε_θ(x_t, t, c) of `model.py`: the U-Net of `zoo.ddpm`, told a label, too.

The label's embedding joins that of the time, which every residual block is told. The null label ∅
is an embedding of its own, learned like the others.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.ddpm.unet import UNet, time_embedding


class LabelledUNet(UNet):
    """`zoo.ddpm.unet.UNet` with a label.

    Args:
        channels: C of the images.
        width: channels at half resolution; there are twice as many at a quarter.
        depth: residual blocks at a quarter of the resolution.
        labels: number of labels, ∅ among them.
    """

    def __init__(self, channels: int, width: int, depth: int, labels: int) -> None:
        super().__init__(channels, width, depth)
        self.label = nn.Embedding(labels, 4 * width)

    def forward(self, x_t: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        """Images x_t (B, C, H, W), times t (B,), labels (B,) int64 -> ε_θ (B, C, H, W)."""
        told = self.time(time_embedding(t, self.width)) + self.label(labels)  # (B, 4w)
        h = self.enter(F.pixel_unshuffle(x_t, 2))  # (B, w, H/2, W/2); w is the width
        skip = self.encode(h, told)  # (B, w, H/2, W/2)
        h = self.down(skip)  # (B, 2w, H/4, W/4)
        for block in self.middle:
            h = block(h, told)
        h = F.pixel_shuffle(self.up(h), 2)  # (B, w, H/2, W/2)
        h = self.decode(torch.cat([h, skip], dim=1), told)  # (B, w, H/2, W/2)
        return F.pixel_shuffle(self.leave(F.silu(self.norm(h))), 2)  # (B, C, H, W)
