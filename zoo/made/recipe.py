"""Recipes for MADE: how it is built and trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.core import recipes
from zoo.core.data import is_binarized, middle
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.made.model import MADE


@dataclass(frozen=True, kw_only=True)
class Config(recipes.TrainingConfig):
    """Fields of a MADE recipe.

    Attributes:
        event_shape: shape (C, H, W) of the model's images, cut from the middle of the data's.
        hidden: units of each hidden layer.
        direct: whether inputs are connected directly to outputs as well.
        order: "natural" for raster scan under every mask, "random" for a permutation per mask.
        masks: number of masks that share the weights.
    """

    event_shape: tuple[int, ...]
    hidden: tuple[int, ...]
    direct: bool = True
    order: Literal["natural", "random"] = "natural"
    masks: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_binarized(self.dataset):
            raise ZooError("binary images only: use dataset=binarized-digits or binarized-mnist")
        if self.masks < 1 or min(self.hidden, default=1) < 1:
            raise ZooError("masks and the units of every hidden layer must be at least 1")


RECIPES = {
    "tiny": Config(
        dataset="binarized-digits",
        event_shape=(1, 2, 5),
        hidden=(24, 24),
        order="random",
        masks=3,
        steps=200,
        batch_size=64,
    ),
    "digits": Config(
        dataset="binarized-digits",
        event_shape=(1, 8, 8),
        hidden=(500,),
        steps=4000,
        batch_size=100,
        learning_rate=1e-3,
        schedule="cosine",
    ),
    "mnist": Config(
        dataset="binarized-mnist",
        event_shape=(1, 28, 28),
        hidden=(2000,),
        steps=24_000,
        batch_size=100,
        learning_rate=1e-3,
        schedule="cosine",
    ),
}


class Task(recipes.Task):
    """Maximum likelihood, with a fresh binarisation and one of the K masks at every step."""

    config: Config

    def build(self) -> MADE:
        """A new model; its masks depend on the configuration's seed alone."""
        c = self.config
        return MADE(c.event_shape, c.hidden, c.direct, c.order, c.masks, c.seed)

    def optimizers(self, model: nn.Module) -> dict[str, torch.optim.Optimizer]:
        """Adam; fused, because the update costs as much as a third of the rest otherwise."""
        return {
            "model": torch.optim.Adam(model.parameters(), self.config.learning_rate, fused=True)
        }

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        """A fresh binary draw of the middle of the images, (B, *event_shape)."""
        return super().prepare(middle(batch, self.config.event_shape), noise)

    def loss(self, model: MADE, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """Mean negative log-likelihood, nats per example, under one mask drawn for the batch."""
        # Not noise.integers: that would draw another mask in each process.
        k = int(torch.randint(model.n_masks, (), generator=noise.generator, device=noise.device))
        return {"loss": -model.log_prob_of_mask(x, k).mean()}
