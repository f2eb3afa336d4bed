"""Recipes for GPT: how it is built and trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core import recipes
from zoo.core.errors import ZooError
from zoo.core.noise import Noise
from zoo.core.text import alphabet_of, load_text, windows
from zoo.gpt.model import GPT


@dataclass(frozen=True, kw_only=True)
class Config(recipes.TrainingConfig):
    """Fields of a GPT recipe.

    Attributes:
        context: positions T: the start symbol and at most T − 1 characters are seen.
        width: width of the residual stream.
        heads: attention heads of each block.
        layers: number of blocks.
        dropout: rate of dropout.
        weight_decay: decoupled decay of matrices and embeddings, not of biases and gains.
        alphabet: only the first so many characters, for a model small enough to enumerate; None:
            all characters of the text.
    """

    context: int
    width: int
    heads: int
    layers: int
    dropout: float = 0.0
    weight_decay: float = 0.1
    alphabet: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        alphabet_of(self.dataset)
        if min(self.context, self.width, self.heads, self.layers) < 1:
            raise ZooError("context, width, heads and layers must be at least 1")
        if self.width % self.heads:
            raise ZooError(f"width {self.width} does not divide among {self.heads} heads")


RECIPES = {
    "tiny": Config(
        dataset="docstrings",
        context=5,
        width=12,
        heads=3,
        layers=2,
        alphabet=4,
        steps=100,
        batch_size=32,
    ),
    "docstrings": Config(
        dataset="docstrings",
        context=32,
        width=64,
        heads=4,
        layers=2,
        steps=3000,
        batch_size=32,
        learning_rate=4e-3,
        warmup_steps=50,
        schedule="cosine",
        clip_norm=1.0,
    ),
    "tinyshakespeare": Config(
        dataset="tinyshakespeare",
        context=128,
        width=128,
        heads=4,
        layers=4,
        steps=6000,
        batch_size=32,
        learning_rate=1.5e-3,
        warmup_steps=100,
        schedule="cosine",
        clip_norm=1.0,
        precision="bf16",
    ),
    "tinyshakespeare-gpu": Config(
        dataset="tinyshakespeare",
        context=256,
        width=256,
        heads=8,
        layers=5,
        dropout=0.2,
        steps=5000,
        batch_size=64,
        learning_rate=1e-3,
        warmup_steps=100,
        schedule="cosine",
        clip_norm=1.0,
        precision="bf16",
    ),
}


class Task(recipes.Task):
    """Maximum likelihood of windows of the training text."""

    config: Config

    def build(self) -> GPT:
        """A new model."""
        c = self.config
        vocab_size = c.alphabet or len(alphabet_of(c.dataset))
        return GPT(vocab_size, c.context, c.width, c.heads, c.layers, c.dropout)

    def optimizers(self, model: nn.Module) -> dict[str, torch.optim.Optimizer]:
        """AdamW; biases and gains do not decay."""
        c = self.config
        parameters = list(model.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": c.weight_decay},
            {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
        ]
        adam = torch.optim.AdamW(groups, c.learning_rate, betas=(0.9, 0.99), fused=True)
        return {"model": adam}

    def training_data(self) -> Tensor:
        """All windows of T characters of the training text, (N, T)."""
        return windows(load_text(self.config.dataset, "train").tokens, self.config.context)

    def prepare(self, batch: Tensor, noise: Noise) -> Tensor:
        """Tokens, int64 (B, T)."""
        tokens = batch.long()
        return tokens if self.config.alphabet is None else tokens % self.config.alphabet

    def loss(self, model: GPT, x: Tensor, noise: Noise) -> dict[str, Tensor]:
        """Mean negative log-likelihood, nats per character."""
        logits = model.logits(x)  # (B, T, K), bfloat16 in mixed precision
        # On a CPU autocast leaves log_softmax and sums in bfloat16, but not cross_entropy.
        return {"loss": F.cross_entropy(logits.flatten(0, 1), x.flatten())}
