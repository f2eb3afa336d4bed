"""Configurations and training task of Real NVP."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from zoo.core import recipes
from zoo.core.data import dequantize, levels_of, middle
from zoo.core.errors import ZooError
from zoo.core.metrics.likelihood import bits_per_dim
from zoo.core.noise import Noise
from zoo.core.recipes import TrainingConfig
from zoo.realnvp.model import RealNVP


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TrainingConfig):
    """A Real NVP and its training.

    Attributes:
        side: side of the square grey images; larger ones are cropped at their centre.
        scales: number of scales; the side is halved after each but the last.
        width: feature maps of the coupling networks.
        blocks: residual blocks of each coupling network.
        couplings: couplings of each kind (checkerboard, channel-wise) at each scale.
        alpha: margin of the logit, in (0, 1/2).
    """

    side: int
    scales: int
    width: int
    blocks: int
    couplings: int = 3
    alpha: float = 0.001

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.scales, self.width, self.blocks, self.couplings) < 1:
            raise ZooError("scales, width, blocks and couplings must be at least 1")
        if self.side % 2 ** (self.scales - 1):
            raise ZooError(f"side {self.side} cannot be halved {self.scales - 1} times")
        if not 0 < self.alpha < 0.5:
            raise ZooError("alpha must lie strictly between 0 and 1/2")


class Task(recipes.Task):
    """Maximum likelihood on uniformly dequantised images."""

    config: Config

    def build(self) -> RealNVP:
        """A model that is the identity after the logit."""
        c = self.config
        model = RealNVP(
            (1, c.side, c.side),
            scales=c.scales,
            width=c.width,
            blocks=c.blocks,
            couplings=c.couplings,
            alpha=c.alpha,
        )
        return model.to(memory_format=torch.channels_last)  # the fastest layout for convolutions

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        """Cut from the middle and dequantised: u = (k + U)/levels, (B, 1, side, side)."""
        batch = middle(batch, (1, self.config.side, self.config.side))
        return dequantize(batch, levels_of(self.config.dataset), noise.uniform(*batch.shape))

    def loss(self, model: RealNVP, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """Negative log-likelihood in bits per dimension of the grey values."""
        log_prob = model.log_prob(x).mean()
        return {"loss": bits_per_dim(log_prob, x[0].numel(), levels_of(self.config.dataset))}


RECIPES = {
    "tiny": Config(
        dataset="digits", steps=20, batch_size=16, side=4, scales=2, width=4, blocks=1, couplings=2
    ),
    "digits": Config(
        dataset="digits",
        steps=1500,
        batch_size=32,
        learning_rate=3e-3,
        warmup_steps=100,
        schedule="cosine",
        clip_norm=1.0,
        ema_decay=0.99,
        side=8,
        scales=2,
        width=32,
        blocks=1,
    ),
    "mnist": Config(
        dataset="mnist",
        steps=29_500,
        batch_size=32,
        learning_rate=3e-3,
        warmup_steps=200,
        schedule="linear",
        decay_steps=9_500,
        clip_norm=1.0,
        ema_decay=0.999,
        precision="bf16",
        side=28,
        scales=3,
        width=32,
        blocks=1,
    ),
}
