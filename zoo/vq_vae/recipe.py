"""Recipes for the VQ-VAE: how it is built and trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from zoo.core import recipes
from zoo.core.data import is_binarized, levels_of, middle, scale
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.core.registry import get_entry
from zoo.vq_vae.model import VQVAE
from zoo.vq_vae.prior import CodePrior

if TYPE_CHECKING:
    from zoo.core.loop import Loop

ENCODE_BATCH = 1000
EMBEDDING = 16  # channels of a code in the prior


@dataclass(frozen=True, kw_only=True)
class Config(recipes.TrainingConfig):
    """Fields of a VQ-VAE recipe.

    Attributes:
        event_shape: (C, H, W), cut from the middle of the data's.
        codes: number K of vectors in the codebook.
        code_dim: dimension D of a vector.
        width: channels of the encoder and the decoder.
        halvings: how often the encoder halves H and W.
        components: logistic components of a pixel.
        commitment: β.
        restart_every: steps between two restarts of unused codes, over the first half of the run.
        prior_layers: gated layers of the prior; 0: uniform prior.
        prior_width: channels of the prior's stacks.
        codes_of: recipe whose shipped autoencoder is kept as it is, so that only the prior is
            trained, on its codes; None: the autoencoder is trained, and the prior with it.
    """

    event_shape: tuple[int, ...]
    codes: int
    code_dim: int
    width: int
    halvings: int
    components: int = 4
    commitment: float = 0.25
    restart_every: int = 100
    prior_layers: int = 0
    prior_width: int = 32
    codes_of: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if is_binarized(self.dataset):
            raise ZooError("grey images only: use dataset=digits or mnist")
        if self.codes_of and not self.prior_layers:
            raise ZooError("codes_of trains a prior: prior_layers must be at least 1")
        if self.codes < 2 or min(self.code_dim, self.width, self.halvings, self.components) < 1:
            raise ZooError("two codes, and one of everything else, are needed at least")
        if self.commitment <= 0 or self.restart_every < 1:
            raise ZooError("commitment must be positive, restart_every at least 1")
        if any(side % 2**self.halvings for side in self.event_shape[1:]):
            raise ZooError(
                f"sides of {self.event_shape} are halved {self.halvings} times: too often"
            )
        if self.prior_width == EMBEDDING:
            raise ZooError(
                f"prior_width must not be {EMBEDDING}, the channels of a code's embedding"
            )


_MNIST = Config(
    dataset="mnist", event_shape=(1, 28, 28), codes=128, code_dim=16, width=64, halvings=2,
    steps=6000, batch_size=64, learning_rate=1e-3, warmup_steps=100, schedule="cosine",
    precision="bf16",
)  # fmt: skip

RECIPES: dict[str, Config] = {
    "tiny": Config(
        dataset="digits", event_shape=(1, 4, 4), codes=3, code_dim=2, width=6, halvings=1,
        components=2, prior_layers=2, prior_width=6, steps=100, batch_size=32,
    ),
    "digits": Config(
        dataset="digits", event_shape=(1, 8, 8), codes=64, code_dim=8, width=32, halvings=1,
        components=3, prior_layers=4, steps=1500, batch_size=64, learning_rate=2e-3,
        warmup_steps=50, schedule="cosine",
    ),
    "mnist": _MNIST,
    "mnist-prior": replace(
        _MNIST, codes_of="mnist", prior_layers=6, prior_width=48, steps=3000, clip_norm=1.0,
    ),
    "mnist-gpu": replace(
        _MNIST, codes=512, code_dim=64, width=128, steps=60_000, batch_size=128,
        learning_rate=5e-4, prior_layers=12, prior_width=128, clip_norm=1.0,
    ),
}  # fmt: skip


class Task(recipes.Task):
    """Equation 3 for the autoencoder; maximum likelihood of its codes for the prior."""

    config: Config

    def build(self) -> VQVAE:
        """A new model; with `codes_of`, one whose autoencoder is the shipped one and frozen."""
        c, prior = self.config, None
        if c.prior_layers:
            places = tuple(side // 2**c.halvings for side in c.event_shape[1:])
            prior = CodePrior(places, c.codes, EMBEDDING, c.prior_width, c.prior_layers)
        model = VQVAE(
            c.event_shape, levels_of(c.dataset), c.codes, c.code_dim, c.width, c.halvings,
            c.components, c.commitment, prior,
        )  # fmt: skip
        if c.codes_of:
            shipped = get_entry("vq_vae").load(c.codes_of).state_dict()
            model.requires_grad_(False).load_state_dict(shipped, strict=False)
            prior.requires_grad_(True)
        return model

    def optimizers(self, model: nn.Module) -> dict[str, torch.optim.Optimizer]:
        """Adam on what is trained."""
        trained = [p for p in model.parameters() if p.requires_grad]
        return {"model": torch.optim.Adam(trained, self.config.learning_rate, fused=True)}

    def training_data(self) -> Tensor:
        """Images, uint8 (N, C, H, W); for the second stage their codes, int64 (N, h, w)."""
        images = super().training_data()
        if self.config.codes_of is None:
            return images
        model = get_entry("vq_vae").load(self.config.codes_of)
        with torch.no_grad():
            parts = [self.prepare(part, None) for part in images.split(ENCODE_BATCH)]
            return torch.cat([model.encode(x) for x in parts])

    def prepare(self, batch: Tensor, noise: Noise | None) -> Tensor:
        """The middle of images as k/(L − 1); codes as they are."""
        if batch.dtype != torch.uint8:
            return batch
        return scale(middle(batch, self.config.event_shape), levels_of(self.config.dataset))

    def training_step(self, loop: Loop, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """A gradient step; now and then, in the first half of the run, unused codes are moved."""
        out = super().training_step(loop, x, noise)
        c, step = self.config, loop.step
        if c.codes_of is None and step % c.restart_every == 0 and 2 * step < c.steps:
            with torch.no_grad():
                z_e = loop.model.embed(x)
            if loop.fabric is not None:
                z_e = loop.fabric.all_gather(z_e).flatten(0, 1)
            # Draws of their own, the same in all processes.
            u = Noise(c.seed, -1 - step, device=loop.device).uniform(c.codes)
            loop.model.restart(z_e, u)
        return out

    def loss(self, model: VQVAE, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """What is minimised, and beside it the terms and the perplexity of the batch's codes.

        Codes are integers and carry no gradient: trained together, autoencoder and prior do not
        see each other's loss. They do share the norm at which `clip_norm` cuts the gradient.
        """
        if self.config.codes_of:
            return {"loss": -model.prior_log_prob(x).mean()}
        terms = model.loss_terms(x)
        codes, loss = terms.pop("codes"), model.loss(terms)
        shares = codes.flatten().bincount(minlength=len(model.codebook)) / codes.numel()
        out = {name: value.mean() for name, value in terms.items()}
        out["perplexity"] = torch.special.entr(shares).sum().exp()
        if model.prior is None:
            return {"loss": loss, **out}
        out["prior"] = -model.prior_log_prob(codes).mean()
        return {"loss": loss + out["prior"], **out}
