"""Recipes for {{class}}: how it is built and trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from zoo.core import recipes
from zoo.core.data import middle
from zoo.core.noise import Noise
from zoo.{{name}}.model import {{class}}


@dataclass(frozen=True, kw_only=True)
class Config(recipes.TrainingConfig):
    """Fields of a {{class}} recipe.

    Attributes:
        event_shape: shape (C, H, W) of the model's images.
    """

    event_shape: tuple[int, ...]


RECIPES = {
    # Small enough to enumerate or to integrate over: conformance checks the mathematics here.
    "tiny": Config(dataset="{{dataset}}", event_shape=(1, 2, 3), steps=200, batch_size=64),
    # The embedded data: about a minute on two cores.
    "digits": Config(dataset="{{dataset}}", event_shape=(1, 8, 8), steps=1000, batch_size=100),
}


class Task(recipes.Task):
    """TODO: the paper's training algorithm in one sentence."""

    config: Config

    def build(self) -> {{class}}:
        """A new model."""
        return {{class}}(self.config.event_shape)

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        """Raw images uint8 (B, C, H, W) -> model input (B, *event_shape), cut from the middle."""
        return super().prepare(middle(batch, self.config.event_shape), noise)

    def loss(self, model: nn.Module, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """TODO: the objective and its equation, in nats per example, averaged over the batch."""
        raise NotImplementedError('TODO: return {"loss": the objective, and what is worth logging}')
