"""Recipes for DDPM: how it is built and trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.core import recipes
from zoo.core.data import levels_of, middle
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.ddpm.model import DDPM
from zoo.ddpm.unet import UNet


@dataclass(frozen=True, kw_only=True)
class Config(recipes.TrainingConfig):
    """Fields of a DDPM recipe.

    Attributes:
        event_shape: shape (C, H, W) of the model's images, cut from the middle of the data's;
            H and W are multiples of 4.
        width: channels of the U-Net at half resolution.
        depth: residual blocks of the U-Net at a quarter of the resolution.
        timesteps: T.
        beta_first: β_1 of the linear schedule.
        beta_last: β_T of the linear schedule.
        sampling_steps: DDIM steps S that `sample` takes unless told otherwise; None: all T steps.
    """

    event_shape: tuple[int, ...]
    width: int = 32
    depth: int = 4
    timesteps: int = 1000
    beta_first: float = 1e-4
    beta_last: float = 0.02
    sampling_steps: int | None = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        _, height, width = self.event_shape
        if height % 4 or width % 4:
            raise ZooError(f"event_shape is {height}×{width}: both sides must be multiples of 4")
        if self.width < 2 or self.width % 2 or self.depth < 1:
            raise ZooError("width must be even and depth at least 1")
        if self.timesteps < 2 or not 1 <= (self.sampling_steps or 1) <= self.timesteps:
            raise ZooError("timesteps must be at least 2 and sampling_steps at most timesteps")


RECIPES = {
    "tiny": Config(
        dataset="digits",
        event_shape=(1, 4, 4),
        width=8,
        depth=1,
        timesteps=10,
        beta_first=0.01,
        beta_last=0.6,
        sampling_steps=None,
        steps=200,
        batch_size=64,
    ),
    "digits": Config(
        dataset="digits",
        event_shape=(1, 8, 8),
        steps=4000,
        batch_size=64,
        learning_rate=2e-3,
        warmup_steps=100,
        schedule="cosine",
        clip_norm=1.0,
        ema_decay=0.999,
    ),
    "mnist": Config(
        dataset="mnist",
        event_shape=(1, 28, 28),
        steps=22_000,
        batch_size=32,
        learning_rate=1.5e-3,
        warmup_steps=100,
        schedule="cosine",
        clip_norm=1.0,
        ema_decay=0.999,
        precision="bf16",
    ),
}


class Task(recipes.Task):
    """Algorithm 1: a gradient step on ‖ε − ε_θ(x_t, t)‖² for a random time per example."""

    config: Config

    def build(self) -> DDPM:
        """A new model."""
        c = self.config
        return DDPM(
            UNet(c.event_shape[0], c.width, c.depth),
            c.event_shape,
            levels_of(c.dataset),
            timesteps=c.timesteps,
            beta_first=c.beta_first,
            beta_last=c.beta_last,
            sampling_steps=c.sampling_steps,
        )

    def optimizers(self, model: nn.Module) -> dict[str, torch.optim.Optimizer]:
        """Adam; fused, because the update of many small tensors is slow otherwise."""
        return {
            "model": torch.optim.Adam(model.parameters(), self.config.learning_rate, fused=True)
        }

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        """The middle of the images in [0, 1], (B, *event_shape)."""
        return super().prepare(middle(batch, self.config.event_shape), noise)

    def loss(self, model: DDPM, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """L_simple (eq. 14) with t uniform in {1, …, T}."""
        t = noise.integers(1, model.timesteps + 1, len(x))
        return {"loss": model.loss(model.scale(x), t, noise.normal(*x.shape))}
