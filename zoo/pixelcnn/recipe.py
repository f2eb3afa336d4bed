"""Recipes for Gated PixelCNN: how it is built and trained, and on what."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.core import recipes
from zoo.core.data import is_binarized, load_dataset, middle
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.pixelcnn.model import PixelCNN

CLASSES = 10  # digits


@dataclass(frozen=True, kw_only=True)
class Config(recipes.TrainingConfig):
    """Fields of a PixelCNN recipe.

    Attributes:
        event_shape: shape (C, H, W) of the model's images, cut from the middle of the data's.
        width: channels of both stacks.
        layers: number of gated layers.
        kernel: size of the kernels, odd.
        first_kernel: size of the first layer's kernels, odd.
        conditional: whether the model is told the digit.
    """

    event_shape: tuple[int, ...]
    width: int
    layers: int
    kernel: int = 5
    first_kernel: int = 7
    conditional: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_binarized(self.dataset):
            raise ZooError("binary images only: use dataset=binarized-digits or binarized-mnist")
        if min(self.width, self.layers) < 1:
            raise ZooError("width and layers must be at least 1")
        if not (self.kernel % 2 and self.first_kernel % 2) or self.first_kernel < 3:
            raise ZooError("kernel and first_kernel must be odd, first_kernel at least 3")


_DIGITS = Config(
    dataset="binarized-digits",
    event_shape=(1, 8, 8),
    width=24,
    layers=4,
    kernel=3,
    first_kernel=5,
    steps=3000,
    batch_size=32,
    learning_rate=3e-3,
    schedule="cosine",
)
_MNIST = Config(
    dataset="binarized-mnist",
    event_shape=(1, 28, 28),
    width=32,
    layers=7,
    steps=7000,
    batch_size=16,
    learning_rate=3e-3,
    warmup_steps=50,
    schedule="cosine",
    clip_norm=1.0,
    precision="bf16",
)
_MNIST_GPU = dataclasses.replace(
    _MNIST,
    width=64,
    layers=12,
    steps=60_000,
    batch_size=64,
    learning_rate=1e-3,
    warmup_steps=500,
    ema_decay=0.9995,
)

RECIPES = {
    "tiny": Config(
        dataset="binarized-digits",
        event_shape=(1, 3, 4),
        width=6,
        layers=3,
        kernel=3,
        first_kernel=3,
        steps=100,
        batch_size=32,
    ),
    "digits": _DIGITS,
    "digits-conditional": dataclasses.replace(_DIGITS, conditional=True),
    "mnist": _MNIST,
    "mnist-conditional": dataclasses.replace(_MNIST, conditional=True),
    "mnist-gpu": _MNIST_GPU,
    "mnist-gpu-conditional": dataclasses.replace(_MNIST_GPU, conditional=True),
}


class Task(recipes.Task):
    """Maximum likelihood, with a fresh binarisation at every visit."""

    config: Config

    def build(self) -> PixelCNN:
        """A new model."""
        c = self.config
        classes = CLASSES if c.conditional else 0
        return PixelCNN(c.event_shape, c.width, c.layers, c.kernel, c.first_kernel, classes)

    def optimizers(self, model: nn.Module) -> dict[str, torch.optim.Optimizer]:
        """Adam."""
        adam = torch.optim.Adam(model.parameters(), self.config.learning_rate, fused=True)
        return {"model": adam}

    def training_data(self) -> Tensor:
        """Images, uint8 (N, 1, H, W); with labels (N, 1 + H·W), the digit before its pixels."""
        data = load_dataset(self.config.dataset, "train")
        if not self.config.conditional:
            return data.images
        return torch.cat((data.labels[:, None].to(torch.uint8), data.images.flatten(1)), dim=1)

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        """A fresh binary draw of the images' middle, (B, 1, H, W) or (B, 1 + H·W) as above."""
        if not self.config.conditional:
            return super().prepare(middle(batch, self.config.event_shape), noise)
        images = batch[:, 1:].unflatten(1, load_dataset(self.config.dataset, "train").event_shape)
        x = super().prepare(middle(images, self.config.event_shape), noise)
        return torch.cat((batch[:, :1].float(), x.flatten(1)), dim=1)

    def loss(self, model: PixelCNN, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """Mean negative log-likelihood of the images (given their digits), nats per image."""
        if not self.config.conditional:
            return {"loss": -model.log_prob(x).mean()}
        y, x = x[:, 0].long(), x[:, 1:].unflatten(1, self.config.event_shape)
        return {"loss": -model.log_prob(x, y).mean()}
