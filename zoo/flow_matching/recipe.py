"""Recipes for flow matching and reflow: how a flow is built and trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from zoo.core import recipes
from zoo.core.data import dequantize, levels_of, middle
from zoo.core.errors import ZooError, nearest
from zoo.core.noise import Noise
from zoo.core.registry import get_entry
from zoo.flow_matching.model import SOLVERS, FlowMatching
from zoo.flow_matching.networks import Perceptron, UNet

COUPLE_BATCH = 5000


@dataclass(frozen=True, kw_only=True)
class Config(recipes.TrainingConfig):
    """Fields of a flow-matching recipe.

    Attributes:
        event_shape: (D,) for points; (C, H, W) for images, cut from the middle of the data's, H and
            W multiples of 4.
        width: units of the perceptron's hidden layers; channels of the U-Net at half resolution.
        depth: hidden layers of the perceptron; blocks of the U-Net at a quarter of the resolution.
        frequencies: of the features of the time.
        octaves: of the features of a point.
        sigma_min: σ_min; 0 makes it a rectified flow.
        solver: "euler", "midpoint" or "rk4".
        solver_steps: equal steps of the solver.
        reflow_of: recipe whose shipped flow makes the pairs to train on; None: noise and data are
            drawn independently.
        pairs: number of those pairs.
    """

    event_shape: tuple[int, ...]
    width: int
    depth: int
    frequencies: int = 16
    octaves: int = 3
    sigma_min: float = 1e-4
    solver: str = "rk4"
    solver_steps: int = 25
    reflow_of: str | None = None
    pairs: int = 50_000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.solver not in SOLVERS:
            raise ZooError(f"unknown solver '{self.solver}': {nearest(self.solver, SOLVERS)}")
        if len(self.event_shape) == 3 and any(side % 4 for side in self.event_shape[1:]):
            raise ZooError(f"event_shape {self.event_shape}: both sides must be multiples of 4")
        if not 0 <= self.sigma_min < 1:
            raise ZooError("sigma_min must lie in [0, 1)")
        if min(self.width, self.depth, self.frequencies, self.solver_steps, self.pairs) < 1:
            raise ZooError("width, depth, frequencies, solver_steps and pairs must be at least 1")


_CHECKERBOARD = Config(
    dataset="checkerboard", event_shape=(2,), width=256, depth=3, steps=24_000, batch_size=512,
    learning_rate=2e-3, warmup_steps=200, schedule="cosine", ema_decay=0.999,
)  # fmt: skip
_DIGITS = Config(
    dataset="digits", event_shape=(1, 8, 8), width=32, depth=3, steps=3000, batch_size=64,
    learning_rate=2e-3, warmup_steps=100, schedule="cosine", clip_norm=1.0, ema_decay=0.999,
    solver="midpoint", solver_steps=20,
)  # fmt: skip
_MNIST = Config(
    dataset="mnist", event_shape=(1, 28, 28), width=32, depth=4, steps=12_000, batch_size=64,
    learning_rate=2e-3, warmup_steps=100, schedule="cosine", clip_norm=1.0, ema_decay=0.999,
    precision="bf16", solver="midpoint", solver_steps=12,
)  # fmt: skip

RECIPES: dict[str, Config] = {
    "tiny": Config(
        dataset="checkerboard", event_shape=(2,), width=8, depth=2, frequencies=1, octaves=1,
        steps=200, batch_size=64, solver_steps=10,
    ),
    "digits": _DIGITS,
    "checkerboard": _CHECKERBOARD,
    "checkerboard-reflow": replace(
        _CHECKERBOARD, sigma_min=0.0, reflow_of="checkerboard", steps=10_000
    ),
    "mnist": _MNIST,
    "mnist-gpu": replace(
        _MNIST, width=64, steps=100_000, batch_size=256, learning_rate=5e-4, ema_decay=0.9999,
    ),
}  # fmt: skip


class Task(recipes.Task):
    """A gradient step on the conditional flow matching loss (FM eq. 23) at a random time each."""

    config: Config

    def build(self) -> FlowMatching:
        """A new flow."""
        c = self.config
        size = c.event_shape[0], c.width, c.depth, c.frequencies
        network = UNet(*size) if len(c.event_shape) == 3 else Perceptron(*size, c.octaves)
        return FlowMatching(network, c.event_shape, c.sigma_min, c.solver, c.solver_steps)

    def optimizers(self, model: nn.Module) -> dict[str, torch.optim.Optimizer]:
        """Adam; fused, because the update of many small tensors is slow otherwise."""
        return {
            "model": torch.optim.Adam(model.parameters(), self.config.learning_rate, fused=True)
        }

    def training_data(self) -> Tensor:
        """The data set, or pairs (N, 2, *event_shape) of one and the same flow as shipped."""
        if self.config.reflow_of is None:
            return super().training_data()
        teacher = get_entry("flow_matching").load(self.config.reflow_of)
        generator = torch.Generator().manual_seed(self.config.seed)
        sizes = [
            min(COUPLE_BATCH, self.config.pairs - start)
            for start in range(0, self.config.pairs, COUPLE_BATCH)
        ]
        return torch.cat([torch.stack(teacher.couple(n, generator), 1) for n in sizes])

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        """The middle of images, dequantised as (k + U)/levels; points and pairs as they are."""
        if batch.dtype != torch.uint8:
            return batch
        grey = middle(batch, self.config.event_shape)
        return dequantize(grey, levels_of(self.config.dataset), noise.uniform(*grey.shape))

    def loss(self, model: FlowMatching, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """L_CFM with t uniform on [0, 1]; x0 is fresh noise, or in a reflow the partner of x1."""
        if self.config.reflow_of is None:
            x0, x1 = noise.normal(*x.shape), model.scale(x)
        else:
            x0, x1 = x.unbind(1)
        return {"loss": model.loss(x0, x1, noise.uniform(len(x)))}
