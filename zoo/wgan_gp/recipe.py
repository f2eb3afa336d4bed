"""How WGAN-GP is trained: Algorithm 1 of 1704.00028, and of 1701.07875 with `clipping`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

from torch import Tensor
from torch.optim import Adam, Optimizer, RMSprop

from zoo.core import recipes
from zoo.core.errors import ZooError
from zoo.core.loop import Loop
from zoo.core.noise import Noise
from zoo.core.recipes import TrainingConfig
from zoo.wgan_gp.model import PATCH, Lipschitz, WassersteinGAN


@dataclass(frozen=True, kw_only=True)
class Config(TrainingConfig):
    """One experiment; a step is one update of the generator.

    Attributes:
        event_shape: shape of one example, (C, H, W) or (D,).
        latent_dim: dimension of z.
        width: see `WassersteinGAN`.
        lipschitz: "penalty" (Adam, betas (0, 0.9)) or "clipping" (RMSProp).
        penalty_weight: λ of eq. (3).
        clip: c, the bound of the critic's weights with "clipping".
        n_critic: updates of the critic per update of the generator.
    """

    event_shape: tuple[int, ...]
    latent_dim: int
    width: int
    lipschitz: Lipschitz = "penalty"
    penalty_weight: float = 10.0
    clip: float = 0.01
    n_critic: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_critic < 1:
            raise ZooError("n_critic must be at least 1")
        if self.lipschitz not in get_args(Lipschitz):
            raise ZooError(f"unknown lipschitz '{self.lipschitz}': use penalty or clipping")
        if len(self.event_shape) == 3 and any(side % PATCH for side in self.event_shape[1:]):
            raise ZooError(f"event_shape: height and width must be multiples of {PATCH}")


class Task(recipes.Task):
    """Algorithm 1."""

    config: Config

    def build(self) -> WassersteinGAN:
        """Generator and critic with initial weights."""
        c = self.config
        return WassersteinGAN(
            c.event_shape, c.latent_dim, c.width, c.lipschitz, c.penalty_weight, c.clip
        )

    def optimizers(self, model: WassersteinGAN) -> dict[str, Optimizer]:
        """Adam without momentum for the penalty, RMSProp for clipping, as in the two papers."""
        networks = {"critic": model.critic, "generator": model.generator}
        rate = self.config.learning_rate
        if self.config.lipschitz == "clipping":
            return {name: RMSprop(net.parameters(), lr=rate) for name, net in networks.items()}
        return {
            name: Adam(net.parameters(), lr=rate, betas=(0.0, 0.9))
            for name, net in networks.items()
        }

    def training_step(self, loop: Loop, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """n_critic updates of the critic, each on new data and noise, then one of the generator."""
        model, batch = loop.model, len(x)
        for update in range(self.config.n_critic):  # lines 2–10
            if update > 0:
                x, noise = loop.next_batch()
            z, alpha = noise.normal(batch, model.latent_dim), noise.uniform(batch)
            critic_loss = model.critic_loss(x, z, alpha)
            loop.minimise("critic", critic_loss)
            if self.config.lipschitz == "clipping":
                model.clip_critic()
        generator_loss = model.generator_loss(noise.normal(batch, model.latent_dim))  # a new z
        loop.minimise("generator", generator_loss)  # lines 11–12
        return {"critic_loss": critic_loss, "generator_loss": generator_loss}


_GRID = Config(
    dataset="grid25", event_shape=(2,), latent_dim=2, width=128, steps=8000, batch_size=256,
    penalty_weight=0.1, learning_rate=2e-3, schedule="linear", ema_decay=0.999,
)  # fmt: skip
_MNIST = Config(
    dataset="mnist", event_shape=(1, 28, 28), latent_dim=64, width=32, steps=10_000, batch_size=64,
    learning_rate=2e-3, schedule="linear", ema_decay=0.999,
)  # fmt: skip

RECIPES: dict[str, Config] = {
    "tiny": Config(
        dataset="digits", event_shape=(1, 8, 8), latent_dim=4, width=4, steps=20, batch_size=16
    ),
    "digits": Config(
        dataset="digits", event_shape=(1, 8, 8), latent_dim=16, width=32, steps=1500,
        batch_size=64, learning_rate=2e-3, schedule="linear", ema_decay=0.999,
    ),
    "grid25": _GRID,
    "grid25-clip": replace(_GRID, lipschitz="clipping", learning_rate=1e-3),
    "mnist": _MNIST,
    "mnist-clip": replace(_MNIST, lipschitz="clipping", learning_rate=1e-3),
}  # fmt: skip
