"""Recipes for the energy-based model: how it is built and trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from zoo.core import recipes
from zoo.core.data import dequantize, levels_of, middle
from zoo.core.errors import ZooError
from zoo.core.loop import Loop
from zoo.core.noise import Noise
from zoo.ebm.model import EnergyModel


@dataclass(frozen=True, kw_only=True)
class Config(recipes.TrainingConfig):
    """Fields of an energy model's recipe.

    Attributes:
        event_shape: (C, H, W), cut from the middle of the data's images.
        width: channels of the convolutions.
        patch: side of the squares of pixels that the network takes as channels.
        step_size: λ of Langevin dynamics.
        noise_scale: σ of Langevin dynamics.
        chain_steps: K, Langevin steps per training step.
        sampling_steps: Langevin steps of a sample from noise.
        restart_rate: share of training chains that begin anew in uniform noise.
        buffer_size: samples in the replay buffer.
        penalty: α, weight of the squared energies.
    """

    event_shape: tuple[int, ...]
    width: int
    patch: int
    step_size: float = 20.0
    noise_scale: float = 0.005
    chain_steps: int = 20
    sampling_steps: int = 200
    restart_rate: float = 0.05
    buffer_size: int = 4096
    penalty: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(side % self.patch for side in self.event_shape[1:]):
            raise ZooError(f"event_shape: height and width must be multiples of {self.patch}")
        if not 0 <= self.restart_rate <= 1:
            raise ZooError("restart_rate must lie in [0, 1]")
        if min(self.step_size, self.noise_scale) <= 0 or self.penalty < 0:
            raise ZooError("step_size and noise_scale must be positive, penalty not negative")
        if self.buffer_size < self.batch_size:
            raise ZooError("buffer_size must be at least batch_size")


_DIGITS = Config(
    dataset="digits", event_shape=(1, 8, 8), width=32, patch=2, steps=1500, batch_size=32,
    sampling_steps=120, buffer_size=1024, learning_rate=1e-3, schedule="linear", ema_decay=0.99,
)  # fmt: skip
_MNIST = Config(
    dataset="mnist", event_shape=(1, 28, 28), width=32, patch=4, steps=5000, batch_size=32,
    learning_rate=1e-3, schedule="linear", ema_decay=0.99,
)  # fmt: skip

RECIPES: dict[str, Config] = {
    "tiny": Config(
        dataset="digits", event_shape=(1, 1, 2), width=4, patch=1, steps=100, batch_size=16,
        step_size=0.1, noise_scale=0.05, chain_steps=5, sampling_steps=40, buffer_size=64,
    ),
    "digits": _DIGITS,
    "digits-seed1": replace(_DIGITS, seed=1),
    "digits-seed2": replace(_DIGITS, seed=2),
    "mnist": _MNIST,
    "mnist-gpu": replace(
        _MNIST, width=128, steps=60_000, batch_size=128, chain_steps=60, learning_rate=3e-4,
        buffer_size=10_000, ema_decay=0.999,
    ),
}  # fmt: skip


class Task(recipes.Task):
    """Algorithm 1: chains go on from the buffer, one step on the loss, their ends are kept."""

    config: Config

    def build(self) -> EnergyModel:
        """A new energy with an empty buffer."""
        c = self.config
        return EnergyModel(
            c.event_shape, c.width, c.patch, c.step_size, c.noise_scale, c.penalty,
            c.sampling_steps, c.restart_rate, c.buffer_size,
        )  # fmt: skip

    def optimizers(self, model: nn.Module) -> dict[str, torch.optim.Optimizer]:
        """Adam without momentum (β1 = 0), as in the authors' code."""
        rate = self.config.learning_rate
        return {"model": torch.optim.Adam(model.parameters(), rate, betas=(0.0, 0.999), fused=True)}

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        """The middle of images, dequantised as (k + U)/levels."""
        grey = middle(batch, self.config.event_shape)
        return dequantize(grey, levels_of(self.config.dataset), noise.uniform(*grey.shape))

    def training_step(self, loop: Loop, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """Samples from chains of K steps, then one step of Adam on data against them."""
        model, n = loop.model, len(x)
        start, anew = model.start_chains(
            noise.uniform(n), noise.uniform(n), noise.uniform(*x.shape)
        )
        eps = noise.normal(n, self.config.chain_steps, *x.shape[1:])  # (B, K, C, H, W)
        x_model = model.langevin(start, eps.transpose(0, 1))
        # Every process keeps the samples of all, so that all buffers stay equal.
        every = loop.fabric.all_gather(x_model).flatten(0, 1) if loop.fabric else x_model
        model.store(every)
        with torch.no_grad():
            gap = model.energy(x_model).mean() - model.energy(x).mean()
        loss = model.loss(x, x_model)
        loop.minimise("model", loss)
        return {"loss": loss, "energy_gap": gap, "restarts": anew.float().mean()}
