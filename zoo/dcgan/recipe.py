"""How DCGAN is trained: Algorithm 1 of 1406.2661 with one update of D per update of G."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from zoo.core import recipes
from zoo.core.data import load_dataset
from zoo.core.errors import ZooError
from zoo.core.loop import Loop
from zoo.core.noise import Noise
from zoo.core.recipes import TrainingConfig
from zoo.dcgan.model import DCGAN, Objective

CLASSES = 10  # digits


@dataclass(frozen=True, kw_only=True)
class Config(TrainingConfig):
    """One experiment; a step is one update of the discriminator and one of the generator.

    Attributes:
        event_shape: shape of one example, (C, H, W).
        latent_dim: dimension of z.
        width: channels of the layers next to the image.
        stages: convolutions with stride in each network.
        conditional: whether both networks are told the digit.
        objective: of the generator, "non-saturating" or "minimax".
        learning_rate: step size of both optimisers, that of the paper.
    """

    event_shape: tuple[int, ...]
    latent_dim: int
    width: int
    stages: int = 2
    conditional: bool = False
    objective: Objective = "non-saturating"
    learning_rate: float = 2e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.objective not in get_args(Objective):
            raise ZooError(f"unknown objective '{self.objective}': use non-saturating or minimax")
        if min(self.width, self.latent_dim, self.stages) < 1:
            raise ZooError("width, latent_dim and stages must be at least 1")
        if any(side % 2**self.stages for side in self.event_shape[1:]):
            raise ZooError(f"event_shape: sides must be multiples of 2^stages, {2**self.stages}")


class Task(recipes.Task):
    """Algorithm 1."""

    config: Config

    def build(self) -> DCGAN:
        """Generator and discriminator with initial weights."""
        c = self.config
        classes = CLASSES if c.conditional else 0
        return DCGAN(c.event_shape, c.latent_dim, c.width, c.stages, classes, c.objective)

    def optimizers(self, model: DCGAN) -> dict[str, Optimizer]:
        """Adam with β1 = 0.5 for each network (1511.06434, Section 4)."""
        rate = self.config.learning_rate
        return {
            name: Adam(network.parameters(), lr=rate, betas=(0.5, 0.999))
            for name, network in (("critic", model.critic), ("generator", model.generator))
        }

    def training_data(self) -> Tensor:
        """Images, uint8 (N, C, H, W); with labels (N, 1 + C·H·W), the digit before its pixels."""
        data = load_dataset(self.config.dataset, "train")
        if not self.config.conditional:
            return data.images
        return torch.cat((data.labels[:, None].to(torch.uint8), data.images.flatten(1)), dim=1)

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        """Grey values in [0, 1], (B, C, H, W) or (B, 1 + C·H·W) with the digit before them."""
        if not self.config.conditional:
            return super().prepare(batch, noise)
        return torch.cat((batch[:, :1].float(), super().prepare(batch[:, 1:], noise)), dim=1)

    def training_step(self, loop: Loop, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """One update of D on data and samples, then one of G on other samples."""
        model, batch, labels = loop.model, len(x), None
        if self.config.conditional:
            labels, x = x[:, 0].long(), x[:, 1:].unflatten(1, self.config.event_shape)
        with loop.autocast():
            z = noise.normal(batch, model.latent_dim)
            critic_loss = model.critic_loss(x, z, labels=labels)
        loop.minimise("critic", critic_loss)
        with loop.autocast():
            z = noise.normal(batch, model.latent_dim)  # a new z
            generator_loss = model.generator_loss(z, labels)
        loop.minimise("generator", generator_loss)
        return {"critic_loss": critic_loss, "generator_loss": generator_loss}


_DIGITS = Config(
    dataset="digits", event_shape=(1, 8, 8), latent_dim=16, width=32, steps=2000, batch_size=64,
)  # fmt: skip
_MNIST = Config(
    dataset="mnist", event_shape=(1, 28, 28), latent_dim=100, width=32, steps=8000, batch_size=64,
    precision="bf16",
)  # fmt: skip
_MNIST_GPU = replace(_MNIST, width=128, steps=40_000, batch_size=128)

RECIPES: dict[str, Config] = {
    "tiny": Config(
        dataset="digits", event_shape=(1, 8, 8), latent_dim=4, width=4, steps=20, batch_size=16
    ),
    "digits": _DIGITS,
    "digits-conditional": replace(_DIGITS, conditional=True),
    "mnist": _MNIST,
    "mnist-conditional": replace(_MNIST, conditional=True, steps=7000),
    "mnist-gpu": _MNIST_GPU,
    "mnist-gpu-conditional": replace(_MNIST_GPU, conditional=True),
}
