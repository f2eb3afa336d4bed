"""Recipes for NCSN: how a score network is built and trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from zoo.core import recipes
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.ncsn.model import NCSN
from zoo.ncsn.networks import Perceptron, UNet


@dataclass(frozen=True, kw_only=True)
class Config(recipes.TrainingConfig):
    """Fields of an NCSN recipe.

    Attributes:
        event_shape: (D,) for points; (C, H, W) for images, H and W multiples of 4.
        width: units of the perceptron's hidden layers; channels of the U-Net at half resolution.
        depth: hidden layers of the perceptron; blocks of the U-Net at a quarter of the resolution.
        sigma_first: σ_1, the largest noise.
        sigma_last: σ_L, the smallest noise.
        levels: L, the number of noise levels.
        langevin_steps: T, the sampler's steps at each level.
        epsilon: ε, the sampler's step size at the last level.
        start: ends of the interval on which samples start, uniformly.
    """

    event_shape: tuple[int, ...]
    width: int
    depth: int
    sigma_first: float = 1.0
    sigma_last: float = 0.01
    levels: int = 10
    langevin_steps: int = 100
    epsilon: float = 2e-5
    start: tuple[float, ...] = (0.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.event_shape) == 3 and any(side % 4 for side in self.event_shape[1:]):
            raise ZooError(f"event_shape {self.event_shape}: both sides must be multiples of 4")
        if min(self.width, self.depth, self.langevin_steps) < 1 or self.levels < 2:
            raise ZooError("width, depth and langevin_steps must be at least 1, levels at least 2")
        if not 0 < self.sigma_last < self.sigma_first:
            raise ZooError("sigma_last must be positive and less than sigma_first")
        if not 0 < self.epsilon < 4 * self.sigma_last**2:
            raise ZooError("epsilon must lie between 0 and 4 sigma_last², where steps diverge")
        if len(self.start) != 2 or not self.start[0] < self.start[1]:
            raise ZooError("start must be two numbers, the smaller first")


_POINTS = Config(
    dataset="two-modes", event_shape=(2,), width=128, depth=3, steps=10_000, batch_size=512,
    learning_rate=2e-3, warmup_steps=200, schedule="cosine", ema_decay=0.999,
    sigma_first=20.0, sigma_last=1.0, langevin_steps=100, epsilon=0.1, start=(-8.0, 8.0),
)  # fmt: skip
_DIGITS = Config(
    dataset="digits", event_shape=(1, 8, 8), width=32, depth=3, steps=3000, batch_size=64,
    learning_rate=2e-3, warmup_steps=100, schedule="cosine", clip_norm=1000.0, ema_decay=0.999,
    langevin_steps=10, epsilon=4e-5,
)  # fmt: skip
_MNIST = Config(
    dataset="mnist", event_shape=(1, 28, 28), width=16, depth=4, steps=5000, batch_size=64,
    learning_rate=2e-3, warmup_steps=100, schedule="cosine", clip_norm=1000.0, ema_decay=0.999,
    precision="bf16", langevin_steps=8, epsilon=8e-5,
)  # fmt: skip

RECIPES: dict[str, Config] = {
    "tiny": replace(
        _POINTS, width=8, depth=2, steps=200, batch_size=64, sigma_first=4.0, sigma_last=0.5,
        levels=4, langevin_steps=3, epsilon=0.1, start=(-2.0, 3.0),
    ),
    "digits": _DIGITS,
    "two-modes": _POINTS,
    "mnist": _MNIST,
    "mnist-gpu": replace(
        _MNIST, width=128, depth=6, steps=200_000, batch_size=128, learning_rate=1e-3,
        langevin_steps=100, epsilon=2e-5, ema_decay=0.9999,
    ),
}  # fmt: skip


class Task(recipes.Task):
    """A gradient step on the weighted denoising score matching loss, a level for each example."""

    config: Config

    def build(self) -> NCSN:
        """A new model."""
        c = self.config
        images = len(c.event_shape) == 3
        network: nn.Module = (UNet if images else Perceptron)(
            c.event_shape[0], c.width, c.depth, c.levels
        )
        return NCSN(
            network, c.event_shape, c.sigma_first, c.sigma_last, c.levels, c.langevin_steps,
            c.epsilon, c.start,
        )  # fmt: skip

    def optimizers(self, model: nn.Module) -> dict[str, torch.optim.Optimizer]:
        """Fused Adam: a step over many small tensors is slow otherwise."""
        return {
            "model": torch.optim.Adam(model.parameters(), self.config.learning_rate, fused=True)
        }

    def loss(self, model: NCSN, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """Eq. 6 as a mean over the batch: a level and fresh noise for each example."""
        level = noise.integers(0, self.config.levels, len(x))
        return {"loss": model.loss(x, model.sigmas[level], noise.normal(*x.shape))}
