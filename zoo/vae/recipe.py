"""Recipes for the variational autoencoder: how it is built and trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.core import recipes
from zoo.core.data import is_binarized, middle
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.vae.model import VAE


@dataclass(frozen=True, kw_only=True)
class Config(recipes.TrainingConfig):
    """Fields of a VAE recipe.

    Attributes:
        event_shape: shape (C, H, W) of the model's images, cut from the middle of the data's.
        latent_dim: number of latent dimensions.
        hidden: hidden units in the encoder and in the decoder.
        units: what the hidden units are; "tanh", as in the paper, is for comparison.
    """

    event_shape: tuple[int, ...]
    latent_dim: int
    hidden: int
    units: Literal["relu", "tanh"] = "relu"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_binarized(self.dataset):
            raise ZooError("binary images only: use dataset=binarized-digits or binarized-mnist")
        if self.latent_dim < 1 or self.hidden < 1:
            raise ZooError("latent_dim and hidden must be at least 1")


RECIPES = {
    "tiny": Config(
        dataset="binarized-digits",
        event_shape=(1, 2, 3),
        latent_dim=2,
        hidden=16,
        steps=200,
        batch_size=64,
    ),
    "digits": Config(
        dataset="binarized-digits",
        event_shape=(1, 8, 8),
        latent_dim=8,
        hidden=200,
        steps=4000,
        batch_size=100,
        learning_rate=1e-3,
        schedule="cosine",
    ),
    "mnist": Config(
        dataset="binarized-mnist",
        event_shape=(1, 28, 28),
        latent_dim=20,
        hidden=500,
        steps=60_000,
        batch_size=100,
        learning_rate=1e-3,
        schedule="cosine",
    ),
}


class Task(recipes.Task):
    """Algorithm 1 of the paper: ascend the bound of a minibatch with one draw of ε per example."""

    config: Config

    def build(self) -> VAE:
        """A new model."""
        c = self.config
        return VAE(c.event_shape, c.latent_dim, c.hidden, c.units)

    def optimizers(self, model: nn.Module) -> dict[str, torch.optim.Optimizer]:
        """Adam; fused, because the update costs as much as a third of the rest otherwise."""
        return {
            "model": torch.optim.Adam(model.parameters(), self.config.learning_rate, fused=True)
        }

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        """A fresh binary draw of the middle of the images, (B, *event_shape)."""
        return super().prepare(middle(batch, self.config.event_shape), noise)

    def loss(self, model: VAE, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """−L of equation (10) in nats per example, averaged over the batch, and its two terms."""
        log_likelihood, kl = model.elbo_terms(x, noise.normal(len(x), model.latent_dim))
        return {
            "loss": (kl - log_likelihood).mean(),
            "reconstruction": -log_likelihood.mean(),
            "kl": kl.mean(),
        }
