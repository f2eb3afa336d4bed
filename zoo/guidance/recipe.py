"""Recipes for guidance: how the guided diffusion is built and trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from zoo.core.data import levels_of, load_dataset
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.ddpm import recipe as ddpm
from zoo.guidance.model import GuidedDDPM
from zoo.guidance.network import LabelledUNet

CLASSES = 10  # of the digits, in both data sets


@dataclass(frozen=True, kw_only=True)
class Config(ddpm.Config):
    """Fields of a guidance recipe, besides those of the diffusion.

    Attributes:
        sampling_steps: DDIM steps S that `sample` takes unless told otherwise; None: all T steps.
        p_uncond: probability with which a training example loses its class.
        weight: guidance weight w of samples.
    """

    sampling_steps: int | None = 25
    p_uncond: float = 0.1
    weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.p_uncond < 1:
            raise ZooError("p_uncond must lie in (0, 1): both models are needed")


_DIGITS = Config(
    dataset="digits", event_shape=(1, 8, 8), steps=4000, batch_size=64, learning_rate=2e-3,
    warmup_steps=100, schedule="cosine", clip_norm=1.0, ema_decay=0.999,
)  # fmt: skip
_MNIST = replace(_DIGITS, dataset="mnist", event_shape=(1, 28, 28), steps=14_000, precision="bf16")

RECIPES: dict[str, Config] = {
    "tiny": Config(
        dataset="digits", event_shape=(1, 4, 4), width=8, depth=1, timesteps=10, beta_first=0.01,
        beta_last=0.6, sampling_steps=None, steps=200, batch_size=64,
    ),
    "digits": _DIGITS,
    "mnist": _MNIST,
    "mnist-gpu": replace(
        _MNIST, width=64, steps=100_000, batch_size=256, learning_rate=5e-4, ema_decay=0.9999,
        sampling_steps=100,
    ),
}  # fmt: skip


class Task(ddpm.Task):
    """Algorithm 1: a gradient step on ‖ε − ε_θ(x_t, c)‖², the class dropped now and then."""

    config: Config

    def build(self) -> GuidedDDPM:
        """A new model."""
        c = self.config
        return GuidedDDPM(
            LabelledUNet(c.event_shape[0], c.width, c.depth, CLASSES + 1),
            c.event_shape,
            levels_of(c.dataset),
            CLASSES,
            c.p_uncond,
            c.weight,
            timesteps=c.timesteps,
            beta_first=c.beta_first,
            beta_last=c.beta_last,
            sampling_steps=c.sampling_steps,
        )

    def training_data(self) -> Tensor:
        """Rows of pixels with the label behind them, uint8 (N, C·H·W + 1)."""
        data = load_dataset(self.config.dataset, "train")
        return torch.cat([data.images.flatten(1), data.labels[:, None].to(torch.uint8)], 1)

    def prepare(self, batch: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """The middle of the images in [0, 1], (B, *event_shape), and their labels (B,)."""
        shape = load_dataset(self.config.dataset, "train").event_shape
        images = batch[:, :-1].view(-1, *shape)
        return super().prepare(images, noise), batch[:, -1].long()

    def loss(self, model: GuidedDDPM, x: tuple[Tensor, Tensor], noise: Noise) -> dict[str, Tensor]:
        """The loss of Algorithm 1 with t uniform in {1, …, T}, and each class dropped or kept."""
        x0, labels = x
        t = noise.integers(1, model.timesteps + 1, len(x0))
        labels = model.drop(labels, noise.uniform(len(x0)))
        return {"loss": model.loss_given(model.scale(x0), t, noise.normal(*x0.shape), labels)}
