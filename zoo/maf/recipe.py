"""Recipes for MAF: how it is built and trained, and on what."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor, nn

from zoo.core import recipes
from zoo.core.data import dequantize, is_binarized, levels_of, middle
from zoo.core.densities import DENSITIES
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.maf.model import MAF


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(recipes.TrainingConfig):
    """A MAF and its training.

    Attributes:
        event_shape: (C, H, W) of images, cut from the middle of the data's, or (2,) for points.
        layers: number of MADEs, their order reversed from one to the next.
        hidden: units of each hidden layer of each MADE.
        batch_norm: whether a batch normalisation stands before each MADE.
        margin: λ of the logit of images, in (0, 1/2).
        held_out: training examples at the end of the set that are not trained on.
        weight_decay: weight of the L2 penalty.
    """

    event_shape: tuple[int, ...]
    layers: int
    hidden: tuple[int, ...]
    batch_norm: bool = True
    margin: float = 1e-6
    held_out: int = 0
    weight_decay: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        if is_binarized(self.dataset):
            raise ZooError("a density has no use for two values: use dataset=digits or mnist")
        if min((self.layers, *self.hidden)) < 1 or math.prod(self.event_shape) < 2:
            raise ZooError("layers and hidden units must be at least 1, dimensions at least 2")
        if not 0 < self.margin < 0.5:
            raise ZooError("margin must lie strictly between 0 and 1/2")
        if self.held_out < 0 or self.weight_decay < 0:
            raise ZooError("held_out and weight_decay must not be negative")


class Task(recipes.Task):
    """Maximum likelihood, of images after a fresh uniform dequantisation at every step."""

    config: Config

    def build(self) -> MAF:
        """A new model; its masks depend on the configuration's seed alone."""
        c = self.config
        return MAF(
            c.event_shape,
            layers=c.layers,
            hidden=c.hidden,
            batch_norm=c.batch_norm,
            margin=None if c.dataset in DENSITIES else c.margin,
            seed=c.seed,
        )

    def optimizers(self, model: nn.Module) -> dict[str, torch.optim.Optimizer]:
        """Adam with an L2 penalty; fused, because the update is a large part of a small step."""
        c = self.config
        adam = torch.optim.Adam(
            model.parameters(), c.learning_rate, weight_decay=c.weight_decay, fused=True
        )
        return {"model": adam}

    def training_data(self) -> Tensor:
        """The data set without the examples held out."""
        data = super().training_data()
        return data[: len(data) - self.config.held_out]

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        """Images cut and dequantised, u = (k + U)/levels, (B, *event_shape); points as they are."""
        if self.config.dataset in DENSITIES:
            return batch
        batch = middle(batch, self.config.event_shape)
        return dequantize(batch, levels_of(self.config.dataset), noise.uniform(*batch.shape))

    def loss(self, model: MAF, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """Mean negative log-likelihood of the logits, of points of themselves; nats per example.

        The Jacobian of the logit is left out: it has no parameters.
        """
        return {"loss": -model.log_prob_in_logit_space(x).mean()}


RECIPES = {
    "tiny": Config(
        dataset="digits", event_shape=(1, 2, 3), layers=3, hidden=(12,), steps=20, batch_size=16
    ),
    "digits": Config(
        dataset="digits",
        event_shape=(1, 8, 8),
        layers=5,
        hidden=(128,),
        steps=3000,
        batch_size=100,
        learning_rate=1e-3,
        schedule="cosine",
    ),
    "mnist": Config(
        dataset="mnist",
        event_shape=(1, 28, 28),
        layers=5,
        hidden=(340,),
        steps=5_000,
        batch_size=100,
        learning_rate=1e-3,
        schedule="cosine",
        clip_norm=1.0,
        held_out=10_000,
    ),
    # The paper's size, for a GPU: its weights are too large to ship.
    "mnist-gpu": Config(
        dataset="mnist",
        event_shape=(1, 28, 28),
        layers=5,
        hidden=(1024, 1024),
        steps=50_000,
        batch_size=100,
        learning_rate=1e-4,
        clip_norm=10.0,
        held_out=10_000,
    ),
}
